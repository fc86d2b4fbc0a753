"""Which runs are trained side by side: as many as asked for, and again those that were when they were interrupted.

Products are rounded by the number of runs in them, so a run that is to end as if nothing had happened must go on with
those that it was trained with. Each commit records them under one name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from regbench.config.run_config import RunConfig
from regbench.store.checkpoint import peek_facts


def name_cohort(runs: Sequence[RunConfig]) -> str:
    """Return a name for runs that are trained side by side."""
    return hashlib.sha256(" ".join(sorted(config.run_id() for config in runs)).encode()).hexdigest()[:16]


def read_cohort(config: RunConfig) -> str | None:
    """Return the cohort of a run's last commit; None where there is no commit, or none that says so."""
    cohort = peek_facts(config.folder() / "checkpoint" / "last.safetensors").get("cohort")
    return cohort if isinstance(cohort, str) else None


def cut_cohorts(
    runs: Sequence[RunConfig], size: int, read: Callable[[RunConfig], str | None] = read_cohort
) -> list[tuple[RunConfig, ...]]:
    """Return cohorts: first those that were interrupted, as they were, then `size` of the other runs at a time."""
    before: dict[str, list[RunConfig]] = {}
    fresh: list[RunConfig] = []
    for config in runs:
        cohort = read(config)
        (fresh if cohort is None else before.setdefault(cohort, [])).append(config)
    return [*(tuple(members) for members in before.values()), *cut(fresh, size)]


def cut(runs: Sequence[RunConfig], size: int) -> list[tuple[RunConfig, ...]]:
    """Return runs `size` at a time."""
    return [tuple(runs[at : at + size]) for at in range(0, len(runs), size)]
