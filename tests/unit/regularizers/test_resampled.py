"""Kinds of SMOTE and of resampling against imbalanced-learn, and what they do with categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from imblearn import combine, over_sampling, under_sampling
from torch import Tensor

from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Facts, Regularizer, Rows
from regbench.regularizers.outlier_removal import OutlierRemoval
from regbench.regularizers.resampling import Resampling
from regbench.regularizers.smote import Smote
from tests.unit.regularizers.stacked import make_context, make_facts

RANDOM = Randomness(3).at("training data")
STATE = int(RANDOM.integers(2**31 - 1, (1,))[0])
COUNTS = (40, 24, 16)
CATEGORIES = ((2, 5), (5, 6))
"""A colour of three levels and a truth value, after two columns of numbers."""


def overlapping(columns: int = 4, counts: tuple[int, ...] = COUNTS) -> Rows:
    """Return rows whose classes overlap, with a weight each."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    x = Randomness(1).normal((len(labels), columns)) + 1.0 * labels.unsqueeze(1)
    weight = 1.0 + torch.arange(len(labels)) / 100
    return Rows(x, torch.nn.functional.one_hot(labels, len(counts)).float(), weight)


def with_categories() -> tuple[Rows, Tensor]:
    """Return rows with standardised columns for a colour and a truth value, and those two as codes."""
    rows = overlapping(2)
    colour, truth = (Randomness(2).at(name).integers(n, (80,)) for name, n in (("colour", 3), ("truth", 2)))
    columns = torch.cat([torch.nn.functional.one_hot(colour, 3), truth.unsqueeze(1)], 1).float()
    columns = (columns - columns.mean(0)) / columns.std(0)
    return rows._replace(x=torch.cat([rows.x, columns], 1)), torch.stack([colour, truth], 1).float()


def context(**facts: Any) -> Context:
    return replace(make_context(RANDOM), facts=make_facts(**facts))


def counts_of(rows: Rows) -> list[int]:
    return torch.bincount(rows.y.argmax(1), minlength=rows.y.shape[1]).tolist()


def arrays(rows: Rows) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return rows.x.numpy(), rows.y.argmax(1).numpy()


# -- kinds of SMOTE --------------------------------------------------------------------------------------------------

SAMPLERS: Mapping[str, Any] = {
    "regular": over_sampling.SMOTE(k_neighbors=4, random_state=STATE),
    "borderline1": over_sampling.BorderlineSMOTE(kind="borderline-1", k_neighbors=4, m_neighbors=8, random_state=STATE),
    "borderline2": over_sampling.BorderlineSMOTE(kind="borderline-2", k_neighbors=4, m_neighbors=8, random_state=STATE),
    "svm": over_sampling.SVMSMOTE(k_neighbors=4, m_neighbors=8, random_state=STATE),
    "adasyn": over_sampling.ADASYN(n_neighbors=4, random_state=STATE),
    "kmeans": over_sampling.KMeansSMOTE(k_neighbors=4, random_state=STATE),
}


@pytest.mark.parametrize("kind", SAMPLERS)
def test_every_kind_makes_the_rows_of_imbalanced_learn(kind: str) -> None:
    rows = overlapping()
    more = Smote(kind=kind, neighbours=4, near=8).training_data(rows, make_context(RANDOM))
    x, y = SAMPLERS[kind].fit_resample(*arrays(rows))
    assert len(y) > 80
    assert torch.equal(more.x, torch.from_numpy(x))
    assert torch.equal(more.y.argmax(1), torch.from_numpy(y))
    assert all(torch.equal(new[:80], old) for new, old in zip(more, rows, strict=True))


@pytest.mark.parametrize("kind", ["regular", "categorical"])
def test_categories_are_made_by_smote_nc_and_stay_whole(kind: str) -> None:
    rows, codes = with_categories()
    more = Smote(kind=kind).training_data(rows, context(shape=(6,), categories=CATEGORIES))
    coded = torch.cat([rows.x[:, :2], codes], 1).numpy()
    sampler = over_sampling.SMOTENC([2, 3], random_state=STATE)
    x, y = sampler.fit_resample(coded, rows.y.argmax(1).numpy())
    assert torch.equal(more.y.argmax(1), torch.from_numpy(y))
    assert torch.equal(more.x[:, :2], torch.from_numpy(x[:, :2]))
    levels = {int(code): rows.x[codes[:, 0] == code][0, 2:5] for code in range(3)}
    for made, code in zip(more.x[80:], x[80:], strict=True):
        assert torch.equal(made[2:5], levels[int(code[2])])
        assert made[5] == rows.x[codes[:, 1] == code[3]][0, 5]


