"""Ranking of seed groups: runs that differ only in their seed are averaged, and groups of one data set compared.

Runs of the same settings but different data, as when a file was changed in between, are groups of their own.
A group is judged by its validation metric at the best epoch of each run, never by a training or a test figure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from regbench.metrics import METRICS
from regbench.statuses import RunState
from regbench.sweeps.manifest import ABSENT, varying
from regbench.sweeps.run_status import RunStatus

DIGITS = 10
"""Hex digits of a checksum that a table shows."""

UNKNOWN_DATA = "unknown"
NO_DATA = "none yet"

MIXED_DATA = (
    "runs of the same settings were trained on different data (first digits of its checksum); "
    "their figures are neither averaged nor compared"
)
COMMON_SEEDS = "groups are compared on the {count} seed(s) that all of them have; their means are over their own"
NO_VALIDATION = "no validation part, so the groups are in the order of the plan and none is called best"


@dataclass(frozen=True)
class Score:
    """Mean over the seeds, and its standard error s/√n with s² = Σ(x - mean)²/(n - 1); no error for one seed."""

    mean: float
    error: float | None


@dataclass(frozen=True)
class SeedGroup:
    """Runs that differ only in their seed.

    `values` are all they share; `keys` those of them in which the sweep's groups differ, and `data` the part of them
    that says on which data they were trained. `checksum` is that of the data where runs of the same settings had
    several (`mark_data`). Diverged runs are counted and have no part in the scores.
    """

    values: Mapping[str, object]
    keys: tuple[str, ...]
    runs: int
    ended: int
    failed: int
    diverged: int
    metric: str | None
    validation: Score | None
    test: Score | None
    loss: Score | None
    has_validation: bool
    last: Score | None = None
    """Test metric at the last epoch."""
    by_seed: Mapping[object, float | None] = field(default_factory=dict)
    """Validation metric of each seed whose run has come to an end; None where it diverged or failed."""
    compared: int | None = None
    """Number of seeds on which the groups of these data are compared, where it is not all that this group has."""
    checksum: str | None = None
    idle: Mapping[str, str] = field(default_factory=dict)
    """Regularizers that change nothing in any of the runs that have ended, with the reason."""

    @property
    def mean(self) -> float | None:
        """Mean validation metric at the best epoch over the seeds."""
        return self.validation.mean if self.validation else None

    @property
    def error(self) -> float | None:
        """Standard error of that mean; None for a single run."""
        return self.validation.error if self.validation else None

    @property
    def data(self) -> tuple[tuple[str, str], ...]:
        """What tells its data from the others of the sweep; only groups of the same data can be compared."""
        settings = [(key, spell(self.values[key])) for key in self.keys if is_data(key) and key in self.values]
        return (*settings, *([] if self.checksum is None else [("data", self.checksum)]))


def rank(statuses: Sequence[RunStatus]) -> list[SeedGroup]:
    """Return the groups, data set by data set in the order of the plan, the best first.

    Groups of the same data are compared on the seeds that all of them have: first by how many of these they lost (to
    divergence or failure), then by the mean validation metric, then by validation loss. Groups without a figure keep
    the order of the plan, last.
    """
    keys = [key for key in varying([status.run for status in statuses]) if key != "seed"]
    by_values: dict[tuple[str | None, ...], list[RunStatus]] = {}
    for status, checksum in zip(statuses, mark_data(statuses, keys), strict=True):
        by_values.setdefault((checksum, *_pick(status, keys)), []).append(status)
    groups = [replace(_score(runs, tuple(keys)), checksum=known[0]) for known, runs in by_values.items()]
    by_data: dict[tuple[tuple[str, str], ...], list[SeedGroup]] = {}
    for group in groups:
        by_data.setdefault(group.data, []).append(group)
    return [group for members in by_data.values() for group in _compare(members)]


def _compare(groups: Sequence[SeedGroup]) -> list[SeedGroup]:
    """Return groups of the same data, the best first, each with the number of seeds that it is compared on."""
    known = [set(group.by_seed) for group in groups if group.by_seed]
    common = set.intersection(*known) if known else set()
    told = [replace(g, compared=len(common) if common and set(g.by_seed) != common else None) for g in groups]
    return sorted(told, key=lambda group: _merit(group, common))


def best(groups: Sequence[SeedGroup]) -> list[SeedGroup]:
    """Return the best group of each data set, from groups as `rank` orders them; none where nothing was validated."""
    first: dict[tuple[tuple[str, str], ...], SeedGroup] = {}
    for group in groups:
        if group.validation:
            first.setdefault(group.data, group)
    return list(first.values())


def mark_data(statuses: Sequence[RunStatus], keys: Sequence[str]) -> list[str | None]:
    """Return the first digits of each run's data checksum where runs of the same data set settings had several data.

    It is `UNKNOWN_DATA` for a result that does not say it, `NO_DATA` for a run without a result, and None where all
    runs of the same settings had the same data.

    Args:
        statuses: the runs.
        keys: the settings in which they differ.
    """
    marks = [_checksum(status) for status in statuses]
    if len({*marks} - {NO_DATA}) <= 1:
        return [None] * len(marks)
    settings = [_pick(status, [key for key in keys if is_data(key)]) for status in statuses]
    found: dict[tuple[str, ...], set[str]] = {}
    for own, mark in zip(settings, marks, strict=True):
        found.setdefault(own, set()).add(mark)
    return [mark if len(found[own] - {NO_DATA}) > 1 else None for own, mark in zip(settings, marks, strict=True)]


def is_data(key: str) -> bool:
    """Tell whether a key says on which data a run is trained."""
    return key.startswith("dataset.")


def spell(value: object) -> str:
    """Write a value as a configuration does: `null`, `true`, `[64, 64]`, `0.001`."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _checksum(status: RunStatus) -> str:
    if not status.state.ended:
        return NO_DATA
    return (status.origin.data_checksum or UNKNOWN_DATA)[:DIGITS]


