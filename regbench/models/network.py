"""A network as data: a tuple of layers and named sites, run as one pure function of weights and input.

Techniques change a network by changing this tuple (batch norm inserts layers) and act inside it at its sites, where
the forward pass hands the activations to `tap`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from regbench.randomness import Randomness

Tensors: TypeAlias = dict[str, Tensor]


@dataclass(frozen=True)
class Site:
    """A named place in a network at which activations can be changed or watched.

    `kind` is input (what enters the network), preactivation (before a non-linearity), hidden (units `[B, H]` after
    it), channels (feature maps `[B, C, ...]` after it), branch (a residual branch) or output (what the network says,
    logits or predictions, `[B, outputs]`).
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    activation: str = field(default="", compare=False)
    """The non-linearity that hidden units or feature maps come from; empty where it is not known or none."""


SITE_KINDS = ("input", "preactivation", "hidden", "channels", "branch", "output")
INNER = ("hidden", "channels")
"""Kinds of sites of what leaves a non-linearity."""

Tap: TypeAlias = Callable[[Site, Tensor], Tensor]


@dataclass
class Pass:
    """One forward pass: what the layers read, and the buffers that training-mode layers leave behind."""

    weights: Tensors
    buffers: Tensors
    tap: Tap
    training: bool
    new_buffers: Tensors = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """A step of the forward pass; one with parameters names them `<name>.<parameter>`."""

    name: str

    def initial_weights(self, random: Randomness, dtype: torch.dtype) -> Tensors:
        """Return the parameters before training, by their full names."""
        return {}

    def initial_buffers(self, dtype: torch.dtype) -> Tensors:
        """Return the buffers before training, by their full names."""
        return {}

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return the layer's output for a batch `[B, ...]`."""
        return x


@dataclass(frozen=True)
class TapPoint(Layer):
    """Hands the activations of a site to the techniques."""

    site: Site

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return what the techniques made of the activations."""
        return run.tap(self.site, x)


@dataclass(frozen=True)
class Network:
    """Layers in order, from an input `[B, *input_shape]` to outputs `[B, outputs]`."""

    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    outputs: int

    @property
    def sites(self) -> tuple[Site, ...]:
        """The named sites, in the order of the forward pass; the last is `output`, which every network has."""
        return (*(layer.site for layer in self.layers if isinstance(layer, TapPoint)), self._output)

    @cached_property
    def _output(self) -> Site:
        return Site("output", "output", (self.outputs,))

    def initial_weights(self, random: Randomness, dtype: torch.dtype) -> Tensors:
        """Draw all parameters, each from its own stream, so that inserting a layer shifts no other's numbers."""
        weights: Tensors = {}
        for layer in self.layers:
            weights |= layer.initial_weights(random.at("initial", layer.name), dtype)
        return weights

    def initial_buffers(self, dtype: torch.dtype) -> Tensors:
        """Return all buffers before training."""
        buffers: Tensors = {}
        for layer in self.layers:
            buffers |= layer.initial_buffers(dtype)
        return buffers

    def forward(
        self, weights: Tensors, buffers: Tensors, x: Tensor, tap: Tap, training: bool
    ) -> tuple[Tensor, Tensors]:
        """Return the outputs `[B, outputs]` and the buffers after the pass."""
        run = Pass(weights, buffers, tap, training)
        for layer in self.layers:
            x = layer.apply(x, run)
        return tap(self._output, x), {**buffers, **run.new_buffers} if run.new_buffers else buffers

    def with_layers(self, layers: tuple[Layer, ...]) -> Network:
        """Return the same network with other layers between input and outputs."""
        return replace(self, layers=layers)
