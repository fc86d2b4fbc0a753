"""The layers that shipped models are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.models.images import convolve_images, pool
from regbench.models.network import Layer, Pass, Tensors
from regbench.randomness import Randomness

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "selu": F.selu,
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "identity": lambda x: x,
}

NARROW = 16
"""Outputs below which a linear layer computes (W x^T)^T: the products of stacked networks, forward and backward, then
have their short side where they are two to four times as fast."""

INITIALISATIONS = ("torch", "he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "lecun_normal")
"""`torch`: weights and biases U(-1/sqrt(fan_in), 1/sqrt(fan_in)), torch's own default; the others set biases to 0."""

CONVEX_INITIALISATIONS = ("zeros", *INITIALISATIONS)
"""For networks without hidden layers, where no symmetry has to be broken."""


def draw_weights(
    scheme: str, shape: tuple[int, ...], fan_in: int, fan_out: int, random: Randomness, dtype: torch.dtype
) -> Tensor:
    """Draw the initial weights of a layer `shape`.

    he: variance 2/fan_in (He et al. 2015, eq. 10); xavier: 2/(fan_in + fan_out) (Glorot & Bengio 2010, eq. 12);
    lecun: 1/fan_in (LeCun et al. 1998); a uniform law of variance v spans +-sqrt(3 v).
    """
    if scheme == "zeros":
        return torch.zeros(shape, dtype=dtype)
    if scheme == "torch":
        return (2.0 * random.uniform(shape, dtype) - 1.0) / math.sqrt(fan_in)
    family, law = scheme.split("_")
    variance = {"he": 2.0 / fan_in, "xavier": 2.0 / (fan_in + fan_out), "lecun": 1.0 / fan_in}[family]
    if law == "normal":
        return random.normal(shape, dtype) * math.sqrt(variance)
    return (2.0 * random.uniform(shape, dtype) - 1.0) * math.sqrt(3.0 * variance)


def draw_bias(scheme: str, size: int, fan_in: int, random: Randomness, dtype: torch.dtype) -> Tensor:
    """Draw the initial biases of a layer: zero, except under torch's own scheme."""
    if scheme != "torch":
        return torch.zeros(size, dtype=dtype)
    return (2.0 * random.uniform((size,), dtype) - 1.0) / math.sqrt(fan_in)