def test_a_table_of_categories_alone_gets_whole_categories_too() -> None:
    rows, _ = with_categories()
    rows = rows._replace(x=rows.x[:, 2:])
    more = Smote().training_data(rows, context(shape=(4,), categories=((0, 3), (3, 4))))
    assert counts_of(more) == [40, 40, 40]
    known = {tuple(row) for row in rows.x[:, :3].tolist()}
    assert {tuple(row) for row in more.x[:, :3].tolist()} <= known
    assert set(more.x[:, 3].tolist()) <= set(rows.x[:, 3].tolist())


def test_borderline_refuses_classes_that_touch_no_other_one() -> None:
    rows = overlapping()
    apart = rows._replace(x=rows.x + 100.0 * rows.y.argmax(1, keepdim=True))
    for kind in ("borderline1", "borderline2", "adasyn"):
        with pytest.raises(ConfigError, match=f"^regularizer smote: kind={kind}.*take kind=regular$") as refusal:
            Smote(kind=kind).training_data(apart, make_context(RANDOM))
        assert "\n" not in str(refusal.value)


def test_a_class_that_an_earlier_technique_made_too_small_is_refused() -> None:
    rows = overlapping(counts=(30, 5))
    with pytest.raises(ConfigError, match="has 5 training rows; it takes more than neighbours=5"):
        Smote().training_data(rows, make_context(RANDOM))


# -- resampling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "strength", "expected"),
    [
        ("over", 1.0, [40, 40, 40]),
        ("over", 0.5, [40, 32, 28]),
        ("under", 1.0, [16, 16, 16]),
        ("under", 0.5, [28, 20, 16]),
        ("near_miss", 1.0, [16, 16, 16]),
        ("near_miss", 0.25, [34, 22, 16]),
    ],
)
def test_classes_close_their_share_of_the_gap(form: str, strength: float, expected: list[int]) -> None:
    assert counts_of(Resampling(form=form, strength=strength).training_data(overlapping(), make_context(RANDOM))) == (
        expected
    )


REMOVERS: Mapping[str, Any] = {
    "under": under_sampling.RandomUnderSampler(random_state=STATE),
    "near_miss": under_sampling.NearMiss(),
    "tomek": under_sampling.TomekLinks(),
    "enn": under_sampling.EditedNearestNeighbours(),
}


@pytest.mark.parametrize("form", REMOVERS)
def test_the_rows_that_stay_are_those_of_imbalanced_learn_with_their_weights(form: str) -> None:
    rows = overlapping()
    left = Resampling(form=form).training_data(rows, make_context(RANDOM))
    REMOVERS[form].fit_resample(*arrays(rows))
    stay = np.sort(REMOVERS[form].sample_indices_)
    assert 0 < len(stay) < 80
    assert all(torch.equal(part, old[torch.from_numpy(stay)]) for part, old in zip(left, rows, strict=True))


@pytest.mark.parametrize("form", ["tomek", "enn"])
def test_cleaning_in_part_removes_a_share_of_the_rows_found(form: str) -> None:
    rows = overlapping()
    all_found, half, none = (
        Resampling(form=form, strength=strength).training_data(rows, make_context(RANDOM)) for strength in (1, 0.5, 0)
    )
    found = 80 - len(all_found.weight)
    assert 80 - len(half.weight) == round(0.5 * found)
    assert {tuple(row) for row in all_found.x.tolist()} < {tuple(row) for row in half.x.tolist()}
    assert none is rows


@pytest.mark.parametrize("form", ["smote_enn", "smote_tomek"])
def test_smote_and_cleaning_are_those_of_imbalanced_learn(form: str) -> None:
    rows = overlapping()
    left = Resampling(form=form).training_data(rows, make_context(RANDOM))
    sampler = (combine.SMOTEENN if form == "smote_enn" else combine.SMOTETomek)(random_state=STATE)
    x, y = sampler.fit_resample(*arrays(rows))
    assert sorted(left.x.tolist()) == sorted(x.tolist())
    assert counts_of(left) == np.bincount(y).tolist()


def test_the_smoothed_bootstrap_is_that_of_imbalanced_learn() -> None:
    rows = overlapping()
    more = Resampling(shrinkage=0.7).training_data(rows, make_context(RANDOM))
    sampler = over_sampling.RandomOverSampler(shrinkage=0.7, random_state=STATE)
    x, _ = sampler.fit_resample(*arrays(rows))
    assert torch.equal(more.x, torch.from_numpy(x).float())
    assert torch.equal(more.weight[80:], rows.weight[torch.from_numpy(sampler.sample_indices_[80:])])


