"""Convolution and pooling of images that lie in memory channels-last, as `[B, H, W, C]`.

Pooling then takes a tenth of its time, for whole rows of channels are compared at once. Shapes are `[B, C, H, W]` all
the same.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def lay_channels_last(x: Tensor) -> Tensor:
    """Return images or kernels `[B, C, H, W]` that lie in memory as `[B, H, W, C]`; those that do are not copied.

    Also their gradient then comes back so. Those of one channel lie both ways at once, but torch asks for the strides,
    which `contiguous` leaves as they are; a view sets them.
    """
    rows, channels, *size = x.shape
    return x.permute(0, 2, 3, 1).reshape(-1).view(rows, *size, channels).permute(0, 3, 1, 2)


def pool(x: Tensor, size: int) -> Tensor:
    """Return the largest value of each window of `size` x `size` of `[B, C, H, W]`."""
    # From a gradient that lies otherwise, the backward pass takes five times as long: the outer view turns it.
    return lay_channels_last(F.max_pool2d(lay_channels_last(x), size))


def convolve_images(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Return what F.conv2d does, `[B, outputs, ...]`; networks that are stacked are computed one after another."""
    maps: Tensor = torch.ops.regbench.convolve_images(
        lay_channels_last(x), lay_channels_last(weight), bias, stride, padding
    )
    return maps


def _convolve_each(
    info: Any, in_dims: tuple[int | None, ...], x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, pad: int
) -> tuple[Tensor, int]:
    """Return the maps of every network, `[S, B, outputs, ...]`, and the axis of the networks."""
    own = [_unbind(t, axis, info.batch_size) for t, axis in zip((x, weight, bias), in_dims, strict=False)]
    maps = [F.conv2d(rows, kernels, shift, stride, pad) for rows, kernels, shift in zip(*own, strict=True)]
    return torch.stack([each.permute(0, 2, 3, 1) for each in maps]).permute(0, 1, 4, 2, 3), 0


def _unbind(tensor: Tensor | None, axis: int | None, count: int) -> Any:
    """Return each network's own part of a tensor; one without their axis belongs to all."""
    return [tensor] * count if tensor is None or axis is None else tensor.unbind(axis)


# An operation that is F.conv2d, derivatives and export included, but for its rule under vmap: torch's own makes groups
# of the networks, which lie channels-first and take half as long again.
torch.library.define(
    "regbench::convolve_images", "(Tensor x, Tensor weight, Tensor? bias, int stride, int padding) -> Tensor"
)
torch.library.impl("regbench::convolve_images", "CompositeImplicitAutograd", F.conv2d)
torch.library.register_vmap("regbench::convolve_images", _convolve_each)