@dataclass(frozen=True)
class Linear(Layer):
    """Affine map x W^T + b, from `[B, inputs]` to `[B, outputs]`.

    A technique may put weights `[B, outputs, inputs]`, one matrix per row, in place of `[outputs, inputs]`.
    """

    inputs: int
    outputs: int
    initialisation: str = "torch"
    biased: bool = True

    def initial_weights(self, random: Randomness, dtype: torch.dtype) -> Tensors:
        """Return `<name>.weight` `[outputs, inputs]` and, if biased, `<name>.bias` `[outputs]`."""
        shape = (self.outputs, self.inputs)
        weight = draw_weights(self.initialisation, shape, self.inputs, self.outputs, random.at("weight"), dtype)
        if not self.biased:
            return {f"{self.name}.weight": weight}
        bias = draw_bias(self.initialisation, self.outputs, self.inputs, random.at("bias"), dtype)
        return {f"{self.name}.weight": weight, f"{self.name}.bias": bias}

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return x W^T + b."""
        weight, bias = run.weights[f"{self.name}.weight"], run.weights.get(f"{self.name}.bias")
        if weight.ndim == 3:
            product = (weight @ x.unsqueeze(-1)).squeeze(-1)
        elif self.outputs < NARROW:
            # Through a view the gradient comes back in x's own layout; in another, all that follows is slow.
            product = (weight @ x.reshape(-1).view(x.shape).mT).mT
        else:
            product = F.linear(x, weight)  # with its bias, stacked networks take longer
        return product if bias is None else product + bias


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution over 1 or 2 spatial dimensions, `[B, inputs, ...]` to `[B, outputs, ...]`."""

    inputs: int
    outputs: int
    kernel: int
    dimensions: int
    stride: int = 1
    padding: int = 0
    initialisation: str = "torch"
    biased: bool = True

    def initial_weights(self, random: Randomness, dtype: torch.dtype) -> Tensors:
        """Return `<name>.weight` `[outputs, inputs, kernel, ...]` and, if biased, `<name>.bias` `[outputs]`."""
        area = self.kernel**self.dimensions
        shape = (self.outputs, self.inputs) + (self.kernel,) * self.dimensions
        fan_in, fan_out = self.inputs * area, self.outputs * area
        weight = draw_weights(self.initialisation, shape, fan_in, fan_out, random.at("weight"), dtype)
        if not self.biased:
            return {f"{self.name}.weight": weight}
        bias = draw_bias(self.initialisation, self.outputs, fan_in, random.at("bias"), dtype)
        return {f"{self.name}.weight": weight, f"{self.name}.bias": bias}

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return the convolved feature maps."""
        convolve = convolve_series if self.dimensions == 1 else convolve_images
        weight, bias = run.weights[f"{self.name}.weight"], run.weights.get(f"{self.name}.bias")
        return convolve(x, weight, bias, self.stride, self.padding)


def convolve_series(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Return what F.conv1d does, as one product of the kernels with shifted copies of the input.

    F.conv1d treats the kernels of stacked networks as groups, at a half to a third of this speed. The rows of the batch
    lie last in memory, so that a shift moves whole batches.
    """
    kernel = weight.shape[-1]
    x = F.pad(x.permute(1, 2, 0), (0, 0, padding, padding))
    length = (x.shape[1] - kernel) // stride + 1
    shifts = [x[:, first : first + stride * (length - 1) + 1 : stride] for first in range(kernel)]
    product = weight.flatten(1) @ torch.stack(shifts, 1).flatten(2).flatten(0, 1)
    if bias is not None:
        product = product + bias.unsqueeze(1)
    return product.view(len(weight), length, -1).permute(2, 0, 1)


@dataclass(frozen=True)
class Activation(Layer):
    """A non-linearity, elementwise."""

    function: str

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return the activated values, of the same shape."""
        return ACTIVATIONS[self.function](x)


@dataclass(frozen=True)
class Flatten(Layer):
    """`[B, ...]` to `[B, D]`."""

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return one vector per row."""
        return x.flatten(1)


@dataclass(frozen=True)
class MaxPool2d(Layer):
    """The largest value of each window of `size` x `size`, windows not overlapping."""

    size: int

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return feature maps smaller by the factor `size`."""
        return pool(x, self.size)


class OrthogonalPolynomial(NamedTuple):
    """Polynomials of one input: the k-th is sum_j change[k][j] z^j, j from 0, with z = (x - centre) / half."""

    centre: float
    half: float
    change: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class PolynomialBasis(Layer):
    """Polynomials of degree 1 .. degree of each input, `[B, D]` to `[B, D * degree]`, without products of inputs.

    Without `columns` they are the powers x, x^2, ...; else those of one `OrthogonalPolynomial` for each input.
    """

    degree: int
    columns: tuple[OrthogonalPolynomial, ...] = ()

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return the basis functions of every input, those of the first input first."""
        if not self.columns:
            return (x.unsqueeze(-1) ** torch.arange(1, self.degree + 1, device=x.device)).flatten(1)
        # The sums cancel digits that float32 does not have.
        exact = partial(torch.tensor, dtype=torch.float64, device=x.device)
        centre, half, change = (exact(values) for values in zip(*self.columns, strict=True))
        z = (x.to(torch.float64) - centre) / half
        powers = z.unsqueeze(-1) ** torch.arange(self.degree + 1, device=x.device)
        return torch.einsum("ndj,dkj->ndk", powers, change).flatten(1).to(x.dtype)
