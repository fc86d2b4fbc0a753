"""Layers that have weights, shared by the techniques that treat some of them otherwise than the rest."""

from __future__ import annotations

from regbench.models.layers import Conv, Linear
from regbench.regularizers.base import Facts, Params, is_weight


def weighted_layers(facts: Facts) -> tuple[Conv | Linear, ...]:
    """Return the layers that have a weight, in order."""
    return tuple(layer for layer in facts.layers if isinstance(layer, (Conv, Linear)))


def convolutions(facts: Facts) -> tuple[Conv, ...]:
    """Return the convolutions, in order."""
    return tuple(layer for layer in facts.layers if isinstance(layer, Conv))


def fan_in(layer: Conv | Linear) -> int:
    """Return how many weights enter one unit of a layer."""
    return layer.inputs * (layer.kernel**layer.dimensions if isinstance(layer, Conv) else 1)


def leave_out_last(weights: Params) -> Params:
    """Return the parameters without those of the last layer that has a weight."""
    layers = [name.removesuffix("weight") for name in weights if is_weight(name)]
    return {name: w for name, w in weights.items() if not layers or not name.startswith(layers[-1])}
