"""The protocol of a model: a frozen dataclass of its settings that builds a network for the data at hand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regbench.errors import ConfigError

if TYPE_CHECKING:
    from regbench.data.records import Floats
    from regbench.models.network import Network


@dataclass(frozen=True)
class DataShape:
    """Facts about the data that a model may ask.

    `task` is classification, regression or multilabel; `layout` is table (rows `[D]`), series (`[C, L]`) or image
    (`[C, H, W]`).
    `shape` is the shape of one row and `outputs` the number of classes, labels or numbers to predict.
    `inputs` are the training inputs `[N, *shape]`, for models with a part that is fitted to them before training.
    """

    task: str
    layout: str
    shape: tuple[int, ...]
    outputs: int
    inputs: Floats

    def describe(self) -> str:
        """Say in words what one row is, as refusals print it."""
        sizes = " x ".join(str(size) for size in self.shape)
        if self.layout == "image":
            return f"images of {sizes} (channels, height, width)"
        if self.layout == "series":
            return f"series of {sizes} (channels, steps)"
        if self.layout == "tokens":
            return f"texts of {sizes} tokens"
        return f"a table of {sizes} column{'s' if self.shape != (1,) else ''}"


@dataclass(frozen=True, kw_only=True)
class Model(ABC):
    """Base of all models."""

    @property
    def reads_inputs(self) -> bool:
        """Whether `build` reads `DataShape.inputs`: they are then stored with the run, for whoever builds it again."""
        return False

    @abstractmethod
    def build(self, data: DataShape) -> Network:
        """Return the network, from an input `[B, *data.shape]` to outputs `[B, data.outputs]`.

        Raises:
            ConfigError: the model does not fit the data.
        """


def refuse(model: str, needs: str, data: DataShape, instead: str) -> ConfigError:
    """Return the refusal of a model on this data: what it needs, what the data are, what would fit."""
    return ConfigError(f"model {model} needs {needs}; the data set is {data.describe()} (use {instead})")
