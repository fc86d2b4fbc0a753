"""The convolutional network of the MNIST-1D paper."""

from __future__ import annotations

import math
from dataclasses import dataclass

from regbench.config.fields import choice, integer
from regbench.models.base import DataShape, Model, refuse
from regbench.models.blocks import conv_block, convolved, entrance, flatten
from regbench.models.layers import ACTIVATIONS, INITIALISATIONS, Conv, Linear
from regbench.models.network import Layer, Network

KERNELS = (5, 3, 3)
SHORTEST = 3


@dataclass(frozen=True, kw_only=True)
class Conv1d(Model):
    """Three convolutions over time with kernels 5, 3, 3, each with stride 2 and padding 1, and a linear layer.

    On MNIST-1D (40 steps, 10 classes) the maps are 19, 10 and 5 steps long and the network has 5,210 parameters.

    Source: Greydanus (2020), Scaling down deep learning; the layers of its published code (ConvBase).
    """

    channels: int = integer(25, low=1, high=4096, help="feature maps of each convolution")
    activation: str = choice(*ACTIVATIONS, help="non-linearity after each convolution")
    initialisation: str = choice(*INITIALISATIONS, help="weights before training")

    def build(self, data: DataShape) -> Network:
        """Return the network for series `[C, L]`."""
        if data.layout != "series" or data.shape[1] < SHORTEST:
            raise refuse("conv1d", f"series [C, L] of at least {SHORTEST} steps", data, "linear or mlp")
        layers: tuple[Layer, ...] = entrance(data.shape)
        inputs, size = data.shape[0], data.shape[1:]
        for place, kernel in enumerate(KERNELS):
            convolution = Conv(
                f"conv{place}", inputs, self.channels, kernel, 1, 2, padding=1, initialisation=self.initialisation
            )
            layers += conv_block(convolution, size, self.activation)
            inputs, size = self.channels, convolved(convolution, size)
        features = (inputs, *size)
        layers += (*flatten(features), Linear("output", math.prod(features), data.outputs, self.initialisation))
        return Network(layers, data.shape, data.outputs)
