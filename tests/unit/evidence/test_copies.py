"""Studies of copies with regbench's own trainer: what sets copies apart, and that fresh runs are the engine's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evidence.copies import COPIES, REPLICATES, TRIALS, Source, open_source, plan_copy, run_copies
from benchmarks.evidence.fresh_stack import Fresh, train_and_predict
from benchmarks.evidence.real import CONTESTS, describe
from regbench.runs.execute import run_one
from regbench.runs.observer import SILENT_RUN
from regbench.studies.proposals import Tried, list_trials
from regbench.studies.variants import vary


@pytest.fixture(scope="module", params=CONTESTS, ids=[contest.dataset for contest in CONTESTS])
def source(request: pytest.FixtureRequest) -> Source:
    return open_source(request.param, "schedule.epochs=3")


def test_copies_differ_in_every_seed_and_point_and_in_no_cut(source: Source) -> None:
    plans = [plan_copy(source, Path("rows.npz"), 5, copy) for copy in range(len(COPIES))]
    trials = [run for plan in plans for r in range(REPLICATES) for run in list_trials(plan, plan.arms[0], r, Tried())]
    count = len(COPIES) * REPLICATES * TRIALS
    assert len({run.seed for run in trials}) == len({run.values for run in trials}) == count
    assert all(plan.rule == plans[0].rule and plan.arms == plans[0].arms for plan in plans)


def test_a_fresh_run_in_the_stack_is_the_run_that_the_command_trains(source: Source, tmp_path: Path) -> None:
    rows = np.random.default_rng(1).choice(len(source.raw.y), 100, replace=False)
    np.savez(tmp_path / "rows.npz", x=np.asarray(source.raw.x)[rows], y=source.raw.y[rows])
    config = plan_copy(source, tmp_path / "rows.npz", 5, 0).arms[0].config
    splits = [{"method": "folds", "folds": 5, "fold": fold, "equal": True} for fold in (1, 3)]
    values: dict[str, object] = {"schedule.optimizer.lr": 0.02}
    runs = [{"one": Fresh(7, values), "two": Fresh(8, values)} for _ in splits]
    found = train_and_predict(config, splits, runs)
    for split, part in zip(splits, found, strict=True):
        for arm, seed in (("one", 7), ("two", 8)):
            alone = run_one(replace(vary(config, values, seed, split), runs=tmp_path / "runs", name="t"), SILENT_RUN)
            outputs = part.outputs[arm]
            assert outputs is not None
            if source.contest.task == "classification":
                shown = float((outputs.argmax(1) == part.target).mean())
                assert shown == pytest.approx(alone.best["test"]["accuracy"], abs=1e-6)
            else:
                shown = float(np.square(outputs - part.target).mean())
                assert shown == pytest.approx(alone.best["test"]["mse"], rel=1e-4)


def test_a_study_repeats_itself_and_its_copies_differ() -> None:
    source = open_source(CONTESTS[1], "schedule.epochs=2")
    first, again = (run_copies(source, [1, 0]) for _ in range(2))
    assert first == again
    assert [arm.name for arm in sorted(first.arms, key=lambda arm: arm.name)] == list(COPIES[1:])
    assert len({arm.difference.mean for arm in first.arms}) == len(first.arms)
    assert all(0 <= share <= 1 for share in describe(first).values())
