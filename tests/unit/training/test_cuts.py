"""Runs on several cuts of the data, trained as one cohort: each as it is alone on its own cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from regbench.training.cohort_run import Observer, make_run
from regbench.training.fit import fit
from regbench.training.stackable import can_stack_cuts
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


def cuts(kind: str, regularizers: dict[str, Any], count: int = 3, **schedule: Any) -> list[Setting]:
    """Settings that differ in their rows alone, with equally many of each class."""
    found = []
    for seed in range(count):
        x, y = draw_classes(100, (5,)) if kind == "classes" else draw_numbers(100, (5,))
        x = x + 0.3 * np.random.default_rng(100 + seed).normal(size=x.shape)
        split = make_split(x, y, val=20, test=20)
        schedule = {"epochs": 4, "batch_size": 8, "precision": "float64", **schedule}
        found.append(make_setting(split, {"name": "mlp", "widths": [6]}, regularizers, **schedule))
    return found


def draw_numbers(rows: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Rows, and a number for each that depends on them."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(rows, *shape))
    return x, x[:, 0] - 2.0 * x[:, 1] + 0.1 * generator.normal(size=rows)


def train(settings: list[Setting], runs: list[tuple[int, int]]) -> list[Memory]:
    """Train runs (seed, cut) as one cohort."""
    sinks = [Memory() for _ in runs]
    spec = settings[0].spec
    made = [replace(make_run(spec, seed, sink), cut=cut) for (seed, cut), sink in zip(runs, sinks, strict=True)]
    with torch.no_grad():
        fit(spec, made, [setting.data for setting in settings], Observer())
    return sinks


RUNS = [(0, 0), (1, 1), (2, 2), (3, 0), (4, 2)]


@pytest.mark.parametrize("name", NAMES)
def test_a_cohort_of_several_cuts_is_its_runs_alone(name: str) -> None:
    settings = cuts("classes", NAMES[name])
    together = train(settings, RUNS)
    for (seed, cut), sink in zip(RUNS, together, strict=True):
        (alone,) = train([settings[cut]], [(seed, 0)])
        assert_equal(sink, alone)


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


def test_cuts_of_other_shapes_are_refused_and_known_beforehand() -> None:
    one, other = cuts("classes", {}, count=2)
    short = replace(other, data=replace(other.data, rows=type(other.data.rows)(*(p[:50] for p in other.data.rows))))
    assert can_stack_cuts((one.spec, one.data), (other.spec, other.data))
    assert not can_stack_cuts((one.spec, one.data), (short.spec, short.data))
    with pytest.raises(ValueError, match="different shapes"):
        train([one, short], [(0, 0), (1, 1)])


def test_where_rows_are_made_the_classes_must_agree() -> None:
    for name, expected in (("dropout", True), ("smote", False)):
        one, other = cuts("classes", NAMES[name], count=2)
        counts = (21, 19, *one.spec.facts.class_counts[2:])
        changed = replace(other.spec, facts=replace(other.spec.facts, class_counts=counts))
        assert can_stack_cuts((one.spec, one.data), (changed, other.data)) is expected


def assert_equal(sink: Memory, alone: Memory) -> None:
    """The rows and the results of two runs, to the last digits of float64."""
    assert len(sink.rows) == len(alone.rows)
    for row, other in zip(sink.rows, alone.rows, strict=True):
        assert row.keys() == other.keys()
        for key in row:
            if row[key] is None or other[key] is None:
                assert row[key] == other[key]
            else:
                assert row[key] == pytest.approx(other[key], rel=1e-9, abs=1e-10), key
    for at in ("best", "last"):
        for part, figures in alone.result[at].items():
            assert sink.result[at][part] == pytest.approx(figures, rel=1e-9, abs=1e-10)
