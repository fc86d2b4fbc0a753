"""Records that the stages of training hand to regularizers: rows, facts, updates, and the one context argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor

from regbench.models.network import Layer, Site
from regbench.randomness import Randomness
from regbench.tasks import Task

Params: TypeAlias = dict[str, Tensor]
"""Tensors by name: `hidden0.weight`, `hidden0.bias`, `norm0.scale` ..."""

State: TypeAlias = dict[str, Tensor]
"""What a regularizer carries from step to step, by name."""

Effect: TypeAlias = Callable[[str, "Tensor | Callable[[], Tensor]"], None]
"""Records a figure for the column `<regularizer>.<effect>`, of a name listed in `effects`.

A figure that costs a pass over a tensor is given as a function, which is called only if the figure is wanted.
"""

Report = TypeVar("Report")

Gradient: TypeAlias = Callable[[Params], tuple[Params, Report]]
"""Computes the gradients of the objective at some weights, and a report that is passed on untouched."""


class Rows(NamedTuple):
    """Rows of data: a whole training set `[N, ...]` or one batch `[B, ...]`."""

    x: Tensor
    """Inputs `[B, *shape]`."""
    y: Tensor
    """Targets `[B, C]`: soft classes that sum to one, numbers (regression), or a share in [0, 1] for each label."""
    weight: Tensor
    """Non-negative weight of each row in the loss, `[B]`."""


class Moment(NamedTuple):
    """Time of a step; the same for all stacked runs.

    Counts are whole numbers, or 0-d int64 tensors where a step is recorded to be repeated at other times: a method
    calculates with them as with a `Hyper`, and has no `if` on them.
    """

    epoch: int
    """Counted from 1."""
    step: int
    """Steps done in this epoch."""
    update: int
    """Updates done so far."""
    last_of_epoch: bool
    updates: int
    """Updates of the whole schedule."""

    @property
    def progress(self) -> float:
        """Share of the schedule that is done, in [0, 1); a 0-d float64 tensor where `update` is a tensor."""
        if isinstance(self.update, Tensor):
            return self.update.to(torch.float64) / self.updates
        return self.update / self.updates


@dataclass(frozen=True)
class Facts:
    """Facts about a run that are known before it starts."""

    task: Task
    layout: str
    shape: tuple[int, ...]
    class_counts: tuple[int, ...]
    """Training rows of each class; empty where there are no classes."""
    nonnegative: bool
    """Whether every training input is >= 0."""
    rows: int
    batch_size: int
    sites: tuple[Site, ...]
    categories: tuple[tuple[int, int], ...] = ()
    """Ranges `(first, end)` of a table's columns that say one thing together: the levels of a category, or a truth
    value. What lies between two of their values means nothing."""
    outputs: tuple[str, ...] = ()
    """Names of the labels, or of several numbers to predict; empty for a single target."""
    weighted: bool = False
    """Whether the data set weighs its rows; the mean weight of a network's training rows is then 1."""
    layers: tuple[Layer, ...] = ()
    """Layers in the order of the forward pass, as the model built them, before any regularizer changed the network."""


class Update(NamedTuple):
    """One optimizer step as the stage after it sees it."""

    weights: Params
    """Weights after the step."""
    previous: Params
    """Weights before the step."""
    lr: Tensor
    """Learning rate of this step, 0-d."""
    gain: Params
    """How far a gradient of 1 in this step moves each weight in it at learning rate 1, by name: 1 for SGD,
    (1 − beta1)/(1 − beta1^t)/(√v̂ + eps) for Adam; empty unless a regularizer asks for it (`needs_gain`)."""


class Forward(Protocol):
    """Runs the network once more with the weights of this step; its norm statistics are dropped."""

    def __call__(self, x: Tensor, *, stream: str = "", weights: Params | None = None, training: bool = True) -> Tensor:
        """Return the outputs `[B, C]` for inputs `[B, ...]`.

        Args:
            x: the inputs.
            stream: source of the masks and noises of this pass: empty repeats those of the main pass (an attack on
                it), any other name has its own (a second view).
            weights: parameters, and norm statistics if they are among them, of another network of this shape, in
                place of this step's.
            training: False for evaluation mode, in which rows do not depend on each other.
        """


def no_forward(x: Tensor, *, stream: str = "", weights: Params | None = None, training: bool = True) -> Tensor:
    """Refuse a further pass at a stage that has none.

    Raises:
        LookupError: always.
    """
    raise LookupError("further passes through the network belong to the stage row_loss")


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a stage's method may ask: its last argument, at every stage.

    Inside a cohort tensors are those of one run: the method is mapped over all of them.
    """

    common: Randomness
    """Random numbers of this regularizer and step, the same at every stage and site."""
    key: tuple[str, ...]
    """Names that make `random` this stage's (and site's) own."""
    effect: Effect
    """Records a figure."""
    moment: Moment
    facts: Facts
    state: State
    """The regularizer's own state, as the last update left it."""
    numbers: Tensor
    """Numbers of the batch's rows in the training set, int64 `[B]`; of all rows where a stage sees all, `[N]`."""
    about: Params
    """What the regularizer's `about` says of these rows, `[B, ...]`."""
    forward: Forward
    """Further passes through the network, at the stage `row_loss`; elsewhere a `LookupError`."""

    @property
    def random(self) -> Randomness:
        """Random numbers of this regularizer, step, stage and site."""
        return self.common.at(*self.key)
