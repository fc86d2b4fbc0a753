"""Batch normalisation, inserted into the network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from regbench.config.fields import choice, number
from regbench.models.layers import Conv, Linear
from regbench.models.network import Layer, Network, TapPoint
from regbench.models.normalization import BatchNormalization
from regbench.regularizers.base import Facts, Regularizer, refuse

KINDS = {"before_activation": ("preactivation",), "after_activation": ("hidden", "channels"), "nowhere": ()}


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Regularizer):
    """Batch normalisation: scales each hidden unit (or channel) by the statistics of the batch it is in.

        y = γ (x − μ) / √(v + ε) + β

    In training μ and v (divided by n, not n − 1) are taken over the n values of a unit or channel in the batch, and
    running ← (1 − momentum) · running + momentum · current is kept, for v divided by n − 1; evaluation uses the running
    values. γ = 1 and β = 0 at first, learned as `norm<i>.scale` and `norm<i>.shift`, which penalties on weights leave
    alone. With n = 1 the output is β and the running values stay. Row weights are ignored: each row of the batch counts
    once in μ and v, even one of weight 0.

    `placement: before_activation` puts a layer in front of every non-linearity, `after_activation` behind it and
    its pooling, and `nowhere` is off. A layer whose sums are normalised right away loses its bias, for the mean takes
    it out again: its gradient would be rounding noise, which Adam blows up to full steps.

    When: a network is deep, or learns well only at small learning rates; as a regularizer it acts through the noise of
    each batch's statistics, alone or with dropout. Not with batches of a few rows, whose statistics are mostly noise
    and unlike those of evaluation. Weights in front of it have no scale of their own, so that penalties on them change
    the effective learning rate rather than the function.

    Other libraries: equal to torch.nn.BatchNorm1d and 2d; momentum is torch's, the weight of the *new* value, where
    Keras' is that of the old one, 1 − momentum.

    Source: Ioffe & Szegedy (2015), algorithms 1 and 2.
    """

    aim: ClassVar[str] = "normalise"
    placement: str = choice("before_activation", "after_activation", "nowhere", off="nowhere")
    momentum: float = number(0.1, low=0.0, high=1.0, open_low=True, help="weight of the new batch's statistics")
    epsilon: float = number(1e-5, low=0.0, open_low=True)

    def check(self, facts: Facts) -> None:
        """Refuse a model without hidden layers, and batches of a single row."""
        if self.placement == "nowhere":
            return
        if not any(site.kind in KINDS[self.placement] for site in facts.sites):
            raise refuse("batch_norm", "needs a model with a hidden layer")
        if facts.batch_size < 2:
            raise refuse("batch_norm", f"needs batches of at least 2 rows, and schedule.batch_size={facts.batch_size}")

    def architecture(self, network: Network, facts: Facts) -> Network:
        """Return the network with a normalisation in front of every chosen site."""
        layers: list[Layer] = []
        count = 0
        for layer in network.layers:
            if isinstance(layer, TapPoint) and layer.site.kind in KINDS[self.placement]:
                features = layer.site.shape[0]
                if layers and isinstance(layers[-1], Linear | Conv):
                    layers[-1] = replace(layers[-1], biased=False)
                layers.append(BatchNormalization(f"norm{count}", features, self.momentum, self.epsilon))
                count += 1
            layers.append(layer)
        return network.with_layers(tuple(layers))
