"""Runs on several cuts of the data, trained as one cohort: each as it is alone on its own cut."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.regularizers.base import Context, Params, Regularizer, Rows, State
from regbench.store.checkpoint import Checkpoint
from regbench.training.cohort_run import Observer, make_run
from regbench.training.fit import COMMIT_SECONDS, fit
from tests.unit.training.committed import same_bits
from tests.unit.training.small_runs import Memory, Setting, draw_classes, make_setting, make_split

NAMES: dict[str, dict[str, Any]] = {
    "none": {},
    "dropout": {"dropout": {"rate": 0.3}},
    "mixup": {"mixup": {}},
    "bagging": {"bagging": {"members": 2}},
    "batch_norm": {"batch_norm": {}},
    "sam": {"sam": {}},
    "ema": {"ema": {}},
    "label_smoothing": {"label_smoothing": {}},
    "balanced_batches": {"balanced_batches": {}},
    "smote": {"smote": {"neighbours": 2}},
    "gradient_noise": {"gradient_noise": {}},
}


def cuts(
    kind: str, regularizers: dict[str, Any], count: int = 3, weighted: bool = False, **schedule: Any
) -> list[Setting]:
    """Settings that differ in their rows alone; those of classes have other numbers of each."""
    found = []
    for seed in range(count):
        generator = np.random.default_rng(100 + seed)
        x, y = draw_classes(100, (5,)) if kind == "classes" else draw_numbers(100, (5,))
        x = x + 0.3 * generator.normal(size=x.shape)
        y = (y + seed) % 3 if kind == "classes" else y
        weights = generator.uniform(0.5, 2.0, size=100) if weighted else None
        split = make_split(x, y, val=20, test=20, weights=weights)
        schedule = {"epochs": 4, "batch_size": 8, "precision": "float64", **schedule}
        found.append(make_setting(split, {"name": "mlp", "widths": [6]}, regularizers, **schedule))
    return found


def draw_numbers(rows: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Rows, and a number for each that depends on them."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(rows, *shape))
    return x, x[:, 0] - 2.0 * x[:, 1] + 0.1 * generator.normal(size=rows)


def train(
    settings: list[Setting], runs: list[tuple[int, int]], checkpoints: Sequence[Checkpoint | None] | None = None
) -> list[Memory]:
    """Train runs (seed, cut) as one cohort, committed after every epoch."""
    sinks = [Memory() for _ in runs]
    spec, ticks = settings[0].spec, itertools.count(0.0, COMMIT_SECONDS)
    made = [
        replace(make_run(spec, seed, sink, None, checkpoint), cut=cut)
        for (seed, cut), sink, checkpoint in zip(runs, sinks, checkpoints or [None] * len(runs), strict=True)
    ]
    with torch.no_grad():
        fit(spec, made, [setting.data for setting in settings], Observer(clock=lambda: next(ticks)))
    return sinks


RUNS = [(0, 0), (1, 1), (2, 2), (3, 0), (4, 2)]


@pytest.mark.matrix(cases=4)
@pytest.mark.parametrize("name", NAMES)
def test_a_cohort_of_several_cuts_is_its_runs_alone(name: str) -> None:
    settings = cuts("classes", NAMES[name])
    together = train(settings, RUNS)
    for (seed, cut), sink in zip(RUNS, together, strict=True):
        (alone,) = train([settings[cut]], [(seed, 0)])
        assert_equal(sink, alone)


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("name", ["none", "mixup", "bagging"])
def test_numbers_too(name: str) -> None:
    settings = cuts("numbers", NAMES[name])
    together = train(settings, RUNS)
    for (seed, cut), sink in zip(RUNS, together, strict=True):
        (alone,) = train([settings[cut]], [(seed, 0)])
        assert_equal(sink, alone)


def test_runs_that_stop_early_leave_the_others_with_their_cuts() -> None:
    stop = {"name": "metric", "monitor": "val_loss", "patience": 2}
    settings = cuts("classes", {}, epochs=30, stop=stop, optimizer={"name": "adam", "lr": 0.05})
    together = train(settings, RUNS)
    assert len({len(sink.rows) for sink in together}) > 1
    for (seed, cut), sink in zip(RUNS, together, strict=True):
        (alone,) = train([settings[cut]], [(seed, 0)])
        assert_equal(sink, alone)


def test_further_figures_are_in_every_epoch() -> None:
    settings = [replace(s, spec=replace(s.spec, further=("balanced_accuracy",))) for s in cuts("classes", {})]
    together = train(settings, RUNS)
    for (seed, cut), sink in zip(RUNS, together, strict=True):
        (alone,) = train([settings[cut]], [(seed, 0)])
        assert_equal(sink, alone)
        assert 0.0 <= sink.rows[-1]["val_balanced_accuracy"] <= 1.0


def test_a_set_without_parts_is_not_measured_at_the_end() -> None:
    (setting,) = cuts("classes", {}, count=1)
    bare = replace(setting, data=replace(setting.data, parts=()))
    (sink,), (whole,) = train([bare], [(0, 0)]), train([setting], [(0, 0)])
    assert sink.rows == whole.rows
    assert sink.result["best"] == {"train": None, "val": None, "test": None}
    assert sink.result["rows"] == {"train": 60, "val": 20, "test": 0}


def test_rows_weigh_in_every_cut() -> None:
    settings = cuts("classes", NAMES["mixup"], weighted=True)
    assert settings[0].spec.facts.weighted
    for (seed, cut), sink in zip(RUNS, train(settings, RUNS), strict=True):
        (alone,) = train([settings[cut]], [(seed, 0)])
        assert_equal(sink, alone)


def test_cuts_of_different_shapes_are_refused() -> None:
    one, other = cuts("classes", {}, count=2)
    short = replace(other, data=replace(other.data, rows=type(other.data.rows)(*(p[:50] for p in other.data.rows))))
    with pytest.raises(ValueError, match="different shapes"):
        train([one, short], [(0, 0), (1, 1)])


@dataclass(frozen=True, kw_only=True)
class Pull(Regularizer):
    """Pulls the first layer's bias towards a mean over all training rows, which it looks up before the first step."""

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        return {"mean": rows.x.mean()}

    def penalty(self, weights: Params, ctx: Context) -> Tensor:
        return (weights["hidden0.bias"] - 10.0 * ctx.state["mean"]).square().sum()


