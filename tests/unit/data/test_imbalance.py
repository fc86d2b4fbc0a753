"""Training classes thinned to a long tail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from regbench.data.bundled import Digits
from regbench.data.dataset import SplitRule
from regbench.data.imbalance import thin_classes
from regbench.data.preparing import prepare
from regbench.data.records import Raw, Split
from regbench.errors import ConfigError


def make_raw(*counts: int, task: str = "classification") -> Raw:
    y = np.repeat(np.arange(len(counts)), counts)
    classes = tuple(f"class {number}" for number in range(len(counts))) if task == "classification" else ()
    x = np.arange(len(y), dtype=np.float64)[:, None]
    return Raw(origin="source", task=task, layout="table", x=x, y=y, classes=classes)


def count_kept(raw: Raw, ratio: float, seed: int = 0) -> list[int]:
    kept = thin_classes(raw, np.arange(len(raw.y)), ratio, seed)
    return np.bincount(raw.y[kept], minlength=len(raw.classes)).tolist()


@pytest.mark.parametrize(
    ("counts", "ratio", "expected"),
    [
        ((100, 100, 100), 100.0, [100, 10, 1]),
        ((100, 100), 10.0, [100, 10]),
        ((500,) * 10, 100.0, [500, 300, 180, 108, 65, 39, 23, 14, 8, 5]),  # CIFAR-100-LT's curve with 10 classes
        ((100, 20, 100), 4.0, [40, 20, 10]),  # the middle class has no more, so the others are thinned to it
        ((100, 100, 5), 10.0, [50, 16, 5]),
    ],
)
def test_classes_fall_by_the_same_factor_from_one_to_the_next(
    counts: tuple[int, ...], ratio: float, expected: list[int]
) -> None:
    assert count_kept(make_raw(*counts), ratio) == expected


def test_a_ratio_of_one_is_bit_identical_to_none() -> None:
    rows = np.array([3, 7, 8])
    assert thin_classes(make_raw(10, 4), rows, 1.0, 0) is rows


def test_a_stronger_imbalance_keeps_some_of_the_rows_that_a_weaker_one_keeps() -> None:
    raw = make_raw(60, 60, 60)
    weak, strong, other = (
        set(thin_classes(raw, np.arange(180), ratio, seed).tolist()) for ratio, seed in ((4.0, 1), (20.0, 1), (4.0, 2))
    )
    assert strong < weak
    assert weak != other


def cut(**settings: Any) -> Split:
    dataset = Digits(split=SplitRule(seed=3), **settings)
    return prepare(dataset, dataset.read())


def test_only_training_rows_leave() -> None:
    plain, thinned = cut(), cut(imbalance=20.0)
    for part in ("val", "test"):
        assert np.array_equal(getattr(plain, part).x, getattr(thinned, part).x)
        assert np.array_equal(getattr(plain, part).y, getattr(thinned, part).y)
    counts = np.bincount(thinned.train.y)
    assert counts[0] == pytest.approx(20 * counts[-1], rel=0.1)
    assert len(thinned.train.y) < len(plain.train.y)


def test_what_is_fitted_sees_only_the_rows_that_stay() -> None:
    thinned = cut(imbalance=50.0, standardize=True)
    assert np.abs(thinned.train.x.mean(0)).max() < 1e-9


def test_a_training_size_is_kept_exactly() -> None:
    assert len(cut(imbalance=10.0, train_size=200).train.y) == 200


@pytest.mark.parametrize(
    ("raw", "ratio", "message"),
    [
        (make_raw(100, 100), 300.0, r"^dataset\.imbalance=300 is not allowed; it leaves no .* class 'class 1'"),
        (make_raw(100, task="regression"), 2.0, r"^dataset\.imbalance=2 is not allowed; source is a regression"),
        (make_raw(100, task="multilabel"), 2.0, r"^dataset\.imbalance=2 is not allowed; source is a multilabel"),
    ],
)
def test_what_cannot_be_thinned_is_refused(raw: Raw, ratio: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        thin_classes(raw, np.arange(len(raw.y)), ratio, 0)
    assert "\n" not in str(refusal.value)
