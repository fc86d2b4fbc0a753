"""Strengths of a penalty on weights: one for all layers, others for single layers by name, and one for biases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from regbench.config.fields import Hyper
from regbench.errors import suggest
from regbench.randomness import Randomness
from regbench.regularizers.base import Facts, Params, is_weight, refuse

USUAL, BIASES = "", ".bias"
"""Groups besides those of layers with a strength of their own; no layer has such a name."""


class Strengths(NamedTuple):
    """How strongly a penalty acts on each parameter."""

    usual: Hyper
    scope: str
    """`weights`: matrices and kernels; `all`: biases and norm parameters as well, at the strength of their layer."""
    layers: Mapping[str, float]
    """Strengths in place of the usual one, by name of the layer."""
    biases: Hyper
    """With scope `weights`: the strength for `.bias` alone."""

    def of(self, weights: Params) -> dict[str, Tensor]:
        """Return the strength at each parameter that is penalised, 0-d in its type, by name."""
        return {name: like(self._at(group), weights[name]) for group, name in self._covered(weights)}

    def groups(self, weights: Params) -> list[tuple[Hyper, list[Tensor]]]:
        """Return the penalised parameters by strength: the usual one's, each named layer's, and biases.

        Parameters at one strength are summed before they are multiplied by it, the same way whatever else is set.
        """
        found: dict[str, list[Tensor]] = {}
        for group, name in self._covered(weights):
            found.setdefault(group, []).append(weights[name])
        return [(self._at(group), tensors) for group, tensors in found.items()]

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where layers of strength 0 leave nothing to penalise."""
        if not self.layers or self.biases != 0.0:
            return None
        if all(self.layers.get(name) == 0.0 for name in named_layers(facts)):
            return "the strength of every layer that the model has is 0"
        return None

    def contradiction(self) -> str | None:
        """Return why the settings exclude each other; None where they do not."""
        if self.scope == "all" and self.biases != 0.0:
            return "bias_strength has no effect with scope=all, which penalises biases like weights; take scope=weights"
        return None

    def _covered(self, weights: Params) -> Iterator[tuple[str, str]]:
        """Yield the group and the name of each parameter that is penalised."""
        for name in weights:
            layer = name.rpartition(".")[0]
            if self.scope == "all" or is_weight(name):
                group = layer if layer in self.layers else USUAL
            elif name.endswith(".bias"):
                group = BIASES
            else:
                continue
            if group == USUAL or not _is_plain_zero(self._at(group)):
                yield group, name

    def _at(self, group: str) -> Hyper:
        if group == BIASES:
            return self.biases
        return self.layers.get(group, self.usual)


def named_layers(facts: Facts) -> list[str]:
    """Return the names of the layers that have a weight, in order."""
    drawn = (name for layer in facts.layers for name in layer.initial_weights(Randomness(0), torch.float32))
    return [name.rpartition(".")[0] for name in drawn if is_weight(name)]


def check_layers(regularizer: str, layers: Mapping[str, float], facts: Facts) -> None:
    """Refuse a name that is no layer with a weight.

    Raises:
        ConfigError: the model has no such layer.
    """
    known = named_layers(facts) if layers else []
    for name in layers:
        if name not in known:
            raise refuse(regularizer, f"layers.{name}: the model has no such layer; {suggest(name, known)}")


def like(value: Hyper, tensor: Tensor) -> Tensor:
    """Return a hyper-parameter as a 0-d tensor of another's type, on its device."""
    return torch.as_tensor(value, dtype=tensor.dtype, device=tensor.device)


def _is_plain_zero(value: Hyper) -> bool:
    """Tell whether a value is 0 in all runs, so that what it multiplies need not be computed."""
    return isinstance(value, float) and value == 0.0
