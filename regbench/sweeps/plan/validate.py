"""All settings of a sweep, checked before its first run starts, and which runs can be stacked."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.config.run_config import RunConfig


def check_and_stack(configs: Sequence[RunConfig]) -> list[list[int]]:
    """Check the settings of every run and return the places of the runs of each stack.

    It imports torch; where many runs wait, a worker does it, which needs torch anyhow.

    Raises:
        ConfigError: a setting of some run is not allowed; it is the first in the order of the runs.
    """
    from regbench.runs.prepare import build_all
    from regbench.sweeps.plan.stacking import find_stacks

    build_all(configs)
    return find_stacks(configs)
