"""Losses that take the cross-entropy's place or turn it round, against their formulas, torch and torchvision's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.errors import ConfigError
from regbench.losses import row_losses
from regbench.randomness import Randomness
from regbench.regularizers.base import Facts, Regularizer, Rows
from regbench.regularizers.bootstrap_loss import BootstrapLoss
from regbench.regularizers.flooding import Flooding
from regbench.regularizers.focal_loss import FocalLoss
from regbench.regularizers.generalized_cross_entropy import GeneralizedCrossEntropy
from regbench.regularizers.registry import build_regularizers
from regbench.tasks import Task
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context, make_facts, make_rows

CLASSES = make_facts()
LABELS = make_facts(task=Task.MULTILABEL, class_counts=())
REPLACING: tuple[Regularizer, ...] = (FocalLoss(), GeneralizedCrossEntropy(), BootstrapLoss())


def rows_of(targets: Tensor) -> Rows:
    return Rows(torch.zeros(len(targets), 1), targets, torch.ones(len(targets)))


def losses_of(regularizer: Regularizer, outputs: Tensor, targets: Tensor, facts: Facts = CLASSES) -> Tensor:
    """Return what a regularizer makes of the plain losses."""
    plain = row_losses(facts.task, outputs, targets)
    return regularizer.row_loss(plain, outputs, rows_of(targets), make_context(facts=facts))


def gradient_of(regularizer: Regularizer, outputs: Tensor, targets: Tensor, facts: Facts = CLASSES) -> Tensor:
    outputs = outputs.clone().requires_grad_()
    return torch.autograd.grad(losses_of(regularizer, outputs, targets, facts).sum(), outputs)[0]


def draw(rows: int = 30, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Return outputs and one-hot targets, float64."""
    outputs = 2.0 * Randomness(4).normal((rows, classes), torch.float64)
    return outputs, make_rows(rows, 1, classes=classes, dtype=torch.float64).y


# -- focal loss ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_the_focal_loss_of_two_classes_is_that_of_the_odds(gamma: float) -> None:
    z = torch.linspace(-4.0, 4.0, 17, dtype=torch.float64)
    p = 1.0 / (1.0 + (-z).exp())
    outputs, first = torch.stack([z, torch.zeros(17)], 1), torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(17, 2)
    expected = -((1.0 - p) ** gamma) * p.log()
    torch.testing.assert_close(losses_of(FocalLoss(gamma=gamma), outputs, first), expected)
    # d/dz of −(1 − p)^γ log p with dp/dz = p (1 − p)
    slope = (1.0 - p) ** gamma * (gamma * p * p.log() - (1.0 - p))
    torch.testing.assert_close(gradient_of(FocalLoss(gamma=gamma), outputs, first)[:, 0], slope)


def test_a_sure_row_counts_a_hundredth() -> None:
    outputs = torch.tensor([[0.9, 0.05, 0.05]], dtype=torch.float64).log()
    y = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    ratio = losses_of(FocalLoss(), outputs, y) / row_losses(Task.CLASSIFICATION, outputs, y)
    torch.testing.assert_close(ratio, torch.full((1,), 0.01, dtype=torch.float64))


def test_the_focal_loss_of_labels_is_that_of_the_detector() -> None:
    outputs, _ = draw()
    y = (Randomness(6).uniform((30, 3), torch.float64) < 0.4).double()
    # Equation 4 with p_t, the probability of what holds.
    p_t = outputs.sigmoid() * y + (1.0 - outputs.sigmoid()) * (1.0 - y)
    expected = F.binary_cross_entropy_with_logits(outputs, y, reduction="none") * (1.0 - p_t) ** 2
    torch.testing.assert_close(losses_of(FocalLoss(), outputs, y, LABELS), expected.mean(1))


# -- generalized cross-entropy ---------------------------------------------------------------------------------------


def test_generalized_cross_entropy_at_one_is_the_missing_probability() -> None:
    outputs, y = draw()
    missing = 1.0 - (outputs.softmax(1) * y).sum(1)
    torch.testing.assert_close(losses_of(GeneralizedCrossEntropy(q=1.0), outputs, y), missing)
    # Half of the mean absolute error's sum over classes.
    torch.testing.assert_close(missing, (outputs.softmax(1) - y).abs().sum(1) / 2.0)


