"""The multilayer perceptron."""

from __future__ import annotations

import math
from dataclasses import dataclass

from regbench.config.fields import choice, integer, integers
from regbench.errors import ConfigError
from regbench.models.base import DataShape, Model, refuse
from regbench.models.blocks import dense_block, entrance, flatten
from regbench.models.layers import ACTIVATIONS, INITIALISATIONS, Linear
from regbench.models.network import Layer, Network

WIDEST = 2**16


@dataclass(frozen=True, kw_only=True)
class Mlp(Model):
    """Fully connected hidden layers `hidden0`, `hidden1`, ... and a linear layer `output`.

    Fits every layout but tokens; series and images are flattened.
    """

    widths: tuple[int, ...] = integers((64, 64), low=1, high=WIDEST, help="units of each hidden layer")
    depth: int | None = integer(None, low=1, high=1000, optional=True, help="hidden layers, all as wide as the first")
    activation: str = choice(*ACTIVATIONS, help="non-linearity of the hidden layers")
    initialisation: str = choice(*INITIALISATIONS, help="weights before training")

    def __post_init__(self) -> None:
        if not self.widths:
            raise ConfigError("model.widths=[] is not allowed; it takes at least one width (model=linear has none)")
        if self.depth is not None and len(set(self.widths)) > 1:
            raise ConfigError(
                f"model.depth={self.depth} needs one width for all layers, such as model.widths=[{self.widths[0]}]; "
                f"model.widths={list(self.widths)} has several"
            )

    def build(self, data: DataShape) -> Network:
        """Return the network; a layer of m inputs and n units has (m + 1) n parameters."""
        if data.layout == "tokens":
            raise refuse("mlp", "quantities", data, "dataset.features=tfidf or counts")
        widths = self.widths if self.depth is None else self.widths[:1] * self.depth
        layers: tuple[Layer, ...] = (*entrance(data.shape), *flatten(data.shape))
        inputs = math.prod(data.shape)
        for place, units in enumerate(widths):
            layers += dense_block(f"hidden{place}", inputs, units, self.activation, self.initialisation)
            inputs = units
        layers += (Linear("output", inputs, data.outputs, self.initialisation),)
        return Network(layers, data.shape, data.outputs)
