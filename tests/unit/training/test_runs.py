"""Whole runs: they learn, in every precision, and end as they should without validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from regbench.data.loading import load
from regbench.randomness import Randomness
from tests.unit.training.small_runs import draw_classes, make_setting, make_split, train_alone


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_digits_are_learned(precision: str) -> None:
    setting = make_setting(load({"name": "digits"}), {"name": "mlp"}, epochs=12, precision=precision)
    sink = train_alone(setting)
    assert sink.result["best"]["test"]["accuracy"] > 0.9
    stored = torch.float64 if precision == "float64" else torch.float32
    assert {value.dtype for value in sink.best.values()} == {stored}


def test_bfloat16_computes_in_eight_bits() -> None:
    """The initial loss is close to that of float32, and not the same."""
    split = make_split(*draw_classes(60, (6,)), test=10)
    losses = {}
    for precision in ("float32", "bfloat16"):
        schedule: dict[str, Any] = {"epochs": 1, "batch_size": "full", "optimizer": {"name": "sgd", "lr": 1e-30}}
        setting = make_setting(split, {"name": "mlp"}, precision=precision, **schedule)
        losses[precision] = train_alone(setting).rows[0]["objective"]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=2**-6)


@pytest.mark.parametrize("dataset", ["digits", "breast_cancer"])
def test_without_validation_rows_the_last_epoch_is_the_best(dataset: str) -> None:
    """Under label noise the loss on clean rows goes up again; nothing but the last epoch may be chosen."""
    split = load({"name": dataset, "label_noise": 0.3, "split": {"val": 0.0}})
    setting = make_setting(split, {"name": "mlp", "widths": [32]}, epochs=6, optimizer={"name": "adam", "lr": 0.01})
    sink = train_alone(setting)
    assert sink.result["best_epoch"] == sink.result["epochs"] == 6
    assert sink.result["rolled_back_to"] is None
    assert sink.result["status"] == "complete"
    # Measured twice: the product of a matrix at another address may be rounded otherwise on some processors.
    for part in ("train", "test"):
        assert sink.result["best"][part] == pytest.approx(sink.result["last"][part], rel=1e-12)
    assert sink.result["best"]["val"] is None
    assert sink.result["last"]["val"] is None
    assert all(row["val_loss"] is None and row["val_accuracy"] is None for row in sink.rows)


def test_label_noise_reaches_training_rows_only() -> None:
    noisy, clean = (load({"name": "digits", "label_noise": rate}) for rate in (0.4, 0.0))
    assert (noisy.train.y != clean.train.y).mean() == pytest.approx(0.4, abs=0.06)
    np.testing.assert_array_equal(noisy.val.y, clean.val.y)
    np.testing.assert_array_equal(noisy.test.y, clean.test.y)


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_run() -> None:
    split = make_split(*draw_classes(80, (6,)), val=16, test=16)
    regularizers = {"dropout": {"rate": 0.3}, "input_noise": {}, "mixup": {}, "gradient_noise": {}}
    setting = make_setting(split, {"name": "mlp", "widths": [8]}, regularizers, epochs=3, batch_size=16)
    first, again, other = (train_alone(setting, seed) for seed in (1, 1, 2))
    assert first.rows == again.rows
    assert all(torch.equal(first.best[name], value) for name, value in again.best.items())
    assert first.rows[0]["train_loss"] != other.rows[0]["train_loss"]
    assert not torch.equal(first.best["hidden0.weight"], other.best["hidden0.weight"])


def test_a_single_row_left_over_is_skipped() -> None:
    """33 rows in batches of 16 make two steps an epoch, here taken by hand; the row left over would be a third."""
    split = make_split(*draw_classes(34, (4,)))
    setting = make_setting(
        split, {"name": "linear"}, epochs=1, batch_size=16, precision="float64", optimizer={"name": "sgd", "lr": 0.1}
    )
    x, y = setting.data.rows.x, setting.data.rows.y
    order = Randomness(0).at("order", 1).permutation(33)
    weight, bias = torch.zeros(3, 4, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for chosen in (order[:16], order[16:32]):
        error = ((x[chosen] @ weight.T + bias).softmax(1) - y[chosen]) / 16
        weight, bias = weight - 0.1 * error.T @ x[chosen], bias - 0.1 * error.sum(0)
    best = train_alone(setting).best
    torch.testing.assert_close(best["linear.weight"], weight, rtol=0, atol=1e-14)
    torch.testing.assert_close(best["linear.bias"], bias, rtol=0, atol=1e-14)


def test_a_stopped_run_reports_rule_and_reason() -> None:
    split = make_split(*draw_classes(90, (6,), spread=2.0), val=20, test=20)
    stop = {"name": "metric", "monitor": "val_accuracy", "patience": 2}
    setting = make_setting(split, {"name": "mlp"}, epochs=60, batch_size=25, stop=stop)
    sink = train_alone(setting)
    merits = [(row["val_accuracy"], -row["val_loss"]) for row in sink.rows]  # a tie goes to the lower loss
    assert sink.result["status"] == "stopped_early"
    assert sink.result["stopping"]["rule"] == "metric"
    assert "val_accuracy has not improved for 2 epochs" in sink.result["stopping"]["reason"]
    assert sink.result["best_epoch"] == 1 + merits.index(max(merits))
    assert [merit[0] for merit in merits].index(max(merits)[0]) + 1 == sink.result["epochs"] - 2  # a tie is a miss