@pytest.mark.parametrize("q", [0.3, 0.7, 1.0])
def test_its_gradient_is_that_of_the_cross_entropy_times_a_power(q: float) -> None:
    outputs, y = draw()
    p = outputs.softmax(1)
    own = (p * y).sum(1, keepdim=True)
    torch.testing.assert_close(gradient_of(GeneralizedCrossEntropy(q=q), outputs, y), own**q * (p - y))
    torch.testing.assert_close(losses_of(GeneralizedCrossEntropy(q=q), outputs, y), (1.0 - own[:, 0] ** q) / q)


def test_a_small_power_is_close_to_the_cross_entropy() -> None:
    outputs, y = draw()
    near = losses_of(GeneralizedCrossEntropy(q=1e-4), outputs, y)
    # (1 − e^(q x)) / q = −x − q x²/2 − …
    plain = row_losses(Task.CLASSIFICATION, outputs, y)
    torch.testing.assert_close(near, plain - 1e-4 * plain.square() / 2.0, rtol=1e-6, atol=1e-7)
    tiny = losses_of(GeneralizedCrossEntropy(q=1e-30), outputs.float(), y.float())
    torch.testing.assert_close(tiny, plain.float())


# -- bootstrap -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, 0.8, 0.95])
def test_the_soft_bootstrap_through_which_gradients_go_rewards_confidence(beta: float) -> None:
    outputs, y = draw()
    own = BootstrapLoss(beta=beta, gradient="through")
    log_p = outputs.log_softmax(1)
    entropy = -(log_p.exp() * log_p).sum(1)
    expected = beta * F.cross_entropy(outputs, y, reduction="none") + (1.0 - beta) * entropy
    torch.testing.assert_close(losses_of(own, outputs, y), expected)
    # dH/dz_k = −p_k (log p_k + H)
    slope = beta * (log_p.exp() - y) - (1.0 - beta) * log_p.exp() * (log_p + entropy.unsqueeze(1))
    torch.testing.assert_close(gradient_of(own, outputs, y), slope)


@pytest.mark.parametrize("form", ["soft", "hard"])
def test_a_bootstrap_that_stops_gradients_has_that_of_the_cross_entropy_with_fixed_targets(form: str) -> None:
    outputs, y = draw()
    p = outputs.softmax(1)
    q = p if form == "soft" else F.one_hot(p.argmax(1), 3).double()
    target = 0.8 * y + 0.2 * q
    own = BootstrapLoss(beta=0.8, form=form)
    torch.testing.assert_close(losses_of(own, outputs, y), F.cross_entropy(outputs, target, reduction="none"))
    torch.testing.assert_close(gradient_of(own, outputs, y), p - target)


def test_the_most_likely_class_has_no_gradient() -> None:
    with pytest.raises(ConfigError, match="form=hard has no gradient to go through; take gradient=stop or form=soft"):
        BootstrapLoss(form="hard", gradient="through").check(CLASSES)


# -- what these three have in common ---------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [CLASSES, LABELS], ids=["classes", "labels"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "off",
    [
        FocalLoss(gamma=0.0),
        GeneralizedCrossEntropy(q=0.0),
        *(BootstrapLoss(beta=1.0, gradient=way) for way in ("stop", "through")),
        BootstrapLoss(beta=1.0, form="hard"),
    ],
)
def test_off_has_the_bits_of_the_plain_loss_and_of_its_gradient(
    off: Regularizer, dtype: torch.dtype, facts: Facts
) -> None:
    outputs, y = (part.to(dtype) for part in draw())
    plain = outputs.clone().requires_grad_()
    losses = row_losses(facts.task, plain, y)
    assert torch.equal(losses_of(off, outputs, y, facts), losses)
    assert torch.equal(gradient_of(off, outputs, y, facts), torch.autograd.grad(losses.sum(), plain)[0])


@pytest.mark.parametrize("facts", [CLASSES, LABELS], ids=["classes", "labels"])
@pytest.mark.parametrize(
    "regularizer",
    [
        *REPLACING,
        FocalLoss(gamma=0.3),
        FocalLoss(gamma=1e-30),
        GeneralizedCrossEntropy(q=1e-30),
        GeneralizedCrossEntropy(q=1.0),
        BootstrapLoss(gradient="through"),
        BootstrapLoss(form="hard"),
    ],
)
def test_gradients_are_finite_where_the_network_is_certain(regularizer: Regularizer, facts: Facts) -> None:
    outputs = torch.tensor([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 0.0], [17.0, 0.0, 0.0]])
    y = torch.tensor([[1.0, 0.0, 0.0]]).expand(3, 3)
    assert torch.isfinite(losses_of(regularizer, outputs, y, facts)).all()
    assert torch.isfinite(gradient_of(regularizer, outputs, y, facts)).all()


