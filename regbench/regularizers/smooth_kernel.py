"""Smooth kernels of convolutions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, number
from regbench.regularizers._layers import convolutions
from regbench.regularizers.base import Context, Facts, Params, Regularizer, is_weight, refuse

ROUND = 1e-12
"""Added under the root of total variation, and to the energy that is divided by, so that gradients stay finite."""

RIDGE = 1e-6
"""Added to the diagonal of the covariance."""


@dataclass(frozen=True, kw_only=True)
class SmoothKernel(Regularizer):
    """Smooth kernels: penalises differences between neighbouring values of a convolution's kernels.

        difference   strength · Σ (Δw)²
        laplacian    strength · Σ (∇²w)²
        tv           strength · Σ (√((Δw)² + 1e-12) − 1e-6), total variation
        covariance   strength · Σ wᵀ K⁻¹ w,   K_ij = exp(−d_ij² / (2 length²)) + 1e-6 · [i = j]

    Sums run over all kernels `[outputs, inputs, k, ...]` of all convolutions. Δ are the differences of neighbours along
    each axis, ∇² is the sum over axes of w_{i−1} − 2 w_i + w_{i+1} at places whose neighbours all lie in the kernel,
    d_ij is the distance of places i and j of a kernel. Nothing is padded: zeros outside would penalise the size of a
    kernel as well, while here one that is the same everywhere costs nothing (with `covariance` it costs something).
    With `normalise: energy` the cost of each convolution is divided by Σ w² (that of `tv` by its root), so that smaller
    weights are no way to a smaller cost. strength 0 is off.

    Refused without a convolution of more than one point along an axis, and `laplacian` without one of at least three.

    When: for kernels of five points or more on images and series with few rows, where kernels come out as noise, and
    where they are to be looked at. In kernels of three points there is little to smooth, and edge detectors, which
    are not smooth, may be what a task needs: `difference` works against them more than `laplacian` does.

    Other libraries: none.

    Source: covariance: Feinman & Lake (2019), Learning a smooth kernel regularizer for convolutional neural networks;
    tv: Rudin, Osher & Fatemi (1992), along each axis by itself.
    """

    aim: ClassVar[str] = "bound"

    strength: Hyper = hyper(1e-3, search=(1e-5, 1.0), log=True, off=0.0, help="weight of the penalty in the loss")
    form: str = choice("difference", "laplacian", "tv", "covariance", help="what is penalised, see above")
    normalise: str = choice("none", "energy", help="whether the cost is divided by the size of the kernels")
    length: float = number(1.0, low=0.0, open_low=True, help="covariance: distance over which values are alike")

    def check(self, facts: Facts) -> None:
        """Refuse a network without kernels that have neighbours, and a length that nothing uses."""
        fewest = 3 if self.form == "laplacian" else 2
        kernels = [layer.kernel for layer in convolutions(facts)]
        if max(kernels, default=0) < fewest:
            found = f"the largest has {max(kernels)}" if kernels else "the network has none"
            raise refuse("smooth_kernel", f"needs convolutions of at least {fewest} points along an axis; {found}")
        if self.form != "covariance" and self.length != 1.0:
            raise refuse("smooth_kernel", f"length={self.length:g} acts with form=covariance alone")

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return the sum of the convolutions' costs, 0-d."""
        costs = [self._cost(w) for name, w in weights.items() if is_weight(name) and self._has_neighbours(w)]
        if not costs:
            return 0.0
        total = torch.stack(costs).sum()
        return torch.as_tensor(self.strength, dtype=total.dtype, device=total.device) * total

    def _has_neighbours(self, w: Tensor) -> bool:
        sides = w.shape[2:]
        return min(sides) >= 3 if sides and self.form == "laplacian" else max(sides, default=1) >= 2

    def _cost(self, w: Tensor) -> Tensor:
        cost = self._roughness(w)
        if self.normalise == "none":
            return cost
        energy = w.square().sum() + ROUND
        return cost / (energy.sqrt() if self.form == "tv" else energy)

    def _roughness(self, w: Tensor) -> Tensor:
        if self.form == "laplacian":
            return laplacian(w).square().sum()
        if self.form == "covariance":
            whitened = torch.as_tensor(whitening(w.shape[2:], self.length), dtype=w.dtype, device=w.device)
            return (w.flatten(2) @ whitened.mT).square().sum()
        differences = torch.cat([w.diff(dim=axis).flatten() for axis in range(2, w.ndim)])
        if self.form == "difference":
            return differences.square().sum()
        # √(Δ² + ε) − √ε without its cancellation: exactly 0 where neighbours are alike.
        squares = differences.square()
        return (squares / ((squares + ROUND).sqrt() + math.sqrt(ROUND))).sum()


def laplacian(w: Tensor) -> Tensor:
    """Return the sum of second differences along the axes after the first two, at the places within."""
    axes = range(2, w.ndim)
    total = torch.zeros((), dtype=w.dtype, device=w.device)
    for axis in axes:
        second = w.diff(n=2, dim=axis)
        for other in axes:
            if other != axis:
                second = second.narrow(other, 1, w.shape[other] - 2)
        total = total + second
    return total


@lru_cache(maxsize=64)
def whitening(sides: tuple[int, ...], length: float) -> NDArray[np.float64]:
    """Return a matrix F with ‖F w‖² = wᵀ K⁻¹ w for a kernel's values w, flattened."""
    places = np.array(list(product(*(range(side) for side in sides))), dtype=np.float64)
    distances = np.square(places[:, None] - places).sum(2)
    covariance = np.exp(-distances / (2.0 * length**2)) + RIDGE * np.eye(len(places))
    factor: NDArray[np.float64] = np.linalg.inv(np.linalg.cholesky(covariance))
    return factor
