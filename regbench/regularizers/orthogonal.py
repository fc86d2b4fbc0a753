"""Orthogonality penalty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.models.layers import Conv, Linear
from regbench.regularizers._layers import fan_in, leave_out_last, weighted_layers
from regbench.regularizers.base import Context, Facts, Params, Regularizer, is_weight, note_unused

POWER_STEPS = 2
PAIRED = ("offdiagonal", "cosine")
"""Forms that compare rows with one another and do not know the scale."""

TINY = 1e-24
"""Smallest square of a norm that is divided by."""


@dataclass(frozen=True, kw_only=True)
class Orthogonal(Regularizer):
    """Orthogonality penalty: draws the rows of each weight matrix, or its columns if they are fewer, to be orthogonal.

        soft          strength · ‖M Mᵀ − s² I‖_F²
        double        strength · (‖M Mᵀ − s² I‖_F² + ‖Mᵀ M − s² I‖_F²)
        offdiagonal   strength · Σ_{i≠j} (M Mᵀ)_ij²
        cosine        strength · mean over pairs of rows of |cos(m_i, m_j)|
        srip          strength · ‖M Mᵀ − s² I‖₂, the largest |σ² − s²|, σ the singular values of M

    M is a weight `[outputs, inputs]`, or its transpose if it has fewer columns than rows; a kernel `[outputs, inputs,
    k, ...]` is read as `[outputs, inputs · k ...]`. s is `scale`, the length that rows are drawn to; `offdiagonal` and
    `cosine` leave the length free and do not use it. Penalties of all layers are added up; `last: no` leaves the last
    layer out. strength 0 is off.

    `double` can be 0 for a square M alone: it is twice `soft` plus s⁴ for each column that M has more than rows, so
    that it trains as `soft` does at twice the strength. `srip` takes two power steps from a random vector that is
    drawn anew for each layer and step, so that it finds at most the largest |σ² − s²|.

    When: in deep networks that lose or blow up their gradients, and in early training, where it keeps all directions
    of the input alive. It asks for singular values of one size, and so works against layers that should leave
    directions out, against `l1` and other penalties that shrink.

    Other libraries: Keras' OrthogonalRegularizer(factor) is `cosine` with strength = factor, for matrices alone, its
    `mode` saying whether rows or columns are compared; torch has a parametrization that makes weights exactly
    orthogonal, and no penalty.

    Source: Bansal, Chen & Wang (2018), section 3: eqs. of SO, DSO and SRIP; offdiagonal: Brock, Donahue & Simonyan
    (2019), section 3.1.
    """

    aim: ClassVar[str] = "bound"

    strength: Hyper = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    form: str = choice("soft", "double", "offdiagonal", "cosine", "srip", help="what is penalised, see above")
    scale: Hyper = hyper(1.0, open_low=True, search=(0.5, 2.0), log=True, help="soft, double, srip: length of the rows")
    last: str = choice("no", "yes", help="whether the last layer is penalised as well")

    def note(self, facts: Facts) -> str | None:
        """Say that a setting was given which belongs to another form."""
        return (
            note_unused(self, "scale", "form=soft, double or srip") if self.form in ("offdiagonal", "cosine") else None
        )

    def idle(self, facts: Facts) -> str | None:
        """Return that there is no layer but the last, or no two rows to compare, where that is so."""
        layers = weighted_layers(facts)
        if self.last == "no":
            if len(layers) == 1:
                return "the network's only layer is its last; take last=yes"
            layers = layers[:-1]
        if self.form in PAIRED and layers and all(_shorter_side(layer) == 1 for layer in layers):
            return f"no layer has two rows or columns to compare, as form={self.form} does"
        return None

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return the sum of the layers' penalties, 0-d."""
        covered = weights if self.last == "yes" else leave_out_last(weights)
        costs = [self._cost(_shorter_first(w), name, ctx) for name, w in covered.items() if is_weight(name)]
        if not costs:
            return 0.0
        total = torch.stack(costs).sum()
        return torch.as_tensor(self.strength, dtype=total.dtype, device=total.device) * total

    def _cost(self, m: Tensor, name: str, ctx: Context) -> Tensor:
        if self.form == "cosine":
            return average_cosine(m)
        square = torch.as_tensor(self.scale, dtype=m.dtype, device=m.device).square()
        if self.form == "srip":
            return spectral_distance(m, square, ctx.random.at(name).normal((len(m),), m.dtype))
        gram, identity = m @ m.mT, torch.eye(len(m), dtype=m.dtype, device=m.device)
        if self.form == "offdiagonal":
            return (gram * (1.0 - identity)).square().sum()
        distance = (gram - square * identity).square().sum()
        # ‖MᵀM − s²I‖² without its matrix, which may be large: the two have the same singular values but for zeros.
        return distance if self.form == "soft" else 2.0 * distance + square.square() * (m.shape[1] - len(m))


def average_cosine(m: Tensor) -> Tensor:
    """Return the mean of |cos| over the pairs of rows of `[rows, columns]`, 0-d; 0 for a single row."""
    rows = m * m.square().sum(1, keepdim=True).clamp_min(TINY).rsqrt()
    pairs = len(m) * (len(m) - 1)
    return (rows @ rows.mT).tril(-1).abs().sum() * (2.0 / max(pairs, 1))


def spectral_distance(m: Tensor, square: Tensor, start: Tensor, steps: int = POWER_STEPS) -> Tensor:
    """Return the spectral norm of M Mᵀ − s² I by power iteration, 0-d.

    Args:
        m: `[rows, columns]`.
        square: s², 0-d.
        start: the vector to begin with, `[rows]`.
        steps: products with the matrix, at least one.
    """
    u = start
    for _ in range(steps):
        u = u / torch.linalg.vector_norm(u).clamp_min(math.sqrt(TINY))
        u = m @ (m.mT @ u) - square * u
    distance: Tensor = torch.linalg.vector_norm(u)
    return distance


def _shorter_first(w: Tensor) -> Tensor:
    m = w.flatten(1)
    return m if len(m) <= m.shape[1] else m.mT


def _shorter_side(layer: Conv | Linear) -> int:
    return min(layer.outputs, fan_in(layer))
