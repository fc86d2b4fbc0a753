"""Cutout: a contiguous part of each input is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Facts, Regularizer, Rows


@dataclass(frozen=True, kw_only=True)
class Cutout(Regularizer):
    """Cutout: sets a contiguous part of each input to zero, at a place of its own for every row and step.

        x̃_k = 0  where  a ≤ k < a + L along every spatial axis
        L = round(fraction · n),  a = c − ⌊L/2⌋,  c uniform on 0 .. n − 1

    A table row `[D]` and a series `[C, L]` lose a segment, an image `[C, H, W]` a rectangle, in all channels alike;
    n is the length of the axis. The *centre* is uniform and the hole is clipped at the border, so less than
    fraction² of an image is erased on average (19 % rather than 25 % for 16 of 32). Zero means zero on the scale the
    network sees: the mean of a standardised input. In a table, neighbours are neighbouring columns.
    `fraction` lies in [0, 1]; 0 is off. `erased_fraction` is the measured share of erased values.

    When: an image or a series has several parts that tell its label, and the network relies on one of them. Only where
    the label outlives the hole: not with holes as large as what is to be recognised, and in a table only if
    neighbouring columns belong together.

    Other libraries: in Composer's CutOut(length), length is `fraction`, and one place serves the whole batch.
    RandomErasing of torchvision, timm and Keras is a relative: it draws the hole's size and proportions too, and its
    scale is a share of the area, not of the side. An odd L keeps all its values here; the authors' code loses one.

    Source: DeVries & Taylor (2017), section 3.2.
    """

    aim: ClassVar[str] = "rows"
    ranks: ClassVar[Mapping[str, str]] = {"batch": "mask"}
    effects: ClassVar[tuple[str, ...]] = ("erased_fraction",)

    fraction: Hyper = hyper(0.25, high=1.0, search=(0.05, 0.75), off=0.0)

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where the hole has no width."""
        axes = facts.shape if facts.layout == "table" else facts.shape[1:]
        size = min(axes)
        if round(float(self.fraction) * size) > 0:
            return None
        what = "columns" if facts.layout == "table" else "values along an axis"
        return f"fraction={float(self.fraction):g} of {size} {what} is rounded to 0"

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        """Return the batch with one hole in each row."""
        x = batch.x
        rows, first_axis = x.shape[0], 1 if x.ndim == 2 else 2
        hole = torch.tensor(True, device=x.device)
        for axis in range(first_axis, x.ndim):
            inside = self._segment(rows, x.shape[axis], ctx.random.at(axis))
            hole = hole & inside.view(rows, *(x.shape[axis] if a == axis else 1 for a in range(1, x.ndim)))
        ctx.effect("erased_fraction", hole.to(x.dtype).mean())
        return batch._replace(x=torch.where(hole, 0.0, x))

    def _segment(self, rows: int, size: int, random: Randomness) -> Tensor:
        """Return which of `size` places are hidden in each row, bool `[rows, size]`."""
        length = torch.round(torch.as_tensor(self.fraction, dtype=torch.float64, device=random.device) * size)
        start = random.integers(size, (rows, 1)) - torch.floor(length / 2.0)
        place = torch.arange(size, device=random.device)
        return (place >= start) & (place < start + length)
