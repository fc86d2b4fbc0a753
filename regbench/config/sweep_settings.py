"""How a sweep is executed: the `sweep` mapping of a configuration. It decides where and how fast, never what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regbench.config.fields import build, choice, text
from regbench.errors import ConfigError, suggest

AUTO = "auto"
COUNTS = ("cohort", "workers")
MOST = {"cohort": 65536, "workers": 1024}
PARTS = "parts"
"""Read while the sweep is composed: lists of overrides, each swept by itself."""


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """Where the runs of a sweep are trained, and how many at once.

    `cohort` is the number of runs in one stacked computation and `workers` the number of processes, each with one
    thread; None, written `auto`, lets a short measurement decide on the spot.
    `job` holds what a cluster's scheduler wants to know of each job, by the names that submitit gives them.
    """

    cohort: int | None = None
    workers: int | None = None
    backend: str = choice("local", "dask", "ray", "submitit", help="what starts the workers")
    address: str | None = text(None, optional=True, help="the running Dask scheduler or Ray cluster")
    cluster: str = choice("slurm", "local", help="submitit's executor")
    job: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def build_settings(values: Mapping[str, Any]) -> SweepSettings:
    """Turn the `sweep` mapping of a configuration into a record; what is left out has its default.

    Raises:
        ConfigError: a key is unknown or a value is not allowed.
    """
    names = [field.name for field in dataclasses.fields(SweepSettings)] + [PARTS]
    for key in values:
        if key not in names:
            raise ConfigError(f"sweep.{key}: unknown key; {suggest(str(key), names)}")
    own: dict[str, Any] = {key: _count(key, values[key]) for key in COUNTS if key in values}
    if "job" in values:
        own["job"] = _job(values["job"])
    _check_parts(values.get(PARTS, []))
    plain = {key: value for key, value in values.items() if key not in (*COUNTS, "job", PARTS)}
    settings = dataclasses.replace(build(SweepSettings, plain, "sweep"), **own)
    if settings.backend == "dask" and settings.address is None:
        raise ConfigError("sweep.backend=dask needs sweep.address, the scheduler's, as in tcp://host:8786")
    if settings.address is not None and settings.backend not in ("dask", "ray"):
        raise ConfigError(f"sweep.address={settings.address!r} is not for sweep.backend={settings.backend}")
    return settings


def _count(key: str, value: object) -> int | None:
    if value == AUTO:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST[key]:
        raise ConfigError(
            f"sweep.{key}={value!r} is not allowed; it takes a whole number in [1, {MOST[key]}], or {AUTO}"
        )
    return value


def _job(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"sweep.job={value!r} is not allowed; it takes a mapping, as in {{slurm_partition: cpu}}")
    return value


def _check_parts(value: object) -> None:
    lists = isinstance(value, Sequence) and not isinstance(value, str)
    if not lists or not all(isinstance(part, Sequence) and not isinstance(part, str) for part in value):  # type: ignore[attr-defined]
        raise ConfigError(
            f"sweep.{PARTS}={value!r} is not allowed; it takes a list of lists of overrides, "
            "as in [[regularizer=l2, 'regularizer.l2.strength=1e-4,1e-3'], [regularizer=none]]"
        )
