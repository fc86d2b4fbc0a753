"""SMOTE and bagging: what each run learns from, and how members are combined."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from imblearn.over_sampling import SMOTE
from scipy import stats
from torch import Tensor

from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.bagging import Bagging
from regbench.regularizers.base import Regularizer, Rows
from regbench.regularizers.smote import Smote
from tests.unit.regularizers.stacked import make_context, make_facts

RANDOM = Randomness(3).at("training data")
COUNTS = (30, 12, 8)


def unbalanced(*shape: int) -> Rows:
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor(COUNTS))
    x = Randomness(1).normal((50, *shape)) + labels.view(-1, *(1,) * len(shape))
    return Rows(x, torch.nn.functional.one_hot(labels, 3).float(), torch.full((50,), 2.0))


def counts_of(rows: Rows) -> list[int]:
    return torch.bincount(rows.y.argmax(1), minlength=3).tolist()


# -- SMOTE -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strength", "expected"), [(0.0, [30, 12, 8]), (0.5, [30, 21, 19]), (1.0, [30, 30, 30]), (0.1, [30, 14, 10])]
)
def test_smote_fills_its_share_of_the_gap_to_the_largest_class(strength: float, expected: list[int]) -> None:
    assert counts_of(Smote(strength=strength).training_data(unbalanced(4), make_context(RANDOM))) == expected


@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 3, 3)])
def test_smote_keeps_the_original_rows_first_and_adds_rows_that_weigh_what_their_class_does_on_average(
    shape: tuple[int, ...],
) -> None:
    rows = unbalanced(*shape)
    rows = rows._replace(weight=torch.cat([torch.full((30,), 9.0), torch.arange(12.0), torch.full((8,), 0.5)]))
    more = Smote().training_data(rows, make_context(RANDOM))
    assert all(torch.equal(new[:50], old) for new, old in zip(more, rows, strict=True))
    assert more.x.shape == (90, *shape)
    assert [part.dtype for part in more] == [part.dtype for part in rows]
    assert torch.equal(more.weight[50:], torch.tensor([9.0, 5.5, 0.5])[more.y[50:].argmax(1)])
    assert (more.y[50:].amax(1) == 1).all()
    assert (more.y[50:].sum(1) == 1).all()


def test_new_rows_lie_between_near_neighbours_of_their_class() -> None:
    rows = unbalanced(4)
    more = Smote(neighbours=3).training_data(rows, make_context(RANDOM))
    for x, y in zip(more.x[50:].double(), more.y[50:], strict=True):
        same = rows.x[rows.y.argmax(1) == y.argmax()].double()
        near = torch.cdist(same, same).argsort(1)[:, 1:4]
        assert min(_distance_to_segment(x, same[i], same[j]) for i in range(len(same)) for j in near[i]) < 1e-5


def _distance_to_segment(point: Tensor, start: Tensor, end: Tensor) -> float:
    share = ((point - start) @ (end - start) / (end - start).square().sum()).clamp(0, 1)
    return float((point - start - share * (end - start)).norm())


def test_new_rows_are_those_of_imbalanced_learn() -> None:
    rows = unbalanced(4)
    more = Smote(neighbours=4).training_data(rows, make_context(RANDOM))
    state = int(RANDOM.integers(2**31 - 1, (1,))[0])
    x, y = SMOTE(k_neighbors=4, random_state=state).fit_resample(rows.x.numpy(), rows.y.argmax(1).numpy())
    assert torch.equal(more.x, torch.from_numpy(x))
    assert torch.equal(more.y.argmax(1), torch.from_numpy(y))


def test_smote_depends_on_the_seed_only() -> None:
    first, again = (Smote().training_data(unbalanced(4), make_context(Randomness(7))) for _ in range(2))
    other = Smote().training_data(unbalanced(4), make_context(Randomness(8)))
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, other.x)


def test_smote_switched_off_or_on_balanced_classes_returns_the_rows_themselves() -> None:
    rows = unbalanced(4)
    assert Smote(strength=0.0).training_data(rows, make_context(RANDOM)) is rows
    balanced = Rows(*(part[[0, 1, 30, 31, 42, 43]] for part in rows))
    assert Smote().training_data(balanced, make_context(RANDOM)) is balanced


# -- bagging ---------------------------------------------------------------------------------------------------------


def rows_of(count: int) -> Rows:
    return Rows(torch.zeros(count, 1), torch.ones(count, 1), torch.ones(count))


def test_bootstrap_weights_are_counts_of_as_many_draws_as_rows() -> None:
    weight = Bagging().training_data(rows_of(20_000), make_context(RANDOM)).weight
    assert weight.sum() == 20_000
    assert torch.equal(weight, weight.round())
    # A row is left out with probability (1 − 1/N)^N → 1/e.
    assert abs((weight == 0).double().mean() - math.exp(-1)) < 0.01


def test_poisson_weights_follow_poisson_one() -> None:
    weight = Bagging(sampling="poisson").training_data(rows_of(20_000), make_context(RANDOM)).weight
    counted = [int((weight == k).sum()) for k in range(5)]
    expected = [20_000 * stats.poisson(1).pmf(k) for k in range(5)]
    tail = 20_000 - sum(counted), 20_000 - sum(expected)
    assert stats.chisquare([*counted, tail[0]], [*expected, tail[1]]).pvalue > 1e-3


@pytest.mark.parametrize("sampling", ["bootstrap", "poisson"])
def test_bagging_multiplies_the_weights_there_are_and_differs_between_members(sampling: str) -> None:
    rows = rows_of(50)._replace(weight=torch.full((50,), 0.5))
    first, second = (Bagging(sampling=sampling).training_data(rows, make_context(Randomness(seed))) for seed in (1, 2))
    assert torch.equal(first.weight * 2, (first.weight * 2).round())
    assert not torch.equal(first.weight, second.weight)
    assert first.x is rows.x
    assert first.y is rows.y


PROBABILITIES = torch.tensor(
    [[[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]], [[0.1, 0.8, 0.1], [0.3, 0.4, 0.3]], [[0.5, 0.4, 0.1], [0.1, 0.8, 0.1]]]
)


def test_members_are_combined_by_their_mean_probability() -> None:
    combined = Bagging(members=3).combine(PROBABILITIES.log(), make_facts()).exp()
    torch.testing.assert_close(combined, torch.tensor([[0.4, 0.5, 0.1], [0.2, 1.7 / 3, 0.7 / 3]]))


def test_members_are_combined_by_votes_whose_loss_stays_finite() -> None:
    combined = Bagging(members=3, combination="vote").combine(PROBABILITIES.log(), make_facts()).exp()
    third = 1 / 3
    expected = torch.tensor([[2 + third, 1 + third, third], [third, 3 + third, third]]) / 4
    torch.testing.assert_close(combined, expected)
    torch.testing.assert_close(combined.sum(1), torch.ones(2))
    assert -combined[1, 0].log() == pytest.approx(math.log(3 * (3 + 1)))


def test_regression_members_are_averaged() -> None:
    outputs = torch.tensor([[[1.0]], [[4.0]]])
    assert torch.equal(Bagging(members=2).combine(outputs, make_facts(**REGRESSION)), torch.tensor([[2.5]]))


def test_a_single_member_is_no_bagging() -> None:
    regularizer, rows = Bagging(members=1), rows_of(10)
    assert regularizer.ensemble_size == 1
    assert regularizer.training_data(rows, make_context(RANDOM)) is rows


# -- refusals --------------------------------------------------------------------------------------------------------

REGRESSION: dict[str, Any] = {"task": "regression", "class_counts": ()}


@pytest.mark.parametrize(
    ("regularizer", "facts", "message"),
    [
        (Smote(), REGRESSION, "needs classification"),
        (Smote(), {"task": "multilabel", "class_counts": ()}, "needs classification"),
        (Smote(), {"class_counts": (30, 5)}, "has 5 training rows; it takes more than neighbours=5"),
        (Smote(neighbours=8), {}, "has 8 training rows; it takes more than neighbours=8"),
        (Bagging(combination="vote"), REGRESSION, "vote needs classes or labels"),
    ],
)
def test_unfit_data_are_refused(regularizer: Regularizer, facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        regularizer.check(make_facts(**facts))


def test_a_small_class_that_is_not_filled_is_fine() -> None:
    Smote(strength=0.0).check(make_facts(class_counts=(30, 2)))
    Smote().check(make_facts(class_counts=(3, 3)))
    Bagging().check(make_facts(**REGRESSION))
