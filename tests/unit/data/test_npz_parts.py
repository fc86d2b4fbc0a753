"""Archives with parts, weights, groups and several targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regbench.data.loading import load
from regbench.data.records import Split
from regbench.errors import ConfigError

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(60, 4)), np.arange(60) % 3


def load_npz(folder: Path, settings: dict[str, Any] | None = None, **arrays: Any) -> Split:
    np.savez(folder / "rows.npz", **arrays)
    return load({"name": "npz", "path": str(folder / "rows.npz"), "standardize": False, **(settings or {})})


def test_parts_are_kept_as_they_are(tmp_path: Path) -> None:
    parts = {"train": slice(0, 40), "val": slice(40, 48), "test": slice(48, 60)}
    arrays = {f"{kind}_{part}": own[rows] for kind, own in (("x", X), ("y", Y)) for part, rows in parts.items()}
    split = load_npz(tmp_path, {"task": "classification"}, **arrays)
    for part, rows in parts.items():
        np.testing.assert_array_equal(getattr(split, part).x, X[rows])


def test_weights_and_groups_of_the_rows_count(tmp_path: Path) -> None:
    groups = np.repeat([f"g{number}" for number in range(20)], 3)
    settings = {"task": "classification", "split": {"method": "groups", "stratify": False}}
    split = load_npz(tmp_path, settings, x=X, y=Y, groups=groups, weights=np.arange(60) + 1.0)
    numbers = [{int(np.flatnonzero((row == X).all(1))[0]) // 3 for row in part.x} for part in (split.train, split.test)]
    assert not numbers[0] & numbers[1], "a group is torn"
    assert split.train.weights is not None
    assert split.train.weights.mean() == pytest.approx(1.0)


def test_several_numbers_and_labels(tmp_path: Path) -> None:
    numbers = load_npz(tmp_path, x=X, y=X[:, :2] * 3.0)
    assert (numbers.task, numbers.train.y.shape[1]) == ("regression", 2)
    labels = load_npz(tmp_path, x=X, y=(X[:, :2] > 0).astype(int))
    assert (labels.task, labels.preprocessing.outputs) == ("multilabel", ("y1", "y2"))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"weights": np.ones(59)}, "weights has shape (59,); its x has 60 rows"),
        ({"weights": -np.ones(60)}, "row 1: the weight is -1"),
        ({"weights": np.array(["a"] * 60)}, "they must be numbers"),
        ({"groups": np.ones((60, 2))}, "groups has shape (60, 2)"),
        ({"y": Y[:50]}, "y has shape (50,)"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_npz(tmp_path, {"task": "classification"}, **{"x": X, "y": Y, **arrays})
    assert said in str(refused.value)


def test_a_part_without_its_weights_is_refused(tmp_path: Path) -> None:
    arrays = {"x_train": X[:40], "y_train": Y[:40], "x_test": X[40:], "y_test": Y[40:], "weights_train": np.ones(40)}
    with pytest.raises(ConfigError, match="there is weights_train, but no weights_test"):
        load_npz(tmp_path, **arrays)


def test_bytes_and_float32_stay_what_they_are_until_they_are_prepared(tmp_path: Path) -> None:
    small = (X * 10).astype(np.float32)
    same = load_npz(tmp_path, {"task": "classification", "standardize": True}, x=small, y=Y)
    wide = load_npz(tmp_path, {"task": "classification", "standardize": True}, x=small.astype(np.float64), y=Y)
    np.testing.assert_array_equal(same.train.x, wide.train.x)


def test_numbers_in_another_byte_order_are_the_same_data(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (60, 1, 3, 4), dtype=np.uint8)
    loaded = [load_npz(tmp_path, {"task": "classification"}, x=x, y=Y).train.x for x in (pixels, pixels.astype(">f4"))]
    assert np.array_equal(*loaded)


def test_one_column_may_be_a_label(tmp_path: Path) -> None:
    split = load_npz(tmp_path, {"task": "multilabel"}, x=X, y=Y > 0)
    assert (split.task, split.train.y.shape[1:]) == ("multilabel", (1,))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"weights": np.full(60, np.nan)}, "weights, row 1: the weight is missing"),
        ({"groups": np.full(60, np.nan)}, "groups[0] is nan"),
        ({"x_test": X, "y_test": Y}, "the array 'x_test' does not go with x"),
        ({"y": np.eye(3)[Y]}, "each row of y has one 1 among 0s; if these are classes, store their numbers"),
        ({"y": np.array(["a", "b", "c"])[np.stack([Y, Y], 1)]}, "column 'y1', row 1: 'a' is not a number"),
        ({"y": np.ones((60, 2, 2))}, "y has shape (60, 2, 2); its x has 60 rows, so it must be [60] or [60, K]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_npz(tmp_path, **{"x": X, "y": Y, **arrays})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_val": X}, "no array 'y_val'"),
        ({"weights": np.ones(60)}, "the array 'weights' does not go with x_train"),
        ({"y_test": np.array(["a", "b", "c"])[Y]}, "y_test is <U1 (60,), y_train int64 (60,)"),
        ({"y_test": np.stack([Y, Y], 1)}, "both take the same kind and the same number of columns"),
        ({"x_test": X[:, :2]}, "rows of x_train have shape (4,), of x_test (2,)"),
        ({f"groups_{part}": groups for part, groups in (("train", Y), ("test", Y.astype(str)))}, "the same kind"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    parts = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}
    with pytest.raises(ConfigError) as refused:
        load_npz(tmp_path, **{**parts, **arrays})
    assert said in str(refused.value)
