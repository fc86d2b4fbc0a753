"""The recurring groups of layers, each with its sites, that shipped models are made of."""

from __future__ import annotations

from regbench.models.layers import Activation, Conv, Flatten, Linear, MaxPool2d
from regbench.models.network import Layer, Site, TapPoint


def site(name: str, kind: str, shape: tuple[int, ...], activation: str = "") -> TapPoint:
    """Return the layer that hands the activations `[B, *shape]` of a site to the techniques."""
    return TapPoint(f"{name}.site", Site(name, kind, shape, activation))


def entrance(shape: tuple[int, ...]) -> tuple[Layer, ...]:
    """Return the site `input`, by which whatever enters a network passes first."""
    return (site("input", "input", shape),)


def flatten(shape: tuple[int, ...]) -> tuple[Layer, ...]:
    """Return what turns `[B, *shape]` into `[B, D]`: nothing where it is that already."""
    return (Flatten("flatten"),) if len(shape) > 1 else ()


def dense_block(name: str, inputs: int, units: int, activation: str, initialisation: str) -> tuple[Layer, ...]:
    """Return a hidden layer `[B, inputs]` to `[B, units]` with the sites `<name>.pre` and `<name>`."""
    return (
        Linear(name, inputs, units, initialisation),
        site(f"{name}.pre", "preactivation", (units,)),
        Activation(f"{name}.activation", activation),
        site(name, "hidden", (units,), activation),
    )


def conv_block(convolution: Conv, size: tuple[int, ...], activation: str, pool: int = 1) -> tuple[Layer, ...]:
    """Return a convolution of maps of `size` with the sites `<name>.pre` and `<name>`; a pool of 1 is none.

    The site `<name>` lies after the pooling: it is what the next layer sees.
    """
    name, channels = convolution.name, convolution.outputs
    maps = convolved(convolution, size)
    pooling: tuple[Layer, ...] = (MaxPool2d(f"{name}.pool", pool),) if pool > 1 else ()
    return (
        convolution,
        site(f"{name}.pre", "preactivation", (channels, *maps)),
        Activation(f"{name}.activation", activation),
        *pooling,
        site(name, "channels", (channels, *(length // pool for length in maps)), activation),
    )


def convolved(convolution: Conv, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the size of the maps that a convolution makes of maps of `size`, per spatial dimension."""
    return tuple((n + 2 * convolution.padding - convolution.kernel) // convolution.stride + 1 for n in size)
