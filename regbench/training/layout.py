"""Layout of a network's parameters in one row of numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regbench.models.layers import NARROW
from regbench.regularizers.base import Params, is_weight


class Layout:
    """Place of each parameter in a row of the stacked weights; weight matrices come first.

    Matrices of wide layers lie there transposed, as the gradient of x W^T leaves the backward pass: gradients are then
    joined in whole blocks, not number by number.
    """

    def __init__(self, weights: Params) -> None:
        names = sorted(weights, key=lambda name: not is_weight(name))
        self.shapes = {name: tuple(weights[name].shape) for name in names}
        self.turned = {name for name, shape in self.shapes.items() if len(shape) == 2 and shape[0] >= NARROW}
        self.sizes = {name: math.prod(shape) for name, shape in self.shapes.items()}
        self.total = sum(self.sizes.values())
        self.weight_count = sum(size for name, size in self.sizes.items() if is_weight(name))

    def flatten(self, weights: Params, *, stacked: bool) -> Tensor:
        """Return `[P]`, or `[S, P]` from stacked parameters."""
        keep = 1 if stacked else 0
        lying = (weights[name].mT if name in self.turned else weights[name] for name in self.shapes)
        return torch.cat([weight.flatten(keep) for weight in lying], keep)

    def views(self, flat: Tensor) -> Params:
        """Return views by name of `[P]` or, stacked, of `[S, P]`."""
        views = {}
        for (name, shape), piece in zip(self.shapes.items(), flat.split(list(self.sizes.values()), -1), strict=True):
            if name in self.turned:
                views[name] = piece.unflatten(-1, shape[::-1]).mT
            else:
                views[name] = piece.unflatten(-1, shape)
        return views