def _pick(status: RunStatus, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(_mark(status.run.values.get(key, ABSENT)) for key in keys)


def _mark(value: object) -> str:
    """Return a text equal for equal values; 1 and 1.0 are the same number, and a text is neither."""
    if value is ABSENT:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return repr(value)


def _score(runs: Sequence[RunStatus], keys: tuple[str, ...]) -> SeedGroup:
    ended = [run for run in runs if run.state.ended]
    metric = next((name for run in ended for name in run.figures("test") if name != "loss"), None)
    part = "val" if any(run.has_part("val") for run in ended) else "test"
    # A run that diverged, or whose figures overflowed, would make the mean one of something else.
    sound = [run for run in ended if run.state is not RunState.DIVERGED and metric in run.figures(part)]
    scores = {
        (where, name): _mean([run.figures(where)[name] for run in sound if name in run.figures(where)])
        for where, name in (("val", metric), ("test", metric), ("val", "loss"))
        if name is not None
    }
    return SeedGroup(
        values={key: value for key, value in runs[0].run.values.items() if key != "seed"},
        keys=keys,
        runs=len(runs),
        ended=len(ended),
        failed=sum(run.state is RunState.FAILED for run in runs),
        diverged=len(ended) - len(sound),
        metric=metric,
        validation=scores.get(("val", metric)) if metric else None,
        test=scores.get(("test", metric)) if metric else None,
        loss=scores.get(("val", "loss")),
        has_validation=part == "val" or not ended,
        last=_mean([run.figures("test", "last")[metric] for run in sound if metric in run.figures("test", "last")])
        if metric
        else None,
        idle={
            name: reason
            for name, reason in (ended[0].idle.items() if ended else ())
            if all(name in r.idle for r in ended)
        },
        by_seed={run.run.values.get("seed"): _judge(run, sound, metric) for run in runs if _has_ended(run)},
    )


def _has_ended(run: RunStatus) -> bool:
    return run.state.ended or run.state is RunState.FAILED


def _judge(run: RunStatus, sound: Sequence[RunStatus], metric: str | None) -> float | None:
    """Return the validation metric of a run; None where the run was lost."""
    return run.figures("val").get(metric or "") if any(run is other for other in sound) else None


def _mean(figures: Sequence[float]) -> Score | None:
    count = len(figures)
    if not count:
        return None
    # Divided first: the sum of figures near the largest float would overflow.
    mean = sum(figure / count for figure in figures)
    if count == 1:
        return Score(mean, None)
    spread = math.hypot(*(figure - mean for figure in figures))
    return Score(mean, spread / math.sqrt((count - 1) * count))


def _merit(group: SeedGroup, common: Set[object]) -> tuple[bool, int, float, float]:
    """Return what sorts groups of the same data, the best first.

    Args:
        group: the group.
        common: the seeds that all groups have; without any, each is judged by its own.
    """
    if group.validation is None:
        return True, 0, 0.0, 0.0
    seeds = common or set(group.by_seed)
    figures = [figure for seed, figure in group.by_seed.items() if seed in seeds and figure is not None]
    lost = sum(figure is None for seed, figure in group.by_seed.items() if seed in seeds)
    compared = _mean(figures) or group.validation
    loss = group.loss.mean if group.loss else math.inf
    metric = METRICS.get(group.metric or "")
    lower = metric is not None and not metric.higher_is_better
    return False, lost, compared.mean if lower else -compared.mean, loss
