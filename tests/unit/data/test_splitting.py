"""What the cut into parts, the size, the noise and the standardisation promise, on rows that carry their own number."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from regbench.data import load
from regbench.data.dataset import Dataset, SplitRule
from regbench.data.preparing import prepare
from regbench.data.records import Raw, Split, last_rows_are_test
from regbench.data.splitting import disturb_labels
from regbench.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given(Dataset):
    """A data set whose rows the test gives; x is the number of the row."""

    labels: tuple[int, ...]
    test_rows: int = 0
    standardize: bool = False

    def read(self) -> Raw:
        """Return the labels as classes a, b, c, ..."""
        y = np.array(self.labels)
        return Raw(
            origin="given",
            task="classification",
            layout="table",
            x=np.arange(len(y), dtype=np.float64)[:, None],
            y=y,
            classes=tuple("abcdefgh"[: y.max() + 1]),
            features=("row",),
            roles=last_rows_are_test(len(y), self.test_rows),
        )


def cut(labels: tuple[int, ...], split: SplitRule | None = None, **options: Any) -> Split:
    given = Given(labels=labels, split=split or SplitRule(), **options)
    return prepare(given, given.read())


def rows(split: Split) -> tuple[list[float], list[float], list[float]]:
    return split.train.x.ravel().tolist(), split.val.x.ravel().tolist(), split.test.x.ravel().tolist()


BALANCED = tuple(number % 4 for number in range(200))


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(15, 60), min_size=2, max_size=5),
    seed=st.integers(0, 2**32 - 1),
    val=st.sampled_from([0.0, 0.1, 0.2, 0.3]),
    test=st.sampled_from([0.1, 0.25, 0.4]),
    stratify=st.booleans(),
)
def test_every_row_is_in_exactly_one_part(
    counts: list[int], seed: int, val: float, test: float, stratify: bool
) -> None:
    labels = tuple(int(label) for label in np.repeat(np.arange(len(counts)), counts))
    split = cut(labels, SplitRule(seed=seed, val=val, test=test, stratify=stratify))
    train_rows, val_rows, test_rows = rows(split)
    assert sorted(train_rows + val_rows + test_rows) == list(range(len(labels)))
    assert len(test_rows) == -(-round(test * 100) * len(labels) // 100)
    assert len(val_rows) == -(-round(val * 100) * len(labels) // 100)
    for part in (split.train, split.val, split.test):
        assert part.y.tolist() == [labels[int(row)] for row in part.x.ravel()]
        if stratify:
            share = len(part.y) / len(labels)
            assert np.all(np.abs(np.bincount(part.y, minlength=len(counts)) - share * np.array(counts)) < 2)


def test_the_seed_alone_decides_the_parts() -> None:
    first, again, other = (cut(BALANCED, SplitRule(seed=seed)) for seed in (3, 3, 4))
    assert first.checksum == again.checksum
    assert set(rows(first)[2]) != set(rows(other)[2])


def test_size_and_noise_leave_validation_and_test_untouched() -> None:
    plain, changed = cut(BALANCED), cut(BALANCED, train_size=30, label_noise=0.5)
    for before, after in ((plain.val, changed.val), (plain.test, changed.test)):
        assert np.array_equal(before.x, after.x)
        assert np.array_equal(before.y, after.y)
    assert set(rows(changed)[0]) < set(rows(plain)[0])


def test_without_validation_the_test_rows_are_the_same() -> None:
    assert rows(cut(BALANCED, SplitRule(val=0.0)))[2] == rows(cut(BALANCED))[2]


@pytest.mark.parametrize(("size", "count"), [(4, 4), (57, 57), (0.5, 60), (1.0, 120), (None, 120)])
def test_train_size_is_a_count_or_a_fraction_of_the_training_rows(size: float | None, count: int) -> None:
    split = cut(BALANCED, train_size=size)
    assert len(split.train.y) == count
    assert np.ptp(np.bincount(split.train.y, minlength=4)) <= 1


def test_smaller_training_sets_are_parts_of_larger_ones_with_every_class() -> None:
    labels = tuple([0] * 150 + [1] * 40 + [2] * 10)
    chosen = [cut(labels, train_size=size) for size in (3, 10, 40, 120)]
    assert all(len(np.unique(split.train.y)) == 3 for split in chosen)
    for small, large in itertools.pairwise(chosen):
        assert set(rows(small)[0]) < set(rows(large)[0])


@settings(max_examples=40, deadline=None)
@given(fraction=st.floats(0.0, 1.0), classes=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_label_noise_replaces_exactly_its_fraction_by_other_classes(fraction: float, classes: int, seed: int) -> None:
    labels = np.arange(120) % classes
    noisy = disturb_labels(labels, classes, fraction, seed)
    assert (noisy != labels).sum() == round(fraction * 120)
    assert set(np.unique(noisy)) <= set(range(classes))


def test_label_noise_reaches_the_split_and_grows_within_itself() -> None:
    plain, some, more = (cut(BALANCED, label_noise=noise).train for noise in (0.0, 0.1, 0.4))
    assert np.array_equal(plain.x, more.x)
    few, many = np.flatnonzero(plain.y != some.y), np.flatnonzero(plain.y != more.y)
    assert (len(few), len(many)) == (12, 48)
    assert set(few) < set(many)
    assert np.array_equal(some.y[few], more.y[few])


def test_label_noise_takes_each_other_class_equally_often() -> None:
    n = 30_000
    noisy = disturb_labels(np.zeros(n, dtype=np.int64), 4, 1.0, seed=1)
    counts = np.bincount(noisy, minlength=4)
    assert counts[0] == 0
    assert np.all(np.abs(counts[1:] - n / 3) < 5 * np.sqrt(n * 2 / 9))


def test_a_published_test_part_is_kept_and_the_rest_is_cut() -> None:
    split = cut(BALANCED, SplitRule(val=0.2, test=None), test_rows=50)
    train_rows, val_rows, test_rows = rows(split)
    assert test_rows == list(range(150, 200))
    assert len(val_rows) == 30
    assert sorted(train_rows + val_rows) == list(range(150))


def test_without_a_published_test_part_null_means_a_fifth() -> None:
    assert cut(BALANCED, SplitRule(test=None)).checksum == cut(BALANCED, SplitRule(test=0.2)).checksum


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ((0, 1) * 4, {}, "8 row(s) are too few; at least 10"),
        ((0,) * 20, {}, "every row is of class 'a'; at least 2 classes"),
        ((0,) * 20 + (1,) * 2, {}, "class 'b' has 2 row(s), too few for a stratified split, which takes 3"),
        ((0,) * 20 + (1,), {"split": SplitRule(val=0.0)}, "class 'b' has 1 row(s), too few for a stratified split"),
        (
            (0, 1) * 10 + (2,) * 5,
            {"test_rows": 5, "split": SplitRule(test=None)},
            "class 'c' is absent from the training",
        ),
        (
            (0, 1, 2, 3) * 5,
            {"split": SplitRule(test=0.1)},
            "the test part would get 2 row(s) for 4 classes; stratified, it takes one of each at least: "
            "raise dataset.split.test or set dataset.split.stratify=false",
        ),
        ((0, 1, 2, 3) * 5, {"split": SplitRule(val=0.1)}, "the val part would get 2 row(s) for 4 classes"),
        ((0, 1, 2, 3) * 5, {"split": SplitRule(test=0.7)}, "the val part would leave 2 row(s) for 4 classes"),
        ((0,) * 30 + (1,) * 3, {"split": SplitRule(test=0.6)}, "one row of class 'b' is left to cut the val part"),
    ],
)
def test_rows_that_cannot_be_cut_are_refused(labels: tuple[int, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        cut(labels, **options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_class_that_misses_training_is_refused_without_stratification() -> None:
    labels = (0,) * 29 + (1,)
    trained = set()
    for seed in range(10):
        with contextlib.suppress(ConfigError):
            assert 29.0 in rows(cut(labels, SplitRule(seed=seed, stratify=False)))[0]
            trained.add(seed)
    assert 0 < len(trained) < 10
    missed = min(set(range(10)) - trained)
    with pytest.raises(ConfigError, match="class 'b' is absent from the training rows"):
        cut(labels, SplitRule(seed=missed, stratify=False))


class TestStandardisation:
    def test_equals_scikit_learn_fitted_on_the_training_rows(self) -> None:
        options = {"name": "wine", "train_size": 60}
        plain, scaled = load({**options, "standardize": False}), load({**options, "standardize": True})
        oracle = StandardScaler().fit(plain.train.x)
        for before, after in ((plain.train, scaled.train), (plain.val, scaled.val), (plain.test, scaled.test)):
            np.testing.assert_allclose(after.x, oracle.transform(before.x), rtol=0, atol=1e-12)

    def test_measures_channels_of_images(self) -> None:
        split = load({"name": "digits", "layout": "image", "standardize": True})
        assert abs(split.train.x.mean()) < 1e-12
        assert abs(split.train.x.std() - 1.0) < 1e-12
        assert split.train.x.shape == (1077, 1, 8, 8)

    def test_what_is_constant_in_training_is_zero_everywhere(self) -> None:
        split = load({"name": "digits", "standardize": True})
        raw = load({"name": "digits"})
        constant = np.ptp(raw.train.x, axis=0) == 0.0
        assert constant.any()
        for part in (split.train, split.val, split.test):
            assert np.all(part.x[:, constant] == 0.0)
            assert np.isfinite(part.x).all()

    def test_the_target_can_be_scaled_back(self) -> None:
        plain, scaled = load({"name": "diabetes", "standardize_target": False}), load({"name": "diabetes"})
        assert (plain.target_mean, plain.target_scale) == ((0.0,), (1.0,))
        assert scaled.target_mean == pytest.approx((plain.train.y.mean(),))
        assert scaled.target_scale == pytest.approx((plain.train.y.std(),))
        np.testing.assert_allclose(scaled.test.y * scaled.target_scale[0] + scaled.target_mean[0], plain.test.y)


def test_every_stratified_cut_is_made_or_refused_in_our_words() -> None:
    for labels, test, val in itertools.product(
        ((0, 1, 2) * 5, (0,) * 12 + (1,) * 4, (0, 1, 2, 3, 4) * 3), np.linspace(0.05, 0.95, 19), (0.0, 0.1, 0.3, 0.6)
    ):
        with contextlib.suppress(ConfigError):
            parts = cut(labels, SplitRule(test=float(test), val=val))
            assert len(parts.train.y) + len(parts.val.y) + len(parts.test.y) == len(labels)


def test_the_checksum_depends_on_every_array_and_name() -> None:
    base = cut(BALANCED)
    others = [
        cut(BALANCED, SplitRule(seed=1)),
        cut(BALANCED, label_noise=0.01),
        cut(BALANCED, train_size=119),
        cut(BALANCED, standardize=True),
        cut(BALANCED[::-1]),
    ]
    assert len({split.checksum for split in (base, *others)}) == 6
    assert base.checksum == cut(BALANCED).checksum
    assert len(base.checksum) == 64
