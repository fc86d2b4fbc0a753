"""Convolution and pooling channels-last: the same numbers as torch's own, alone and stacked, with their gradients."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.models.images import convolve_images, lay_channels_last, pool

SHAPES = [(5, 1, 7, 6), (4, 3, 8, 8), (1, 2, 4, 4), (0, 3, 4, 4), (3, 1, 4, 1)]
NETWORKS = 3


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def ours(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1) -> Tensor:
    return pool(convolve_images(x, weight, bias, stride, 1), 2)


def by_torch(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1) -> Tensor:
    return F.max_pool2d(F.conv2d(x, weight, bias, stride, 1), 2)


def test_lies_channels_last_even_with_one_channel() -> None:
    for rows, channels, height, width in SHAPES:
        x = draw(rows, channels, height, width)
        laid = lay_channels_last(x)
        assert torch.equal(laid, x)
        assert laid.stride() == (height * width * channels, 1, width * channels, channels) or x.numel() == 0
        assert lay_channels_last(laid).data_ptr() == laid.data_ptr()  # once is enough


def test_one_channel_is_not_copied() -> None:
    x = draw(5, 1, 7, 6)
    assert lay_channels_last(x).data_ptr() == x.data_ptr()


def test_gradient_of_a_pool_comes_back_channels_last() -> None:
    x = lay_channels_last(draw(4, 3, 8, 8)).requires_grad_()
    pooled = pool(x, 2)
    (gradient,) = torch.autograd.grad(pooled.flatten(1).sum(), pooled)
    (back,) = torch.autograd.grad((pooled * gradient).sum(), x)
    assert back.stride() == x.stride()


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
def test_equals_torch_with_all_gradients(stride: int, biased: bool) -> None:
    x, weight = draw(4, 3, 8, 9), draw(5, 3, 3, 3)
    given = [t.requires_grad_() for t in ((x, weight, draw(5)) if biased else (x, weight))]
    shift = given[2] if biased else None
    mine, theirs = (f(x, weight, shift, stride) for f in (ours, by_torch))
    assert mine.shape == theirs.shape
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    own, other = (torch.autograd.grad(out.square().sum(), given) for out in (mine, theirs))
    for one, two in zip(own, other, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shared", [True, False], ids=["shared rows", "own rows"])
@pytest.mark.parametrize("biased", [True, False])
def test_stacked_networks_equal_each_alone(biased: bool, shared: bool) -> None:
    x = draw(4, 3, 8, 8) if shared else draw(NETWORKS, 4, 3, 8, 8)
    weight = draw(NETWORKS, 5, 3, 3, 3).requires_grad_()
    bias = draw(NETWORKS, 5) if biased else None
    axes = (None if shared else 0, 0, 0 if biased else None)
    stacked = torch.vmap(ours, axes)(x, weight, bias)
    each = [by_torch(x if shared else x[n], weight[n], None if bias is None else bias[n]) for n in range(NETWORKS)]
    torch.testing.assert_close(stacked, torch.stack(each), rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(out.square().sum(), weight)[0] for out in (stacked, torch.stack(each))]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_gradients_within_each_stacked_network_equal_those_alone() -> None:
    """What a gradient rule such as SAM takes."""
    x, weight, bias = draw(NETWORKS, 4, 3, 8, 8), draw(NETWORKS, 5, 3, 3, 3), draw(NETWORKS, 5)

    def total(f: object, w: Tensor, x: Tensor, b: Tensor) -> Tensor:
        assert callable(f)
        value: Tensor = f(x, w, b).square().sum()
        return value

    stacked = torch.vmap(torch.func.grad(partial(total, ours)))(weight, x, bias)
    alone = [torch.func.grad(partial(total, by_torch))(weight[n], x[n], bias[n]) for n in range(NETWORKS)]
    torch.testing.assert_close(stacked, torch.stack(alone), rtol=1e-12, atol=1e-12)


def test_second_derivatives_are_right() -> None:
    x, weight, bias = draw(2, 2, 4, 4), draw(3, 2, 3, 3), draw(3)
    given = tuple(t.requires_grad_() for t in (x, weight, bias))
    assert torch.autograd.gradgradcheck(lambda x, weight, bias: convolve_images(x, weight, bias, 1, 1), given)
