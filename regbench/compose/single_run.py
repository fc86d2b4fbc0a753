"""The configuration of one run from the overrides of one command."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.types import RunMode

from regbench.compose.guard import declared_sweep, refuse_study
from regbench.compose.loader import CheckedLoader
from regbench.config.run_config import RunConfig, parse
from regbench.errors import ConfigError


def compose_run(loader: CheckedLoader, name: str, overrides: Sequence[str]) -> RunConfig:
    """Return the run that these overrides ask for.

    Args:
        loader: finds the configurations.
        name: of the primary configuration.
        overrides: as typed.

    Raises:
        ConfigError: it cannot be composed, or the configuration declares a sweep.
    """
    refuse_study(overrides)
    cfg = loader.load_configuration(name, list(overrides), RunMode.RUN)
    config = parse(cfg, overrides)
    for where, declared in zip(("hydra.sweeper.params", "sweep.parts"), declared_sweep(cfg), strict=True):
        if declared:
            raise ConfigError(f"the experiment declares a sweep ({where}); add -m to run it")
    return config
