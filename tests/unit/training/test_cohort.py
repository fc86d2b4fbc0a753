"""Runs trained side by side equal the same runs trained alone, however long each of them trains."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from regbench.training.cohort_run import CohortRun, make_run
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import (
    Setting,
    build_named,
    draw_classes,
    make_setting,
    make_split,
    train_cohort,
    train_run_alone,
    with_rate,
)

RUNS = 8
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
# In float32 a first gradient of the size of rounding errors moves Adam's weights at full rate; a larger eps damps it.
ADAM = {"name": "adam", "lr": 0.01, "eps": 1e-5}
ADAMW = {"name": "adamw", "lr": 0.01, "eps": 1e-5}
NESTEROV = {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True}

MODELS: dict[str, tuple[tuple[int, ...], str, dict[str, Any]]] = {
    "linear": ((6,), "table", {"name": "linear", "initialisation": "torch"}),
    "mlp": ((6,), "table", {"name": "mlp", "widths": [8, 5]}),
    "conv1d": ((2, 20), "series", {"name": "conv1d", "channels": 4}),
    "cnn": ((1, 8, 8), "image", {"name": "cnn", "channels": [3, 4], "hidden": 6}),
}


def make_cohort_setting(
    model: str = "mlp", regularizers: Mapping[str, Any] | None = None, spread: float = 1.5, **schedule: Any
) -> Setting:
    shape, layout, settings = MODELS[model]
    x, y = draw_classes(96, shape, spread=spread)
    split = make_split(x, y, layout=layout, val=24, test=24)
    return make_setting(split, settings, regularizers, **{"epochs": 3, "batch_size": 16, **schedule})


def make_runs(setting: Setting, regularizers: Sequence[Mapping[str, Any]] | None = None) -> list[CohortRun]:
    """Return eight runs of different seeds, learning rates, decays and, if given, hyper-parameters."""
    runs = []
    for place in range(RUNS):
        run = make_run(setting.spec, 11 * place, Memory())
        own = build_named(regularizers[place]) if regularizers else run.regularizers
        run = dataclasses.replace(run, regularizers=own)
        runs.append(with_rate(run, rate_of(run) * (0.5 + 0.25 * place), decay=0.1 * place))
    return runs


def rate_of(run: CohortRun) -> float:
    return float(run.optimizer.lr)


def figures(row: Mapping[str, Any]) -> dict[str, float]:
    return {column: value for column, value in row.items() if value is not None}


def memory(run: CohortRun) -> Memory:
    assert isinstance(run.sink, Memory)
    return run.sink


def assert_equal_to_alone(setting: Setting, runs: Sequence[CohortRun], tolerance: float) -> list[Memory]:
    """Train the runs as one cohort and one by one, compare everything they leave behind, and return it."""
    train_cohort(setting, runs)
    for run in runs:
        together, alone = memory(run), train_run_alone(setting, run)
        for tensors, own in ((together.final, alone.final), (together.best, alone.best)):
            assert tensors.keys() == own.keys()
            for name, value in own.items():
                torch.testing.assert_close(tensors[name], value, rtol=tolerance, atol=tolerance, msg=name)
        assert len(together.rows) == len(alone.rows)
        for row, own_row in zip(together.rows, alone.rows, strict=True):
            empty = [column for column, value in own_row.items() if value is None]
            assert [column for column, value in row.items() if value is None] == empty
            assert figures(row) == pytest.approx(figures(own_row), rel=100 * tolerance, abs=100 * tolerance)
        for key in ("status", "best_epoch", "epochs", "rolled_back_to", "parameters"):
            assert together.result[key] == alone.result[key]
        assert together.result["stopping"]["rule"] == alone.result["stopping"]["rule"]
    return [memory(run) for run in runs]


@pytest.mark.matrix(cases=8)
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("optimizer", [ADAM, ADAMW, NESTEROV], ids=lambda record: str(record["name"]))
@pytest.mark.parametrize("model", MODELS)
def test_eight_runs_equal_eight_alone(model: str, optimizer: dict[str, Any], precision: str) -> None:
    setting = make_cohort_setting(model, optimizer=optimizer, precision=precision)
    assert_equal_to_alone(setting, make_runs(setting), TOLERANCE[precision])


@pytest.mark.parametrize("precision", TOLERANCE)
def test_each_run_has_its_own_hyper_parameters(precision: str) -> None:
    regularizers = [{"input_noise": {"strength": 0.05 * k}, "dropout": {"rate": 0.1 * k}} for k in range(1, RUNS + 1)]
    setting = make_cohort_setting("mlp", regularizers[0], optimizer=ADAM, precision=precision)
    assert_equal_to_alone(setting, make_runs(setting, regularizers), TOLERANCE[precision])


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("regularizers", [{}, {"batch_norm": {}, "dropout": {"rate": 0.3}}], ids=["bare", "stateful"])
def test_runs_leave_the_stack_at_different_epochs(regularizers: dict[str, Any], precision: str) -> None:
    stop = {"name": "metric", "monitor": "val_loss", "patience": 2}
    # A larger eps and rate end every run before rounding errors, which Adam amplifies, grow to the tolerance.
    optimizer = {"name": "adam", "lr": 0.1, "eps": 1e-2}
    setting = make_cohort_setting("mlp", regularizers, optimizer=optimizer, precision=precision, epochs=40, stop=stop)
    sinks = assert_equal_to_alone(setting, make_runs(setting), TOLERANCE[precision])
    assert len({sink.result["epochs"] for sink in sinks}) >= 4
    assert {sink.result["status"] for sink in sinks} == {"stopped_early"}
    for sink in sinks:
        assert sink.result["epochs"] == sink.result["best_epoch"] + 2 == len(sink.rows)


def test_each_run_lowers_its_own_learning_rate() -> None:
    stop = {"name": "metric", "monitor": "val_loss", "patience": 1, "reduce_lr": 2, "reduce_factor": 0.5}
    setting = make_cohort_setting("mlp", optimizer={**ADAM, "lr": 0.05}, precision="float64", epochs=15, stop=stop)
    sinks = assert_equal_to_alone(setting, make_runs(setting), TOLERANCE["float64"])
    lowered = [[row["epoch"] for row in sink.rows if row["lr"] < sink.rows[0]["lr"]] for sink in sinks]
    assert len({epochs[0] for epochs in lowered if epochs}) > 1
    for run, sink in zip(make_runs(setting), sinks, strict=True):
        assert {row["lr"] for row in sink.rows} <= {rate_of(run) * factor for factor in (1.0, 0.5, 0.25)}


@pytest.mark.parametrize("rule", ["weight_change", "largest_change"])
def test_weight_rules_stop_each_run_by_its_own_change(rule: str) -> None:
    stop = {"name": rule, "epsilon": 0.05, "lag": 2}
    schedule: dict[str, Any] = {
        "optimizer": {"name": "sgd", "lr": 0.2},
        "epochs": 40,
        "batch_size": 48,
        "precision": "float64",
    }
    setting = make_cohort_setting("linear", stop=stop, **schedule)
    sinks = assert_equal_to_alone(setting, make_runs(setting), TOLERANCE["float64"])
    assert len({sink.result["epochs"] for sink in sinks}) > 1
    column = {"weight_change": "weight_change_l2", "largest_change": "weight_change_max"}[rule]
    for sink in sinks:
        changes = [row[column] for row in sink.rows]
        assert changes[0] is None
        below = [number for number, change in enumerate(changes, 1) if change is not None and change < 0.05]
        assert sink.result["epochs"] == (below[0] if below else 40)


@pytest.mark.parametrize("precision", TOLERANCE)
def test_ensembles_of_a_cohort_equal_ensembles_alone(precision: str) -> None:
    stop = {"name": "metric", "monitor": "val_loss", "patience": 1}
    setting = make_cohort_setting(
        "mlp", {"bagging": {"members": 3}}, optimizer={**ADAM, "lr": 0.03}, precision=precision, epochs=8, stop=stop
    )
    sinks = assert_equal_to_alone(setting, make_runs(setting), TOLERANCE[precision])
    assert len({sink.result["epochs"] for sink in sinks}) > 1
    assert all(sink.best["hidden0.weight"].shape == (3, 8, 6) for sink in sinks)


def test_a_run_that_diverges_leaves_its_neighbours_untouched() -> None:
    """One of eight runs overflows; the others end as they do without it."""
    setting = make_cohort_setting("mlp", optimizer={"name": "sgd", "lr": 0.05}, precision="float64", epochs=4)
    runs = make_runs(setting)
    runs[3] = with_rate(runs[3], 1e200)
    train_cohort(setting, runs)
    assert memory(runs[3]).result["status"] == "diverged"
    for place in (0, 1, 2, 4, 5, 6, 7):
        alone = train_run_alone(setting, runs[place])
        assert memory(runs[place]).result["status"] == "complete"
        torch.testing.assert_close(memory(runs[place]).final["weights"], alone.final["weights"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("val", [24, 0])
def test_a_diverged_run_goes_back_to_its_best_finite_epoch(val: int) -> None:
    """Squared loss at too high a rate doubles its weights until they overflow; only finite ones are ever kept."""
    x = np.random.default_rng(2).standard_normal((90, 3))
    split = make_split(x, x.sum(1), val=val, test=10)
    schedule: dict[str, Any] = {
        "optimizer": {"name": "sgd", "lr": 20.0},
        "epochs": 100,
        "batch_size": "full",
        "precision": "float64",
    }
    setting = make_setting(split, {"name": "linear"}, **schedule)
    sink = Memory()
    train_cohort(setting, [make_run(setting.spec, 0, sink)])
    assert sink.result["status"] == "diverged"
    assert "not finite" in sink.result["stopping"]["reason"]
    assert 1 <= sink.result["best_epoch"] < sink.result["epochs"] < 100
    assert val == 0 or sink.result["best_epoch"] == 1
    assert sink.result["rolled_back_to"] == sink.result["best_epoch"]
    assert all(bool(torch.isfinite(value).all()) for value in sink.best.values())
    assert all(bool(torch.isfinite(sink.final[name]).all()) for name in ("weights", "best.weights"))
    assert math.isfinite(sink.result["best"]["test"]["loss"])


def test_the_best_epoch_is_restored_and_evaluated_again() -> None:
    """Best figures are those of the kept weights, computed here with numpy, not those of the last epoch."""
    setting = make_cohort_setting("linear", optimizer={**ADAM, "lr": 0.3}, precision="float64", epochs=20)
    sink = Memory()
    train_cohort(setting, [make_run(setting.spec, 1, sink)])
    losses = [row["val_loss"] for row in sink.rows]
    assert sink.result["best_epoch"] == 1 + int(np.argmin(losses)) < 20
    assert sink.result["rolled_back_to"] == sink.result["best_epoch"]
    weight, bias = sink.best["linear.weight"].numpy(), sink.best["linear.bias"].numpy()
    for name in ("train", "val", "test"):
        part = getattr(setting.split, name)
        logits = part.x @ weight.T + bias
        logits -= logits.max(1, keepdims=True)
        likelihood = logits[np.arange(len(part.y)), part.y] - np.log(np.exp(logits).sum(1))
        figures = sink.result["best"][name]
        assert figures["loss"] == pytest.approx(-likelihood.mean(), rel=1e-12)
        assert figures["accuracy"] == pytest.approx((logits.argmax(1) == part.y).mean(), rel=1e-12)


def test_a_network_of_nan_has_no_accuracy_and_is_never_best() -> None:
    """One step at an absurd rate ends the first epoch with weights that are not finite, before any gradient is."""
    setting = make_cohort_setting(
        "mlp",
        optimizer={"name": "sgd", "lr": 1e39},
        stop={"name": "metric", "monitor": "val_accuracy"},
        batch_size="full",
        epochs=2,
    )
    sink = Memory()
    train_cohort(setting, [make_run(setting.spec, 0, sink)])
    assert math.isnan(sink.rows[0]["val_accuracy"])
    assert sink.result["status"] == "diverged"
    assert sink.result["best_epoch"] == 0
    assert all(bool(torch.isfinite(value).all()) for value in sink.best.values())


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_an_ensembles_figures_are_those_of_its_mean_prediction(task: str) -> None:
    """Probabilities, or predicted numbers, are averaged; computed here with numpy from the members' own weights."""
    x, y = draw_classes(90, (6,), spread=2.0)
    split = make_split(x, y if task == "classification" else x @ np.arange(6.0) + 1.0, val=20, test=20)
    schedule: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 16,
        "precision": "float64",
        "optimizer": {"name": "sgd", "lr": 0.02},
    }
    setting = make_setting(split, {"name": "linear"}, {"bagging": {"members": 3}}, **schedule)
    sink = Memory()
    train_cohort(setting, [make_run(setting.spec, 0, sink)])
    weight, bias = sink.best["linear.weight"].numpy(), sink.best["linear.bias"].numpy()
    assert weight.shape == (3, 3 if task == "classification" else 1, 6)
    part = split.test
    outputs = np.einsum("nd,mcd->mnc", part.x, weight) + bias[:, None]
    figures = sink.result["best"]["test"]
    if task == "regression":
        error = ((outputs.mean(0)[:, 0] - part.y) ** 2).mean()
        assert (figures["loss"], figures["mse"]) == pytest.approx((error, error), rel=1e-12)
        return
    exponentials = np.exp(outputs - outputs.max(-1, keepdims=True))
    mean = (exponentials / exponentials.sum(-1, keepdims=True)).mean(0)
    assert figures["loss"] == pytest.approx(-np.log(mean[np.arange(len(part.y)), part.y]).mean(), rel=1e-12)
    assert figures["accuracy"] == pytest.approx((mean.argmax(1) == part.y).mean())
