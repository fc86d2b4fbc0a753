"""Execution of a sweep: the `sweep` mapping of a configuration. It decides where and how fast, never what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from regbench.config.fields import build, choice, integer_or, settings, text
from regbench.errors import ConfigError, suggest

PARTS = "parts"
"""Read while the sweep is composed: lists of overrides, each swept by itself."""


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """Place of a sweep's training, and number of runs trained at once.

    `cohort` is the number of runs in one stacked computation and `workers` the number of processes, each with one
    thread; None, written `auto`, lets a short measurement decide.
    """

    cohort: int | None = integer_or("auto", None, low=1, high=65536, help="runs in one stacked computation")
    workers: int | None = integer_or("auto", None, low=1, high=1024, help="processes of one thread each")
    backend: str = choice("local", "dask", "ray", "submitit", help="what starts the workers")
    address: str | None = text(None, optional=True, help="the running Dask scheduler or Ray cluster")
    cluster: str = choice("slurm", "local", help="submitit's executor")
    job: Mapping[str, object] = settings(
        example="{slurm_partition: cpu}", help="each job's resources, by the names that submitit gives them"
    )


def build_settings(values: Mapping[str, object]) -> SweepSettings:
    """Turn the `sweep` mapping of a configuration into a record; what is left out has its default.

    Raises:
        ConfigError: a key is unknown or a value is not allowed.
    """
    names = [field.name for field in dataclasses.fields(SweepSettings)] + [PARTS]
    for key in values:
        if key not in names:
            raise ConfigError(f"sweep.{key}: unknown key; {suggest(str(key), names)}")
    _check_parts(values.get(PARTS, []))
    own = {key: value for key, value in values.items() if key != PARTS}
    made = build(SweepSettings, own, "sweep")
    if made.backend == "dask" and made.address is None:
        raise ConfigError("sweep.backend=dask needs sweep.address, the scheduler's, as in tcp://host:8786")
    if made.address is not None and made.backend not in ("dask", "ray"):
        raise ConfigError(f"sweep.address={made.address!r} is not for sweep.backend={made.backend}")
    return made


def _check_parts(value: object) -> None:
    if not _is_list(value) or not all(_is_list(part) for part in value):
        raise ConfigError(
            f"sweep.{PARTS}={value!r} is not allowed; it takes a list of lists of overrides, "
            "as in [[regularizer=l2, 'regularizer.l2.strength=1e-4,1e-3'], [regularizer=none]]"
        )


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str)
