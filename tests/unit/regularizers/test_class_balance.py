"""Class weights and logit adjustment, against scikit-learn and the paper's formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor

from regbench.errors import ConfigError
from regbench.losses import row_losses
from regbench.randomness import Randomness
from regbench.regularizers.base import Facts, Regularizer, Rows
from regbench.regularizers.class_weights import ClassWeights
from regbench.regularizers.logit_adjustment import LogitAdjustment
from regbench.tasks import Task
from regbench.training.train_step import mean_loss
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context, make_facts

COUNTS = (60, 30, 10)
RANDOM = Randomness(3)
FACTS = make_facts(class_counts=COUNTS, rows=100)


def make_rows(*counts: int) -> Rows:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    x = Randomness(1).normal((len(labels), 2), torch.float64) + labels.unsqueeze(1)
    return Rows(x, F.one_hot(labels, len(counts)).double(), torch.ones(len(labels), dtype=torch.float64))


def weigh(regularizer: ClassWeights, rows: Rows, facts: Facts = FACTS) -> Tensor:
    """Return the weights of all training rows as a batch."""
    state = regularizer.begin({}, rows, make_context(facts=facts))
    return regularizer.batch(rows, make_context(facts=facts, state=state)).weight


# -- class weights ---------------------------------------------------------------------------------------------------


def test_the_balanced_weights_are_scikit_learns() -> None:
    rows = make_rows(*COUNTS)
    labels = rows.y.argmax(1).numpy()
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)[labels]
    torch.testing.assert_close(weigh(ClassWeights(), rows), torch.from_numpy(expected))


def test_the_effective_weights_are_the_papers_and_keep_the_mean() -> None:
    rows, beta = make_rows(*COUNTS), 0.99
    weights = weigh(ClassWeights(form="effective", beta=beta), rows)
    factor = (1.0 - beta) / (1.0 - beta ** torch.tensor(COUNTS, dtype=torch.float64))
    own = weights[[0, 60, 90]]
    torch.testing.assert_close(own / own[0], factor / factor[0])
    torch.testing.assert_close(weights.mean(), torch.ones((), dtype=torch.float64))


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.0])
def test_the_strength_is_a_power_and_the_mean_weight_stays(strength: float) -> None:
    rows = make_rows(*COUNTS)
    weights = weigh(ClassWeights(strength=strength), rows)
    torch.testing.assert_close(weights[90] / weights[0], torch.tensor(6.0**strength, dtype=torch.float64))
    torch.testing.assert_close(weights.mean(), torch.ones((), dtype=torch.float64))
    assert strength > 0.0 or torch.equal(weights, rows.weight)


@pytest.mark.parametrize(("beta", "power"), [(1e-9, 0.0), (1.0 - 1e-9, 1.0)])
def test_the_effective_number_lies_between_nothing_and_balanced(beta: float, power: float) -> None:
    weights = weigh(ClassWeights(form="effective", beta=beta), make_rows(*COUNTS))
    torch.testing.assert_close(
        weights[90] / weights[0], torch.tensor(6.0**power, dtype=torch.float64), rtol=1e-6, atol=0
    )


def test_the_weighted_fit_is_scikit_learns_balanced_logistic_regression() -> None:
    rows = make_rows(*COUNTS)
    labels = rows.y.argmax(1).numpy()
    fit = LogisticRegression(class_weight="balanced", C=0.5, tol=1e-12, max_iter=10_000).fit(rows.x.numpy(), labels)
    weight = torch.from_numpy(fit.coef_).requires_grad_()
    bias = torch.from_numpy(fit.intercept_).requires_grad_()
    losses = row_losses(Task.CLASSIFICATION, rows.x @ weight.T + bias, rows.y)
    # scikit-learn minimises C Σ_i f_i ℓ_i + ½‖W‖²: the mean of the rows by their weights and ½‖W‖² / (C n).
    loss = mean_loss(losses, weigh(ClassWeights(), rows), FACTS) + weight.square().sum() / (2 * 0.5 * 100)
    for gradient in torch.autograd.grad(loss, (weight, bias)):
        assert float(gradient.abs().max()) < 1e-6
    plain = mean_loss(row_losses(Task.CLASSIFICATION, rows.x @ weight.T + bias, rows.y), rows.weight, FACTS)
    assert float(torch.autograd.grad(plain, bias)[0].abs().max()) > 1e-2, "the plain fit is another"


def test_a_row_of_weight_two_is_two_rows() -> None:
    rows = make_rows(3, 3)
    doubled = rows._replace(weight=torch.tensor([2.0, 2.0, 2.0, 1.0, 1.0, 1.0], dtype=torch.float64))
    weighted = make_facts(class_counts=(3, 3), weighted=True)
    own = weigh(ClassWeights(), doubled, weighted)
    repeated = weigh(ClassWeights(), make_rows(6, 3), make_facts(class_counts=(6, 3)))
    # Each class's share of the whole weight.
    torch.testing.assert_close(own[:3].sum() / own.sum(), repeated[:6].sum() / repeated.sum())


def test_classes_of_equal_size_and_a_class_without_rows() -> None:
    rows = make_rows(20, 20, 20)
    for form in ("balanced", "effective"):
        assert torch.equal(weigh(ClassWeights(form=form), rows), rows.weight)
    empty = weigh(ClassWeights(), make_rows(20, 0, 10), make_facts(class_counts=(20, 0, 10)))
    torch.testing.assert_close(empty[[0, 20]], torch.tensor([0.75, 1.5], dtype=torch.float64))
    bootstrap = rows._replace(weight=torch.arange(60, dtype=torch.float64) % 3)
    assert torch.equal(weigh(ClassWeights(), bootstrap), bootstrap.weight), "a bootstrap sample is no imbalance"


def test_mixed_targets_have_the_mean_of_their_factors() -> None:
    rows = make_rows(*COUNTS)
    state = ClassWeights().begin({}, rows, make_context(facts=FACTS))
    mixed = Rows(rows.x[:1], torch.tensor([[0.5, 0.0, 0.5]], dtype=torch.float64), rows.weight[:1])
    own = ClassWeights().batch(mixed, make_context(facts=FACTS, state=state)).weight
    torch.testing.assert_close(own, torch.tensor([(100 / 180 + 100 / 30) / 2], dtype=torch.float64))


# -- logit adjustment ------------------------------------------------------------------------------------------------


def adjust(tau: Any, rows: Rows, outputs: Tensor, facts: Facts = FACTS, random: Randomness = RANDOM) -> Tensor:
    """Return the adjusted losses of all rows."""
    own = LogitAdjustment(tau=tau)
    ctx = make_context(random, facts=facts, state=own.begin({}, rows, make_context(facts=facts)))
    return own.row_loss(row_losses(facts.task, outputs, rows.y), outputs, rows, ctx)


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_the_loss_is_the_cross_entropy_of_logits_moved_by_the_shares(tau: float) -> None:
    rows, outputs = make_rows(*COUNTS), Randomness(4).normal((100, 3), torch.float64)
    moved = outputs + tau * torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64).log()
    expected = F.cross_entropy(moved, rows.y, reduction="none")
    torch.testing.assert_close(adjust(tau, rows, outputs), expected)


def test_constant_logits_are_the_best_where_classes_count_the_same() -> None:
    """At τ = 1 the best constant output favours no class, however rare; without, it is the shares' logarithm."""
    rows, zero = make_rows(*COUNTS), torch.zeros(100, 3, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(adjust(1.0, rows, zero).mean(), zero)[0].sum(0)
    torch.testing.assert_close(slope, torch.zeros(3, dtype=torch.float64))
    plain = torch.autograd.grad(adjust(0.0, rows, zero).mean(), zero)[0].sum(0)
    torch.testing.assert_close(plain, torch.tensor([1 / 3 - 0.6, 1 / 3 - 0.3, 1 / 3 - 0.1], dtype=torch.float64))


@pytest.mark.parametrize(("tau", "counts"), [(0.0, COUNTS), (1.0, (30, 30, 30))])
def test_off_and_balanced_classes_change_no_bit_of_losses_and_gradients(tau: float, counts: tuple[int, ...]) -> None:
    rows, facts = make_rows(*counts), make_facts(class_counts=counts)
    outputs = Randomness(4).normal((len(rows.x), 3), torch.float64).requires_grad_()
    plain = row_losses(facts.task, outputs, rows.y)
    own = adjust(tau, rows, outputs, facts)
    assert torch.equal(own, plain)
    gradients = (torch.autograd.grad(losses.square().sum(), outputs)[0] for losses in (own, plain))
    assert torch.equal(*gradients)


def test_a_class_without_rows_is_as_rare_as_one_row_and_all_stays_finite() -> None:
    rows, facts = make_rows(20, 0, 10), make_facts(class_counts=(20, 0, 10))
    outputs = torch.zeros(30, 3, dtype=torch.float64, requires_grad=True)
    own = adjust(1.0, rows, outputs, facts)
    torch.testing.assert_close(own[0].detach(), torch.tensor(np.log(31 / 20), dtype=torch.float64))
    assert torch.isfinite(torch.autograd.grad(own.sum(), outputs)[0]).all()


def test_the_shares_are_those_of_the_weights() -> None:
    rows = make_rows(3, 3)._replace(weight=torch.tensor([2.0, 2.0, 2.0, 1.0, 1.0, 1.0], dtype=torch.float64))
    own = adjust(1.0, rows, torch.zeros(6, 2, dtype=torch.float64), make_facts(class_counts=(3, 3), weighted=True))
    torch.testing.assert_close(own[0], torch.tensor(np.log(9 / 6), dtype=torch.float64))


def test_stacked_runs_have_the_bits_of_runs_alone() -> None:
    rows, outputs = make_rows(*COUNTS), Randomness(4).normal((100, 3), torch.float64)
    assert_stacked_equals_alone(
        LogitAdjustment(), lambda t, r, z: adjust(t.tau, rows, z, random=r), outputs, tau=(0.0, 0.5, 1.0)
    )
    assert_stacked_equals_alone(
        ClassWeights(), lambda t, r, w: weigh(t, rows._replace(weight=w)), rows.weight, strength=(0.0, 0.5, 1.0)
    )


@pytest.mark.parametrize("regularizer", [ClassWeights(), LogitAdjustment()])
def test_both_need_classes_and_say_so_where_they_are_balanced(regularizer: Regularizer) -> None:
    for task in (Task.REGRESSION, Task.MULTILABEL):
        with pytest.raises(ConfigError, match="needs classification"):
            regularizer.check(make_facts(task=task, class_counts=()))
    assert regularizer.idle(FACTS) is None
    even = make_facts(class_counts=(20, 20))
    assert regularizer.idle(even) == "all classes have equally many training rows"
    assert regularizer.idle(make_facts(class_counts=(20, 20), weighted=True)) is None
    assert ClassWeights(form="effective", beta=0.0).idle(FACTS) == "beta=0 lets every row count the same"
