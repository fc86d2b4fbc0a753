"""The trial of a stack that has several cuts of the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from regbench.compose.loader import PRIMARY, open_loader
from regbench.compose.sweep_runs import compose_sweep
from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError
from regbench.runs import prepare
from regbench.sweeps.plan.stacking import find_stacks
from regbench.sweeps.plan.trial import Trial, measure_stack

WORDS = ("dataset=iris", "model.widths=[4]", "dataset.split.seed=0,1", "seed=0,1")
ROW_BYTES = (4 + 3 + 1) * 4
"""Inputs, classes and weight of a row of iris, in float32."""


@pytest.fixture(scope="module")
def runs() -> tuple[RunConfig, ...]:
    """Two seeds on each of two cuts, which are one stack."""
    with open_loader(None, None, warn=print) as loader:
        configs = compose_sweep(loader, PRIMARY, [list(WORDS)])
    (places,) = find_stacks(configs)
    return tuple(configs[place] for place in places)


def refuse(monkeypatch: pytest.MonkeyPatch, *cuts: int) -> None:
    """Have the data of some cuts refused."""
    read = prepare.prepare_run

    def refuse_some(config: RunConfig, records: prepare.Records) -> prepare.PreparedRun:
        seed = config.dataset["split"]["seed"]
        if seed in cuts:
            raise ConfigError(f"cut {seed} cannot be used")
        return read(config, records)

    monkeypatch.setattr(prepare, "prepare_run", refuse_some)


def test_each_run_bears_its_share_of_the_cuts(runs: tuple[RunConfig, ...]) -> None:
    trial = Trial(0, runs, (1,), Path.cwd())
    shared, own = (measure_stack(each).measured for each in (trial, replace(trial, cuts=0.5)))
    assert shared is not None
    assert own is not None
    rows = 90 + 30 + 30  # those that train, and as many of them as validation has, then validation, are watched
    assert own.bytes_per_run - shared.bytes_per_run == rows * ROW_BYTES


def test_a_refused_cut_says_nothing_of_the_others(runs: tuple[RunConfig, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, 0)
    report = measure_stack(Trial(0, runs, (1,), Path.cwd()))
    assert report.refusal is None
    assert report.measured is not None


def test_where_all_are_refused_the_first_refusal_is_told(
    runs: tuple[RunConfig, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, 0, 1)
    assert measure_stack(Trial(0, runs, (1,), Path.cwd())).refusal == "cut 0 cannot be used"
