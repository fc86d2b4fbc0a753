"""A run resumed from any of its commits is the run that never stopped, bit for bit.

Oracle: the rows, the result and all tensors of the same run trained straight through. The commits pass through real
checkpoint files. Every regularizer alone is resumed by the contract suite; here are optimizers, stopping rules, curves,
precisions and stacks of regularizers, which keep state of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.store.checkpoint import Checkpoint, CheckpointError, read_checkpoint, write_checkpoint
from regbench.training.cohort_run import Interrupted, Observer, make_run
from regbench.training.fit import COMMIT_SECONDS, fit
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split

EPOCHS = 7
SGD = {"name": "sgd", "lr": 0.5}
MOMENTUM = {"name": "sgd", "lr": 0.2, "momentum": 0.9}
PATIENT = {"name": "metric", "monitor": "val_loss", "patience": 2}
LOWERING = {**PATIENT, "patience": 1, "reduce_lr": 2}
STILL = {"name": "weight_change", "epsilon": 0.55, "lag": 3}
STACK: dict[str, dict[str, Any]] = {"batch_norm": {}, "dropout": {}, "ema": {}}
MIXED: dict[str, dict[str, Any]] = {"mixup": {}, "l2": {"strength": 1e-3}, "sam": {}, "max_norm": {"radius": 1.0}}
NOISY: dict[str, dict[str, Any]] = {
    "input_noise": {},
    "dropconnect": {},
    "gradient_noise": {},
    "l1": {"strength": 1e-3},
}

CASES: dict[str, tuple[dict[str, dict[str, Any]], dict[str, Any]]] = {
    "plain": ({}, {"optimizer": SGD}),
    "momentum": ({}, {"optimizer": MOMENTUM}),
    "nesterov": ({}, {"optimizer": {**MOMENTUM, "nesterov": True}}),
    "adam": ({}, {"optimizer": {"name": "adam", "lr": 0.05}}),
    "adamw": ({}, {"optimizer": {"name": "adamw", "lr": 0.05, "weight_decay": 0.1}}),
    "rmsprop with momentum": ({}, {"optimizer": {"name": "rmsprop", "lr": 0.02, "momentum": 0.5}}),
    "float64, full batch": ({}, {"optimizer": MOMENTUM, "precision": "float64", "batch_size": "full"}),
    "bfloat16": ({}, {"optimizer": MOMENTUM, "precision": "bfloat16"}),
    "cosine with warm-up": ({}, {"optimizer": MOMENTUM, "curve": {"name": "cosine", "warmup": 2}}),
    "one cycle": ({}, {"optimizer": MOMENTUM, "curve": {"name": "one_cycle"}}),
    "early stopping": ({}, {"optimizer": {**MOMENTUM, "lr": 0.8}, "stop": PATIENT}),
    "rate lowered, then stopped": ({}, {"optimizer": {**MOMENTUM, "lr": 0.8}, "stop": LOWERING}),
    "weight change over three epochs": ({}, {"optimizer": {**SGD, "lr": 0.2}, "stop": STILL}),
    "norm, dropout and average": (STACK, {"optimizer": {"name": "adam", "lr": 0.05}}),
    "norm, dropout and average, momentum": (STACK, {"optimizer": MOMENTUM, "stop": PATIENT}),
    "mixed batches, penalty, sharpness and constraint": (MIXED, {"optimizer": MOMENTUM}),
    "noise everywhere and proximal l1": (NOISY, {"optimizer": {"name": "rmsprop", "lr": 0.02}}),
    "ensemble of averaged networks": ({"bagging": {"members": 3}, "ema": {}, "batch_norm": {}}, {"optimizer": SGD}),
}


def setting_of(case: str, **schedule: Any) -> Setting:
    """Return a small noisy problem, on which the validation loss soon turns; `schedule` replaces settings."""
    regularizers, own = CASES[case]
    split = make_split(*draw_classes(130, (5,), spread=1.5), val=40, test=20)
    settings = {"epochs": EPOCHS, "batch_size": 24, **own, **schedule}
    return make_setting(split, {"name": "mlp", "widths": [8]}, regularizers, **settings)


def train(
    setting: Setting, checkpoint: Checkpoint | None = None, sink: Memory | None = None, **observer: Any
) -> Memory:
    """Train one run, committed after every epoch, and return what it would have stored."""
    sink = sink or Memory()
    ticks = itertools.count(0.0, COMMIT_SECONDS)
    with torch.no_grad():
        run = make_run(setting.spec, 3, sink, checkpoint=checkpoint)
        fit(setting.spec, [run], [setting.data], Observer(**{"clock": lambda: next(ticks), **observer}))
    return sink


def through_a_file(path: Path, commit: tuple[Mapping[str, torch.Tensor], Mapping[str, Any]]) -> Checkpoint:
    write_checkpoint(path, *commit)
    return read_checkpoint(path)


def assert_same_end(found: Memory, expected: Memory) -> None:
    assert {**found.result, "seconds": None} == {**expected.result, "seconds": None}
    for mine, theirs in ((found.final, expected.final), (found.best, expected.best)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.matrix(cases=8)
@pytest.mark.parametrize("case", CASES)
def test_resuming_after_any_epoch_equals_straight_through(case: str, tmp_path: Path) -> None:
    setting = setting_of(case)
    straight = train(setting)
    epochs = len(straight.rows)
    assert len(straight.commits) == epochs + 1, "one commit an epoch, and one with the result"
    for epoch in range(1, epochs + 1):
        resumed = train(setting, through_a_file(tmp_path / "last", straight.commits[epoch - 1]))
        assert resumed.rows == straight.rows[epoch:]
        assert_same_end(resumed, straight)


def test_run_interrupted_after_every_epoch_equals_straight_through(tmp_path: Path) -> None:
    setting = setting_of("norm, dropout and average")
    straight = train(setting)
    rows, checkpoint = [], None
    for _ in range(EPOCHS):
        sink = Memory()
        with pytest.raises(Interrupted):
            train(setting, checkpoint, sink, stop_requested=lambda: True, clock=lambda: 0.0)
        rows += sink.rows
        checkpoint = through_a_file(tmp_path / "last", sink.commits[-1])
    assert rows == straight.rows
    assert_same_end(train(setting, checkpoint), straight)


@pytest.mark.parametrize("case", ["early stopping", "rate lowered, then stopped", "weight change over three epochs"])
def test_stopped_run_does_not_train_again(case: str, tmp_path: Path) -> None:
    setting = setting_of(case)
    straight = train(setting)
    assert straight.result["status"] == "stopped_early"
    assert len(straight.rows) < EPOCHS, "the case must stop early to mean anything"
    again = train(setting, through_a_file(tmp_path / "last", straight.commits[-1]))
    assert again.rows == []
    assert_same_end(again, straight)


def test_stopping_rule_changes_nothing_before_it_stops() -> None:
    stopped, free = train(setting_of("early stopping")), train(setting_of("early stopping", stop={"name": "none"}))
    assert stopped.rows == free.rows[: len(stopped.rows)]


@pytest.mark.parametrize("case", ["weight change over three epochs", "norm, dropout and average, momentum"])
def test_commit_with_a_tensor_missing_extra_or_changed_is_refused(case: str) -> None:
    setting = setting_of(case)
    tensors, facts = train(setting).commits[2]
    assert {name.partition(".")[0] for name in tensors} >= {"weights", "alive", "best", "optimizer", "history"}
    for name, tensor in tensors.items():
        others = {key: value for key, value in tensors.items() if key != name}
        wider = torch.cat([tensor, tensor]) if tensor.ndim else tensor.expand(2)
        other_type = tensor.to(torch.float64 if tensor.dtype != torch.float64 else torch.float32)
        for changed in (others, {**others, name: wider}, {**others, name: other_type}, {**tensors, f"{name}x": tensor}):
            with pytest.raises(CheckpointError, match=name):
                train(setting, Checkpoint(changed, facts))
