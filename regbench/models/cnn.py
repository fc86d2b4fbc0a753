"""A small convolutional network for images, of the size of LeNet."""

from __future__ import annotations

import math
from dataclasses import dataclass

from regbench.config.fields import choice, integer, integers
from regbench.errors import ConfigError
from regbench.models.base import DataShape, Model, refuse
from regbench.models.blocks import conv_block, convolved, dense_block, entrance, flatten
from regbench.models.layers import ACTIVATIONS, INITIALISATIONS, Conv, Linear
from regbench.models.network import Layer, Network

POOL = 2


@dataclass(frozen=True, kw_only=True)
class Cnn(Model):
    """Convolutions that keep the size, each followed by 2 x 2 max-pooling, then one hidden and one linear layer.

    With the defaults an 8 x 8 image becomes maps of 4 x 4 and 2 x 2, one of 32 x 32 becomes 16 x 16 and 8 x 8.

    Source: after LeNet-5, LeCun et al. (1998), figure 2, with max-pooling and rectified units.
    """

    channels: tuple[int, ...] = integers((16, 32), low=1, high=4096, help="feature maps of each convolution")
    kernel: int = integer(3, low=1, high=31, help="height and width of the kernels, odd")
    hidden: int = integer(64, low=1, high=2**16, help="units of the hidden layer")
    activation: str = choice(*ACTIVATIONS, help="non-linearity of all layers but the last")
    initialisation: str = choice(*INITIALISATIONS, help="weights before training")

    def __post_init__(self) -> None:
        if not self.channels:
            raise ConfigError("model.channels=[] is not allowed; it takes a whole number for each convolution")
        if self.kernel % 2 == 0:
            raise ConfigError(f"model.kernel={self.kernel} is not allowed; it takes an odd number")

    def build(self, data: DataShape) -> Network:
        """Return the network for images `[C, H, W]`."""
        smallest = POOL ** len(self.channels)
        if data.layout != "image" or min(data.shape[1:]) < smallest:
            raise refuse("cnn", f"images [C, H, W] of at least {smallest} x {smallest}", data, "linear or mlp")
        layers: tuple[Layer, ...] = entrance(data.shape)
        inputs, size = data.shape[0], data.shape[1:]
        for place, outputs in enumerate(self.channels):
            convolution = Conv(
                f"conv{place}",
                inputs,
                outputs,
                self.kernel,
                2,
                padding=self.kernel // 2,
                initialisation=self.initialisation,
            )
            layers += conv_block(convolution, size, self.activation, POOL)
            inputs, size = outputs, tuple(length // POOL for length in convolved(convolution, size))
        features = (inputs, *size)
        layers += flatten(features)
        layers += dense_block("hidden0", math.prod(features), self.hidden, self.activation, self.initialisation)
        layers += (Linear("output", self.hidden, data.outputs, self.initialisation),)
        return Network(layers, data.shape, data.outputs)