@pytest.mark.parametrize(
    ("regularizer", "hypers"),
    [
        (FocalLoss(), {"gamma": (0.0, 0.5, 4.0)}),
        (GeneralizedCrossEntropy(), {"q": (0.0, 0.3, 1.0)}),
        (BootstrapLoss(gradient="through"), {"beta": (1.0, 0.9, 0.0)}),
        (BootstrapLoss(form="hard"), {"beta": (1.0, 0.9, 0.0)}),
        (Flooding(per="row"), {"level": (0.0, 0.5, 2.0)}),
    ],
)
@pytest.mark.parametrize("facts", [CLASSES, LABELS], ids=["classes", "labels"])
def test_stacked_losses_have_the_bits_of_runs_alone(
    regularizer: Regularizer, hypers: dict[str, Any], facts: Facts
) -> None:
    outputs, y = (part.float() for part in draw())
    assert_stacked_equals_alone(
        regularizer,
        lambda t, r, z: t.row_loss(row_losses(facts.task, z, y), z, rows_of(y), make_context(r, facts=facts)),
        outputs,
        **hypers,
    )


@pytest.mark.parametrize("regularizer", REPLACING)
def test_a_predicted_number_is_refused_and_so_are_two_that_replace_the_loss(regularizer: Regularizer) -> None:
    with pytest.raises(ConfigError, match="needs classes or labels"):
        regularizer.check(make_facts(task=Task.REGRESSION, class_counts=()))
    assert len(regularizer.conflicts) == 2
    with pytest.raises(ConfigError, match="excludes"):
        build_regularizers({"bootstrap_loss": {}, "focal_loss": {}})


# -- flooding --------------------------------------------------------------------------------------------------------


def slope_of(loss: float, level: float) -> tuple[float, float]:
    """Return the flooded loss of a batch, and how it changes with the loss."""
    plain = torch.tensor(loss, dtype=torch.float64, requires_grad=True)
    flooded = Flooding(level=level).batch_loss(plain, make_context())
    return float(flooded.detach()), float(torch.autograd.grad(flooded, plain)[0])


@pytest.mark.parametrize(
    ("loss", "level", "flooded", "slope"),
    [(0.75, 0.5, 0.75, 1.0), (0.25, 0.5, 0.75, -1.0), (0.5, 0.5, 0.5, 0.0), (0.0, 0.5, 1.0, -1.0)],
)
def test_the_gradient_is_turned_round_below_the_level(loss: float, level: float, flooded: float, slope: float) -> None:
    assert slope_of(loss, level) == (flooded, slope)


def test_a_negative_loss_is_left_alone_when_flooding_is_off() -> None:
    assert slope_of(-0.3, 0.0) == (-0.3, 1.0), "a reward for entropy may make it negative"


def test_flooding_each_row_is_not_flooding_the_batch() -> None:
    """A deep-learning library took one for the other (deeplearning4j#414)."""
    losses = torch.tensor([0.1, 1.9], dtype=torch.float64, requires_grad=True)
    by_row, by_batch = Flooding(level=0.5, per="row"), Flooding(level=0.5)
    rows, ctx = make_rows(2, 1), make_context()
    flooded = by_row.row_loss(losses, losses, rows, ctx)
    torch.testing.assert_close(flooded.detach(), torch.tensor([0.9, 1.9], dtype=torch.float64))
    assert torch.autograd.grad(by_row.batch_loss(flooded.mean(), ctx), losses)[0].tolist() == [-0.5, 0.5]
    left = by_batch.row_loss(losses, losses, rows, ctx)
    assert left is losses
    assert torch.autograd.grad(by_batch.batch_loss(left.mean(), ctx), losses)[0].tolist() == [0.5, 0.5]


def test_each_stacked_run_is_turned_round_by_its_own_loss() -> None:
    losses = torch.tensor([0.1, 0.1, 0.9], dtype=torch.float64)
    levels = torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64)

    def flood(loss: Tensor, level: Any) -> Tensor:
        return Flooding(level=level).batch_loss(loss, make_context())

    together = torch.vmap(torch.func.grad(flood))(losses, levels)
    assert together.tolist() == [1.0, -1.0, 1.0]