def test_the_smoothed_bootstrap_moves_no_category() -> None:
    rows, _ = with_categories()
    more = Resampling(shrinkage=1.0).training_data(rows, context(shape=(6,), categories=CATEGORIES))
    assert set(map(tuple, more.x[80:, 2:].tolist())) <= set(map(tuple, rows.x[:, 2:].tolist()))
    assert not set(more.x[80:, 0].tolist()) & set(rows.x[:, 0].tolist())


def test_repeated_rows_are_copies_with_their_weights() -> None:
    rows = overlapping()
    more = Resampling().training_data(rows, make_context(RANDOM))
    originals = {tuple(row): weight for row, weight in zip(rows.x.tolist(), rows.weight.tolist(), strict=True)}
    assert all(
        originals[tuple(row)] == weight
        for row, weight in zip(more.x[80:].tolist(), more.weight[80:].tolist(), strict=True)
    )


def test_cleaning_that_would_wipe_out_a_class_is_refused() -> None:
    # Pairs of rows, one of each class, far from all others: the nearest of every row are of the other class or mixed.
    labels = torch.tensor([0, 1] * 20)
    x = torch.arange(20.0).repeat_interleave(2).unsqueeze(1) * 100 + labels.unsqueeze(1)
    rows = Rows(x, torch.nn.functional.one_hot(labels, 2).float(), torch.ones(40))
    with pytest.raises(ConfigError, match=r"would remove all 20 training rows of class 0 \(counted from 0\)"):
        Resampling(form="smote_enn").training_data(rows, make_context(RANDOM))


# -- facts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regularizer", "facts", "message"),
    [
        (Smote(kind="categorical"), {}, "needs a table with a column of texts or truth values"),
        (Smote(kind="svm"), {"categories": CATEGORIES}, "kind=svm would make fractions of categories"),
        (Smote(kind="borderline1", near=40), {}, "near=40 takes more than 40 training rows, there are 40"),
        (Resampling(), {"task": "regression", "class_counts": ()}, "needs classification"),
        (Resampling(), {"task": "multilabel", "class_counts": ()}, "needs classification"),
        (Smote(), {"task": "multilabel", "class_counts": ()}, "needs classification"),
        (Resampling(form="under", shrinkage=1.0), {}, "shrinkage=1 moves repeated rows, which form=under lacks"),
        (Resampling(form="smote_enn"), {"class_counts": (30, 5)}, "has 5 training rows; it takes more than"),
        (Resampling(form="near_miss"), {"class_counts": (30, 2)}, "needs 3 training rows of every class"),
    ],
)
def test_unfit_data_are_refused(regularizer: Regularizer, facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        regularizer.check(make_facts(**facts))


def balanced() -> Facts:
    return make_facts(class_counts=(20, 20, 20))


def test_balanced_classes_are_said_to_leave_nothing_to_do() -> None:
    for regularizer in (Smote(), Resampling(), Resampling(form="under"), Resampling(form="near_miss")):
        assert regularizer.idle(balanced()) == "all classes have equally many training rows"
        assert regularizer.idle(make_facts()) is None
    for form in ("tomek", "enn", "smote_enn", "smote_tomek"):
        assert Resampling(form=form).idle(balanced()) is None, "it cleans all the same"
    assert Smote(strength=0.01).idle(make_facts(class_counts=(20, 12, 8))) == (
        "strength=0.01 of every gap between classes is rounded to 0 rows"
    )


@pytest.mark.parametrize(
    "regularizer",
    [
        Smote(),
        Resampling(form="over", shrinkage=1.0),
        Resampling(form="tomek"),
        Resampling(form="smote_tomek"),
        OutlierRemoval(method="local_outlier_factor"),
        OutlierRemoval(method="isolation_forest"),
        OutlierRemoval(method="zscore"),
    ],
)
def test_the_unit_of_large_values_does_not_matter(regularizer: Regularizer) -> None:
    rows = overlapping()
    small, large = (
        regularizer.training_data(rows._replace(x=rows.x * unit), make_context(RANDOM)) for unit in (2.0**20, 2.0**100)
    )
    assert torch.isfinite(large.x).all(), "the squares of these are beyond float32"
    assert torch.equal(small.y, large.y)
    torch.testing.assert_close(small.x * 2.0**80, large.x, rtol=1e-5, atol=2.0**85)


def test_clusters_of_equal_rows_are_refused() -> None:
    rows = overlapping()
    with pytest.raises(ConfigError, match="kind=kmeans: no cluster has enough different rows of a class"):
        Smote(kind="kmeans").training_data(rows._replace(x=rows.y @ torch.eye(3)), make_context(RANDOM))
