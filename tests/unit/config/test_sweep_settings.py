"""The `sweep` mapping: what it may hold, and the line that refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.config.sweep_settings import SweepSettings, build_settings
from regbench.errors import ConfigError

DASK = {"backend": "dask", "address": "tcp://127.0.0.1:8786"}


def test_nothing_said_leaves_all_to_a_measurement() -> None:
    settings = build_settings({})
    assert (settings.cohort, settings.workers, settings.backend) == (None, None, "local")
    assert settings == SweepSettings()


@pytest.mark.parametrize(
    ("values", "name", "value"),
    [
        ({"cohort": "auto"}, "cohort", None),
        ({"cohort": 1}, "cohort", 1),
        ({"cohort": 65536}, "cohort", 65536),
        ({"workers": 1024}, "workers", 1024),
        (DASK, "address", DASK["address"]),
        ({"job": {"slurm_partition": "cpu"}}, "job", {"slurm_partition": "cpu"}),
        ({"parts": [["seed=0,1"], []]}, "backend", "local"),
    ],
)
def test_what_is_allowed_is_taken(values: dict[str, Any], name: str, value: object) -> None:
    assert getattr(build_settings(values), name) == value


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        ({"cohort": 0}, "[1, 65536]"),
        ({"cohort": -4}, "sweep.cohort=-4"),
        ({"cohort": 65537}, "auto"),
        ({"cohort": True}, "sweep.cohort=True"),
        ({"cohort": 2.0}, "whole number"),
        ({"cohort": "all"}, "sweep.cohort='all'"),
        ({"cohort": None}, "sweep.cohort"),
        ({"cohort": [1, 2]}, "sweep.cohort"),
        ({"workers": 0}, "[1, 1024]"),
        ({"workers": 1025}, "sweep.workers=1025"),
        ({"worker": 2}, "did you mean 'workers'"),
        ({"backend": "slurm"}, "sweep.backend"),
        ({"backend": "dask"}, "sweep.address"),
        ({"address": "tcp://host:1"}, "sweep.backend=local"),
        ({"job": "cpu"}, "mapping"),
        ({"parts": "seed=0"}, "list of lists"),
        ({"parts": ["seed=0"]}, "list of lists"),
    ],
)
def test_what_is_not_allowed_is_refused_in_one_line(values: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        build_settings(values)
    assert hint in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "sweep" in str(refusal.value)
