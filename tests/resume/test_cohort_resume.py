"""A cohort killed after any epoch continues as if nothing had happened, together or in other groups.

Oracle: the same cohort trained straight through: bit for bit where the same runs stay together, and within the
rounding of another stack size where they do not. The commits pass through real checkpoint files.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.store.checkpoint import Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from regbench.training.cohort_run import CohortRun, Interrupted, Observer, make_run
from regbench.training.fit import COMMIT_SECONDS, fit
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, build_named, draw_classes, make_setting, make_split, with_rate

RUNS = 4
EPOCHS = 7
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
MOMENTUM = {"name": "sgd", "lr": 0.3, "momentum": 0.9}
ADAM = {"name": "adam", "lr": 0.03, "eps": 1e-6}
PATIENT = {"name": "metric", "monitor": "val_loss", "patience": 2}
LOWERING = {**PATIENT, "patience": 1, "reduce_lr": 2}
STILL = {"name": "weight_change", "epsilon": 0.6, "lag": 3}
STATEFUL: dict[str, dict[str, Any]] = {
    "batch_norm": {},
    "dropout": {},
    "weight_decay": {"strength": 0.1},
    "ema": {"decay": 0.5},
}

CASES: dict[str, tuple[dict[str, dict[str, Any]], dict[str, Any]]] = {
    "norm, dropout, decay and average": (STATEFUL, {"optimizer": ADAM}),
    "the same, stopped early": (STATEFUL, {"optimizer": MOMENTUM, "stop": PATIENT}),
    "adamw, rate lowered, then stopped": ({}, {"optimizer": {"name": "adamw", "lr": 0.1}, "stop": LOWERING}),
    "rmsprop with momentum": ({"dropout": {}}, {"optimizer": {"name": "rmsprop", "lr": 0.01, "momentum": 0.5}}),
    "weight change over three epochs": ({"ema": {}}, {"optimizer": {"name": "sgd", "lr": 0.2}, "stop": STILL}),
    "ensembles, stopped early": (
        {"bagging": {"members": 2}, "batch_norm": {}, "ema": {"decay": 0.5}},
        {"optimizer": MOMENTUM, "stop": PATIENT},
    ),
}
STOPPING = [case for case, (_, schedule) in CASES.items() if "stop" in schedule]


def setting_of(case: str, precision: str = "float32") -> Setting:
    regularizers, schedule = CASES[case]
    split = make_split(*draw_classes(130, (5,), spread=1.5), val=40, test=20)
    settings = {"epochs": EPOCHS, "batch_size": 24, "precision": precision, **schedule}
    return make_setting(split, {"name": "mlp", "widths": [8]}, regularizers, **settings)


def runs_of(case: str, setting: Setting) -> list[CohortRun]:
    """Return runs of different seeds, learning rates, decays and, with dropout, drop rates."""
    runs = []
    for place in range(RUNS):
        run = make_run(setting.spec, 5 * place, Memory())
        own = {name: dict(values) for name, values in CASES[case][0].items()}
        if "dropout" in own:
            own["dropout"] = {"rate": 0.15 * place}
        run = dataclasses.replace(run, regularizers=build_named(own))
        runs.append(with_rate(run, float(run.optimizer.lr) * (0.4 + 0.4 * place), decay=0.1 * place))
    return runs


def train(setting: Setting, runs: Sequence[CohortRun], observer: Observer | None = None) -> list[Memory]:
    """Train runs side by side, committed after every epoch, and return what each would have stored."""
    ticks = itertools.count(0.0, COMMIT_SECONDS)
    with torch.no_grad():
        fit(setting.spec, runs, [setting.data], observer or Observer(clock=lambda: next(ticks)))
    return [sink_of(run) for run in runs]


def sink_of(run: CohortRun) -> Memory:
    assert isinstance(run.sink, Memory)
    return run.sink


def resume(run: CohortRun, epoch: int, folder: Path) -> CohortRun:
    """Return the run resumed from its commit after an epoch, with an empty sink."""
    path = folder / f"{run.seed}-{epoch}"
    write_checkpoint(path, *sink_of(run).commits[epoch - 1])
    return dataclasses.replace(run, sink=Memory(), checkpoint=read_checkpoint(path))


def killed_after(runs: Sequence[CohortRun], epoch: int) -> list[CohortRun]:
    """Return the runs without a result when the cohort is killed at the commits of an epoch."""
    return [run for run in runs if len(sink_of(run).rows) >= epoch]


def assert_same_end(found: Memory, expected: Memory) -> None:
    assert {**found.result, "seconds": None} == {**expected.result, "seconds": None}
    for mine, theirs in ((found.final, expected.final), (found.best, expected.best)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def assert_near_end(found: Memory, expected: Memory, tolerance: float) -> None:
    for mine, theirs in ((found.final, expected.final), (found.best, expected.best)):
        assert mine.keys() == theirs.keys()
        for name, tensor in theirs.items():
            torch.testing.assert_close(mine[name], tensor, rtol=tolerance, atol=tolerance, msg=name)
    for key in ("status", "best_epoch", "epochs", "rolled_back_to"):
        assert found.result[key] == expected.result[key]


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("case", CASES)
def test_cohort_killed_after_any_epoch_equals_straight_through(case: str, tmp_path: Path) -> None:
    setting = setting_of(case)
    runs = runs_of(case, setting)
    straight = train(setting, runs)
    for epoch in range(1, max(len(sink.rows) for sink in straight) + 1):
        left = killed_after(runs, epoch)
        for run, resumed in zip(left, train(setting, [resume(run, epoch, tmp_path) for run in left]), strict=True):
            assert resumed.rows == sink_of(run).rows[epoch:]
            assert_same_end(resumed, sink_of(run))


@pytest.mark.parametrize("case", STOPPING)
def test_runs_of_these_cases_leave_the_stack_at_different_epochs(case: str) -> None:
    """Otherwise the test above would not see runs that have ended at the commit from which others resume."""
    setting = setting_of(case)
    epochs = {len(sink.rows) for sink in train(setting, runs_of(case, setting))}
    assert len(epochs) > 1
    assert min(epochs) < EPOCHS


@pytest.mark.matrix(cases=5)
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_runs_resumed_in_other_groups_agree(case: str, precision: str, tmp_path: Path) -> None:
    setting = setting_of(case, precision)
    runs = runs_of(case, setting)
    train(setting, runs)
    for epoch in (1, 3):
        left = [resume(run, epoch, tmp_path) for run in killed_after(runs, epoch)]
        groups = [left[:1], left[:0:-1]]  # one alone, the others in reverse
        expected = {run.seed: sink_of(run) for run in runs}
        for group in filter(None, groups):
            spec = dataclasses.replace(setting.spec, regularizers=group[0].regularizers)
            for run, sink in zip(group, train(dataclasses.replace(setting, spec=spec), group), strict=True):
                assert_near_end(sink, expected[run.seed], TOLERANCE[precision])


def test_interrupted_cohort_is_committed_whole(tmp_path: Path) -> None:
    """Ctrl-C after each epoch in turn: every run resumes from there, as if it had not come."""
    setting = setting_of("norm, dropout, decay and average")
    runs = runs_of("norm, dropout, decay and average", setting)
    straight = [sink.rows for sink in train(setting, runs)]
    rows: list[list[dict[str, Any]]] = [[] for _ in runs]
    current = [dataclasses.replace(run, sink=Memory()) for run in runs]
    for _ in range(EPOCHS):
        with pytest.raises(Interrupted):
            train(setting, current, Observer(stop_requested=lambda: True, clock=lambda: 0.0))
        for own, run in zip(rows, current, strict=True):
            own += sink_of(run).rows
        current = [resume(run, 1, tmp_path) for run in current]
    assert rows == straight
    for sink, run in zip(train(setting, current), runs, strict=True):
        assert sink.rows == []
        assert_same_end(sink, sink_of(run))


def test_cohort_of_different_epochs_is_refused(tmp_path: Path) -> None:
    setting = setting_of("rmsprop with momentum")
    runs = runs_of("rmsprop with momentum", setting)
    train(setting, runs)
    first, second = runs[:2]
    for group in ([resume(first, 1, tmp_path), resume(second, 2, tmp_path)], [resume(first, 1, tmp_path), second]):
        with pytest.raises(ValueError, match="same epoch"):
            train(setting, group)


def test_a_neighbours_changed_tensor_is_named() -> None:
    setting = setting_of("the same, stopped early")
    runs = runs_of("the same, stopped early", setting)
    train(setting, runs)
    commits = [sink_of(run).commits[0] for run in runs]
    for name, tensor in commits[2][0].items():
        changed = tensor[:, :-1] if tensor.ndim > 1 else tensor.to(torch.float64 if tensor.ndim else torch.int64)
        tensors = [{**own, name: changed} if place == 2 else own for place, (own, _) in enumerate(commits)]
        resumed = [
            dataclasses.replace(run, sink=Memory(), checkpoint=Checkpoint(own, facts))
            for run, own, (_, facts) in zip(runs, tensors, commits, strict=True)
        ]
        with pytest.raises(CheckpointError, match=name):
            train(setting, resumed)


def test_runs_that_count_their_updates_differently_are_refused() -> None:
    setting = setting_of("rmsprop with momentum")
    runs = runs_of("rmsprop with momentum", setting)
    train(setting, runs)
    resumed = []
    for place, run in enumerate(runs):
        tensors, facts = sink_of(run).commits[1]
        tensors = {**tensors, "optimizer.step": tensors["optimizer.step"] + place}
        resumed.append(dataclasses.replace(run, sink=Memory(), checkpoint=Checkpoint(tensors, facts)))
    with pytest.raises(CheckpointError, match=r"optimizer\.step"):
        train(setting, resumed)


def test_progress_tells_the_epoch_and_the_runs_still_training() -> None:
    setting = setting_of("the same, stopped early")
    runs = runs_of("the same, stopped early", setting)
    seen: list[tuple[int, int]] = []
    sinks = train(setting, runs, Observer(progress=lambda epoch, active: seen.append((epoch, active))))
    ends = [len(sink.rows) for sink in sinks]
    assert seen == [(epoch, sum(end > epoch for end in ends)) for epoch in range(1, max(ends) + 1)]
