"""All settings of a sweep, checked before its first run starts, and which runs can be stacked."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.config.run_config import RunConfig


def check_all(configs: Sequence[RunConfig]) -> None:
    """Check the settings of every run, those that differ only in the seed once.

    Raises:
        ConfigError: a setting of some run is not allowed; it is the first in the order of the runs.
    """
    from regbench.runs.prepare import build_records

    seen: set[str] = set()
    for config in configs:
        settings = repr((config.device, config.schedule, config.model, config.regularizers))  # 1, 1.0 and True differ
        if settings not in seen:
            seen.add(settings)
            build_records(config)


def check_and_group(configs: Sequence[RunConfig]) -> list[list[int]]:
    """Check the settings of every run and return the places of the runs of each group.

    It imports torch; where many runs wait, a worker does it, which needs torch anyhow.

    Raises:
        ConfigError: a setting of some run is not allowed.
    """
    from regbench.sweeps.plan.stacking import find_groups

    check_all(configs)
    return find_groups(configs)
