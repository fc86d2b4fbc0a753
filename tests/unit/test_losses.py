"""Losses of rows equal torch's own, however small they are and however the outputs lie in memory."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from regbench.losses import entropies, log_probabilities, row_losses
from regbench.models.layers import convolve_series
from regbench.randomness import Randomness


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("scale", [0.1, 3.0, 300.0])
def test_cross_entropy_with_soft_targets_equals_torch(scale: float, turned: bool, dtype: torch.dtype) -> None:
    logits = scale * Randomness(1).normal((5, 17, 10), dtype)
    targets = Randomness(2).normal((5, 17, 10), dtype).softmax(-1)
    lying = logits.mT.contiguous().mT if turned else logits
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten(0, 1), reduction="none").view(5, 17)
    torch.testing.assert_close(row_losses("classification", lying, targets), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(log_probabilities(lying), logits.log_softmax(-1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("margin", [5.0, 10.0, 14.0])
def test_tiny_losses_keep_their_digits(margin: float) -> None:
    """The loss of two classes is log(1 + exp(-margin)), here as exact as torch's."""
    logits = torch.tensor([[margin, 0.0]], dtype=torch.float64)
    target = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    expected = torch.log1p(torch.exp(torch.tensor([-margin], dtype=torch.float64)))
    torch.testing.assert_close(row_losses("classification", logits, target), expected, rtol=1e-9, atol=0.0)


@pytest.mark.parametrize("scale", [0.1, 3.0, 300.0])
def test_the_loss_of_labels_is_torchs_mean_over_them(scale: float) -> None:
    logits = scale * Randomness(1).normal((5, 17, 4), torch.float64)
    targets = Randomness(2).uniform((5, 17, 4), torch.float64)
    expected = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(-1)
    torch.testing.assert_close(row_losses("multilabel", logits, targets), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("margin", [10.0, 30.0, 300.0])
def test_tiny_losses_of_labels_keep_their_digits(margin: float) -> None:
    logits = torch.tensor([[margin, -margin]], dtype=torch.float64)
    expected = torch.log1p(torch.exp(torch.tensor([-margin], dtype=torch.float64)))
    found = row_losses("multilabel", logits, torch.tensor([[1.0, 0.0]], dtype=torch.float64))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0.0)


def test_entropies_are_those_of_torchs_distributions() -> None:
    logits = 3.0 * Randomness(1).normal((17, 4), torch.float64)
    classes, labels = torch.distributions.Categorical(logits=logits), torch.distributions.Bernoulli(logits=logits)
    torch.testing.assert_close(entropies("classification", logits), classes.entropy(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(entropies("multilabel", logits), labels.entropy().mean(-1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "padding"), [(40, 5, 2, 1), (7, 3, 1, 0), (3, 3, 2, 1), (9, 1, 3, 2)]
)
@pytest.mark.parametrize("biased", [True, False])
def test_convolution_as_a_product_equals_torch(
    length: int, kernel: int, stride: int, padding: int, biased: bool
) -> None:
    x = Randomness(1).normal((6, 4, length), torch.float64).requires_grad_()
    weight = Randomness(2).normal((5, 4, kernel), torch.float64).requires_grad_()
    bias = Randomness(3).normal((5,), torch.float64) if biased else None
    ours = convolve_series(x, weight, bias, stride, padding)
    theirs = F.conv1d(x, weight, bias, stride, padding)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    slope = Randomness(4).normal(theirs.shape, torch.float64)
    gradients = (torch.autograd.grad(maps, (x, weight), slope) for maps in (ours, theirs))
    for own, other in zip(*gradients, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12)
