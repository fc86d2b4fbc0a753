"""A cohort killed after any epoch goes on as if nothing had happened, together or in other groups.

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
from regbench.training.fit import COMMIT_SECONDS, Interrupted, Job, Watch, fit, make_job
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, build_named, draw_classes, make_setting, make_split

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
    techniques, schedule = CASES[case]
    split = make_split(*draw_classes(130, (5,), spread=1.5), val=40, test=20)
    settings = {"epochs": EPOCHS, "batch_size": 24, "precision": precision, **schedule}
    return make_setting(split, {"name": "mlp", "widths": [8]}, techniques, **settings)


def jobs_of(case: str, setting: Setting) -> list[Job]:
    """Return runs of different seeds, learning rates, decays and, with dropout, drop rates."""
    jobs = []
    for place in range(RUNS):
        job = make_job(setting.plan, 5 * place, Memory())
        own = {name: dict(values) for name, values in CASES[case][0].items()}
        if "dropout" in own:
            own["dropout"] = {"rate": 0.15 * place}
        rate = job.lr * (0.4 + 0.4 * place)
        jobs.append(dataclasses.replace(job, techniques=build_named(own), lr=rate, decay=0.1 * place))
    return jobs


def train(setting: Setting, jobs: Sequence[Job], watch: Watch | None = None) -> list[Memory]:
    """Train runs side by side, committed after every epoch, and return what each would have stored."""
    ticks = itertools.count(0.0, COMMIT_SECONDS)
    with torch.no_grad():
        fit(setting.plan, jobs, setting.data, watch or Watch(clock=lambda: next(ticks)))
    return [sink_of(job) for job in jobs]


def sink_of(job: Job) -> Memory:
    assert isinstance(job.sink, Memory)
    return job.sink


def resume(job: Job, epoch: int, folder: Path) -> Job:
    """Return the job going on from its commit after an epoch, with an empty sink."""
    path = folder / f"{job.seed}-{epoch}"
    write_checkpoint(path, *sink_of(job).commits[epoch - 1])
    return dataclasses.replace(job, sink=Memory(), checkpoint=read_checkpoint(path))


def killed_after(jobs: Sequence[Job], epoch: int) -> list[Job]:
    """Return the jobs without a result when the cohort is killed at the commits of an epoch."""
    return [job for job in jobs if len(sink_of(job).rows) >= epoch]


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


@pytest.mark.parametrize("case", CASES)
def test_cohort_killed_after_any_epoch_equals_straight_through(case: str, tmp_path: Path) -> None:
    setting = setting_of(case)
    jobs = jobs_of(case, setting)
    straight = train(setting, jobs)
    for epoch in range(1, max(len(sink.rows) for sink in straight) + 1):
        left = killed_after(jobs, epoch)
        for job, resumed in zip(left, train(setting, [resume(job, epoch, tmp_path) for job in left]), strict=True):
            assert resumed.rows == sink_of(job).rows[epoch:]
            assert_same_end(resumed, sink_of(job))


@pytest.mark.parametrize("case", STOPPING)
def test_runs_of_these_cases_leave_the_stack_at_different_epochs(case: str) -> None:
    """Otherwise the test above would not see runs that have ended at the commit that others go on from."""
    setting = setting_of(case)
    epochs = {len(sink.rows) for sink in train(setting, jobs_of(case, setting))}
    assert len(epochs) > 1
    assert min(epochs) < EPOCHS


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_runs_resumed_in_other_groups_agree(case: str, precision: str, tmp_path: Path) -> None:
    setting = setting_of(case, precision)
    jobs = jobs_of(case, setting)
    train(setting, jobs)
    for epoch in (1, 3):
        left = [resume(job, epoch, tmp_path) for job in killed_after(jobs, epoch)]
        groups = [left[:1], left[:0:-1]]  # one alone, the others in reverse
        expected = {job.seed: sink_of(job) for job in jobs}
        for group in filter(None, groups):
            plan = setting.plan if len(group) > 1 else dataclasses.replace(setting.plan, techniques=group[0].techniques)
            for job, sink in zip(group, train(dataclasses.replace(setting, plan=plan), group), strict=True):
                assert_near_end(sink, expected[job.seed], TOLERANCE[precision])


def test_interrupted_cohort_is_committed_whole(tmp_path: Path) -> None:
    """Ctrl-C after each epoch in turn: every run goes on from there, as if it had not come."""
    setting = setting_of("norm, dropout, decay and average")
    jobs = jobs_of("norm, dropout, decay and average", setting)
    straight = [sink.rows for sink in train(setting, jobs)]
    rows: list[list[dict[str, Any]]] = [[] for _ in jobs]
    current = [dataclasses.replace(job, sink=Memory()) for job in jobs]
    for _ in range(EPOCHS):
        with pytest.raises(Interrupted):
            train(setting, current, Watch(stop_requested=lambda: True, clock=lambda: 0.0))
        for own, job in zip(rows, current, strict=True):
            own += sink_of(job).rows
        current = [resume(job, 1, tmp_path) for job in current]
    assert rows == straight
    for sink, job in zip(train(setting, current), jobs, strict=True):
        assert sink.rows == []
        assert_same_end(sink, sink_of(job))


def test_cohort_of_different_epochs_is_refused(tmp_path: Path) -> None:
    setting = setting_of("rmsprop with momentum")
    jobs = jobs_of("rmsprop with momentum", setting)
    train(setting, jobs)
    first, second = jobs[:2]
    for group in ([resume(first, 1, tmp_path), resume(second, 2, tmp_path)], [resume(first, 1, tmp_path), second]):
        with pytest.raises(ValueError, match="same epoch"):
            train(setting, group)


def test_a_neighbours_changed_tensor_is_named() -> None:
    setting = setting_of("the same, stopped early")
    jobs = jobs_of("the same, stopped early", setting)
    train(setting, jobs)
    commits = [sink_of(job).commits[0] for job in jobs]
    for name, tensor in commits[2][0].items():
        changed = tensor[:, :-1] if tensor.ndim > 1 else tensor.to(torch.float64 if tensor.ndim else torch.int64)
        tensors = [{**own, name: changed} if place == 2 else own for place, (own, _) in enumerate(commits)]
        resumed = [
            dataclasses.replace(job, sink=Memory(), checkpoint=Checkpoint(own, facts))
            for job, own, (_, facts) in zip(jobs, tensors, commits, strict=True)
        ]
        with pytest.raises(CheckpointError, match=name):
            train(setting, resumed)


def test_runs_that_count_their_updates_differently_are_refused() -> None:
    setting = setting_of("rmsprop with momentum")
    jobs = jobs_of("rmsprop with momentum", setting)
    train(setting, jobs)
    resumed = []
    for place, job in enumerate(jobs):
        tensors, facts = sink_of(job).commits[1]
        tensors = {**tensors, "optimizer.step": tensors["optimizer.step"] + place}
        resumed.append(dataclasses.replace(job, sink=Memory(), checkpoint=Checkpoint(tensors, facts)))
    with pytest.raises(CheckpointError, match=r"optimizer\.step"):
        train(setting, resumed)


def test_progress_tells_the_epoch_and_the_runs_still_training() -> None:
    setting = setting_of("the same, stopped early")
    jobs = jobs_of("the same, stopped early", setting)
    seen: list[tuple[int, int]] = []
    sinks = train(setting, jobs, Watch(progress=lambda epoch, active: seen.append((epoch, active))))
    ends = [len(sink.rows) for sink in sinks]
    assert seen == [(epoch, sum(end > epoch for end in ends)) for epoch in range(1, max(ends) + 1)]