def test_a_state_is_made_of_the_rows_of_the_own_cut() -> None:
    settings = cuts("classes", {"pull": Pull()})
    for (seed, cut), sink in zip(RUNS, train(settings, RUNS), strict=True):
        (alone,) = train([settings[cut]], [(seed, 0)])
        assert_equal(sink, alone)


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("name", ["ema", "bagging"])
def test_what_is_left_of_a_cohort_resumes_with_the_same_bits(name: str) -> None:
    stop = {"name": "metric", "monitor": "val_loss", "patience": 2}
    optimizer = {"name": "adam", "lr": 0.05}
    settings = cuts("classes", NAMES[name], epochs=20, stop=stop, optimizer=optimizer, precision="float32")
    straight = train(settings, RUNS)
    lengths = [len(sink.rows) for sink in straight]
    for epoch in sorted({1, *lengths} - {max(lengths)}):
        left = [place for place, length in enumerate(lengths) if length > epoch]
        numbers = sorted({RUNS[place][1] for place in left})  # a worker prepares only the cuts of what is left
        commits = [Checkpoint(*straight[place].commits[epoch - 1]) for place in left]
        runs = [(RUNS[place][0], numbers.index(RUNS[place][1])) for place in left]
        for place, sink in zip(left, train([settings[n] for n in numbers], runs, commits), strict=True):
            assert sink.rows == straight[place].rows[epoch:]
            assert same_bits(sink, straight[place]), f"run {place} resumed after epoch {epoch}"


def assert_equal(sink: Memory, alone: Memory) -> None:
    """The rows and the results of two runs, to the last digits of float64."""
    assert len(sink.rows) == len(alone.rows)
    for row, other in zip(sink.rows, alone.rows, strict=True):
        assert row.keys() == other.keys()
        for key in row:
            if row[key] is None or other[key] is None:
                assert row[key] == other[key]
            else:
                assert row[key] == pytest.approx(other[key], rel=1e-12, abs=1e-12), key
    for at in ("best", "last"):
        for part, figures in alone.result[at].items():
            assert sink.result[at][part] == pytest.approx(figures, rel=1e-12, abs=1e-12)
