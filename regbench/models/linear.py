"""Linear and logistic regression."""

from __future__ import annotations

import math
from dataclasses import dataclass

from regbench.config.fields import choice
from regbench.models.base import DataShape, Model, refuse
from regbench.models.blocks import entrance, flatten
from regbench.models.layers import CONVEX_INITIALISATIONS
from regbench.models.layers import Linear as LinearLayer
from regbench.models.network import Network


@dataclass(frozen=True, kw_only=True)
class Linear(Model):
    """Linear regression or, with the softmax or sigmoid in the loss, logistic regression: x W^T + b.

    Fits every layout but tokens; series and images are flattened. The loss is convex, so training may start at zero.
    """

    initialisation: str = choice(*CONVEX_INITIALISATIONS, help="weights before training")

    def build(self, data: DataShape) -> Network:
        """Return a network of the one layer `linear`, with D * outputs weights and as many biases as outputs."""
        if data.layout == "tokens":
            raise refuse("linear", "quantities", data, "dataset.features=tfidf or counts")
        layer = LinearLayer("linear", math.prod(data.shape), data.outputs, self.initialisation)
        return Network((*entrance(data.shape), *flatten(data.shape), layer), data.shape, data.outputs)
