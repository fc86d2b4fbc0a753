"""Which training rows are seen, how often and when: balanced batches, outlier removal, curriculum."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from torch import Tensor

from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.balanced_batches import BalancedBatches
from regbench.regularizers.base import Context, Moment, Regularizer, Rows
from regbench.regularizers.curriculum import Curriculum
from regbench.regularizers.outlier_removal import OutlierRemoval
from tests.unit.regularizers.stacked import make_context, make_facts

RANDOM = Randomness(3).at("test")
STATE = int(RANDOM.integers(2**31 - 1, (1,))[0])
REGRESSION: dict[str, Any] = {"task": "regression", "class_counts": ()}


def make_rows(*counts: int, columns: int = 3) -> Rows:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    x = Randomness(1).normal((len(labels), columns)) + 3.0 * labels.unsqueeze(1)
    return Rows(x, torch.nn.functional.one_hot(labels, len(counts)).float(), torch.ones(len(labels)))


def context(**facts: Any) -> Context:
    return replace(make_context(RANDOM), facts=make_facts(**facts))


# -- balanced batches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_classes_are_drawn_in_their_shares_and_rows_of_a_class_alike(strength: float) -> None:
    counts = (9_000, 900, 100)
    rows = make_rows(*counts)
    numbers, regularizer = torch.arange(10_000), BalancedBatches(strength=strength)
    epochs = [regularizer.row_order(numbers, rows, make_context(RANDOM.at(epoch))) for epoch in range(10)]
    assert {len(drawn) for drawn in epochs} == {10_000}
    drawn = torch.cat(epochs)
    expected = torch.tensor(counts, dtype=torch.float64) ** (1.0 - strength)
    expected /= expected.sum()
    found = torch.bincount(rows.y.argmax(1)[drawn], minlength=3) / 100_000
    assert ((found - expected).abs() <= 3 * (expected * (1 - expected) / 100_000).sqrt()).all()
    first_half = float((drawn[drawn < 9_000] < 4_500).double().mean())
    assert abs(first_half - 0.5) <= 3 * math.sqrt(0.25 / int((drawn < 9_000).sum()))


def test_each_epoch_draws_anew() -> None:
    rows, numbers = make_rows(50, 10), torch.arange(60)
    one, again, other = (
        BalancedBatches().row_order(numbers, rows, make_context(RANDOM.at(epoch))) for epoch in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_rows_without_weight_are_neither_counted_nor_drawn() -> None:
    rows = make_rows(600, 600)
    rows = rows._replace(weight=(torch.arange(1_200) % 6 == 0).float() + (torch.arange(1_200) >= 600).float())
    drawn = BalancedBatches().row_order(torch.arange(1_200), rows, make_context(RANDOM))
    assert (rows.weight[drawn] > 0).all()
    assert abs(float((drawn < 600).double().mean()) - 0.5) <= 3 * math.sqrt(0.25 / 1_200)


def test_off_and_balanced_classes_leave_the_order_as_it_is() -> None:
    numbers = torch.randperm(60)
    assert BalancedBatches(strength=0.0).row_order(numbers, make_rows(50, 10), make_context(RANDOM)) is numbers
    left = BalancedBatches().row_order(numbers, make_rows(30, 30), make_context(RANDOM))
    assert torch.equal(left, numbers)


# -- outlier removal -------------------------------------------------------------------------------------------------


def removed(regularizer: OutlierRemoval, rows: Rows, ctx: Context) -> set[int]:
    left = regularizer.training_data(rows, ctx)
    stay = {tuple(row) for row in left.x.tolist()}
    return {number for number, row in enumerate(rows.x.tolist()) if tuple(row) not in stay}


@pytest.mark.parametrize("method", ["isolation_forest", "local_outlier_factor", "zscore"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_planted_outliers_leave(method: str, task: str) -> None:
    rows = make_rows(60, 40)
    planted = [3, 20, 41, 65, 90]
    rows.x[planted] += 30.0
    facts = REGRESSION if task == "regression" else {"class_counts": (60, 40)}
    assert removed(OutlierRemoval(method=method, share=0.05), rows, context(**facts)) == set(planted)


@pytest.mark.parametrize("method", ["isolation_forest", "local_outlier_factor"])
def test_the_worst_scores_of_scikit_learn_leave(method: str) -> None:
    rows = make_rows(60, 40)
    x = rows.x.numpy()
    if method == "isolation_forest":
        scores = IsolationForest(random_state=STATE).fit(x).score_samples(x)
    else:
        scores = LocalOutlierFactor().fit(x).negative_outlier_factor_
    worst = set(np.argsort(scores)[:13].tolist())
    assert removed(OutlierRemoval(method=method, share=0.13, per_class=False), rows, make_context(RANDOM)) == worst


@pytest.mark.parametrize(("share", "expected"), [(0.05, [57, 38]), (0.1, [54, 36]), (0.49, [31, 20]), (0.02, [59, 39])])
def test_every_class_loses_its_share(share: float, expected: list[int]) -> None:
    left = OutlierRemoval(share=share).training_data(make_rows(60, 40), make_context(RANDOM))
    assert torch.bincount(left.y.argmax(1)).tolist() == expected


def test_the_rows_that_stay_keep_their_order_targets_and_weights() -> None:
    rows = make_rows(60, 40)._replace(weight=torch.arange(100.0))
    left = OutlierRemoval(share=0.2).training_data(rows, make_context(RANDOM))
    kept = left.weight.long()
    assert torch.equal(kept, kept.sort().values)
    assert all(torch.equal(part, old[kept]) for part, old in zip(left, rows, strict=True))


def test_zscores_look_at_columns_of_numbers_only() -> None:
    rows = make_rows(100, columns=3)
    rows.x[:, 2] = 0.0
    rows.x[7, 2] = 1.0  # a rare category: its z is 9.9
    rows.x[30, 0] = 8.0
    facts = {"class_counts": (100,), "shape": (3,), "categories": ((2, 3),)}
    assert removed(OutlierRemoval(method="zscore", share=0.01), rows, context(**facts)) == {30}
    assert removed(OutlierRemoval(method="zscore", share=0.01), rows, context(class_counts=(100,))) == {7}
    with pytest.raises(ConfigError, match="method=zscore needs a column of numbers"):
        OutlierRemoval(method="zscore").check(make_facts(shape=(3,), categories=((0, 3),)))


def test_equal_rows_are_no_trouble() -> None:
    rows = make_rows(50, 50)
    rows.x[10:90] = 1.0
    left = OutlierRemoval(method="local_outlier_factor").training_data(rows, make_context(RANDOM))
    assert len(left.weight) == 96


def test_a_class_is_not_wiped_out() -> None:
    rows = make_rows(97, 3)
    rows.x[97:] += 50.0
    with pytest.raises(ConfigError, match=r"would remove all 3 training rows of class 1 \(counted from 0\)"):
        OutlierRemoval(per_class=False).training_data(rows, context(class_counts=(97, 3)))


def test_a_share_below_half_a_row_is_said_to_remove_nothing() -> None:
    small = make_facts(class_counts=(9, 9), rows=18)
    assert OutlierRemoval().idle(small) == "share=0.05 of every class is rounded to 0 rows"
    assert OutlierRemoval(per_class=False).idle(small) is None
    assert (
        OutlierRemoval().idle(make_facts(rows=9, **REGRESSION))
        == "share=0.05 of the training rows is rounded to 0 rows"
    )


# -- curriculum ------------------------------------------------------------------------------------------------------


def weigh(
    regularizer: Curriculum, losses: Tensor, progress: float, weight: Tensor | None = None, **about: Tensor
) -> tuple[Tensor, float]:
    """Return the losses `[B]` that a curriculum leaves at a share of training, and the share it says it kept."""
    effects: dict[str, Tensor] = {}
    moment = Moment(1, 0, round(progress * 1000), last_of_epoch=False, updates=1000)
    ctx = replace(make_context(effects=effects), moment=moment, about=about)
    batch = Rows(
        torch.zeros(len(losses), 1), torch.zeros(len(losses), 1), torch.ones_like(losses) if weight is None else weight
    )
    return regularizer.row_loss(losses, losses, batch, ctx), float(effects["kept"])


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.2), (0.1, 0.36), (0.25, 0.6), (0.4, 0.84), (0.499, 0.9984)])
@pytest.mark.parametrize("order", ["easy", "hard"])
def test_the_share_of_rows_that_count_grows_as_declared(progress: float, share: float, order: str) -> None:
    losses = Randomness(9).uniform((50,)) + 0.1
    left, kept = weigh(Curriculum(start=0.2, until=0.5, order=order), losses, progress)
    count = math.ceil(share * 50)
    assert int((left > 0).sum()) == count
    assert kept == pytest.approx(count / 50)
    chosen = losses.sort(descending=order == "hard").values[:count]
    assert left.mean().item() == pytest.approx(chosen.mean().item(), rel=1e-5), "the batch's loss is that of the chosen"


@pytest.mark.parametrize("progress", [0.5, 0.75, 0.999])
def test_from_until_on_the_losses_are_left_alone(progress: float) -> None:
    losses = torch.rand(8)
    assert torch.equal(weigh(Curriculum(), losses, progress)[0], losses)
    assert torch.equal(weigh(Curriculum(start=1.0), losses, 0.0)[0], losses)


def test_the_rows_that_count_are_averaged_by_their_weights() -> None:
    losses, weight = torch.tensor([3.0, 1.0, 2.0, 4.0]), torch.tensor([5.0, 1.0, 3.0, 7.0])
    left, _ = weigh(Curriculum(start=0.5), losses, 0.0, weight)
    assert ((left * weight).sum() / weight.sum()).item() == pytest.approx((1.0 * 1.0 + 3.0 * 2.0) / 4.0)


def test_a_batch_none_of_whose_rows_count_has_loss_and_gradient_zero() -> None:
    losses = torch.tensor([3.0, 1.0], requires_grad=True)
    left, _ = weigh(Curriculum(score="centroid"), losses, 0.0, rank=torch.tensor([0.8, 0.9], dtype=torch.float64))
    left.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(left, torch.zeros(2))
    assert losses.grad is not None
    assert torch.equal(losses.grad, torch.zeros(2))


@pytest.mark.parametrize("order", ["easy", "hard"])
def test_centroids_rank_rows_by_the_distance_from_the_mean_of_their_class(order: str) -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    x = torch.tensor([[0.0], [1.0], [2.0], [9.0], [100.0], [104.5]])  # means 3 and 102.25
    rows = Rows(x, torch.nn.functional.one_hot(labels, 2).float(), torch.ones(6))
    rank = Curriculum(score="centroid", order=order).about(rows, make_context())["rank"]
    distances = [3.0, 2.0, 1.0, 6.0, 2.25, 2.25]
    ranked = [distances[number] for number in rank.argsort().tolist()]
    assert ranked == sorted(distances, reverse=order == "hard")
    assert sorted((rank * 6).round().tolist()) == list(range(6))


@pytest.mark.parametrize(
    ("regularizer", "facts", "message"),
    [
        (BalancedBatches(), REGRESSION, "needs classification"),
        (BalancedBatches(), {"task": "multilabel", "class_counts": ()}, "needs classification"),
        (Curriculum(score="centroid"), REGRESSION, "score=centroid needs classification"),
        (Curriculum(score="centroid"), {"task": "multilabel", "class_counts": ()}, "score=centroid needs"),
    ],
)
def test_unfit_data_are_refused(regularizer: Regularizer, facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        regularizer.check(make_facts(**facts))


def test_other_tasks_fit_where_no_class_is_needed() -> None:
    for facts in (REGRESSION, {"task": "multilabel", "class_counts": ()}):
        Curriculum().check(make_facts(**facts))
        OutlierRemoval().check(make_facts(**facts))


def test_a_curriculum_that_leaves_no_row_out_says_so() -> None:
    assert Curriculum(start=0.9).idle(make_facts(batch_size=8)) == (
        "start=0.9 of the 8 rows of a batch is rounded up to all of them"
    )
    assert Curriculum(start=0.9).idle(make_facts(batch_size=16)) is None
    assert Curriculum(start=0.9, score="centroid").idle(make_facts(batch_size=8)) is None
