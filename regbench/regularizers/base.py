"""The protocol of a regularizer: a frozen dataclass of hyper-parameters with pure methods, one for each stage.

A technique overrides the methods of the stages at which it acts, and nothing else happens anywhere. Every method is
pure: what a technique remembers from step to step is the state that `begin` makes and `after_update` and `average`
pass on. The same code runs for one run alone and, under `torch.vmap`, for a cohort, so a method uses no `.item()`,
no `if` on a tensor and no boolean indexing, and treats a `Hyper` as a number that may be a 0-d tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from torch import Tensor

from regbench.config.fields import Hyper
from regbench.errors import ConfigError
from regbench.randomness import Randomness

if TYPE_CHECKING:
    from regbench.models.network import Network, Site

Params: TypeAlias = dict[str, Tensor]
"""Tensors by name: `hidden0.weight`, `hidden0.bias`, `norm0.scale` ..."""

State: TypeAlias = dict[str, Tensor]
"""What a technique carries from step to step, by name."""

Note: TypeAlias = Callable[[str, "Tensor | Callable[[], Tensor]"], None]
"""Records a figure for the column `<technique>.<effect>`, of a name listed in `effects`.

A figure that costs a pass over a tensor is given as a function, which is called only if the figure is wanted.
"""

Gradient: TypeAlias = Callable[[Params], tuple[Params, Any]]
"""Computes the gradients of the objective at some weights, and a report that is passed on untouched."""


class Rows(NamedTuple):
    """Rows of data: a whole training set `[N, ...]` or one batch `[B, ...]`."""

    x: Tensor
    """Inputs `[B, *shape]`."""
    y: Tensor
    """Soft targets `[B, C]` that sum to one (classification), or targets `[B, 1]` (regression)."""
    weight: Tensor
    """Non-negative weight of each row in the loss, `[B]`."""


@dataclass(frozen=True)
class Facts:
    """What a technique may ask about a run before it starts."""

    task: str
    layout: str
    shape: tuple[int, ...]
    class_counts: tuple[int, ...]
    """Training rows of each class; empty for regression."""
    nonnegative: bool
    """Whether every training input is >= 0."""
    rows: int
    batch_size: int
    sites: tuple[Site, ...]


@dataclass(frozen=True, kw_only=True)
class Regularizer:
    """Base of all techniques; every stage does nothing unless overridden."""

    conflicts: ClassVar[tuple[str, ...]] = ()
    """Techniques that cannot be used beside this one."""
    after: ClassVar[tuple[str, ...]] = ()
    """Techniques that act before this one wherever both act at the same stage; the others go by name."""
    site_kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of sites at which `activations` acts."""
    effects: ClassVar[tuple[str, ...]] = ()
    """Figures that the technique reports each epoch through `note`."""
    needs_gain: ClassVar[bool] = False
    """Whether `after_update` wants `Update.gain`, which costs a pass over the optimizer's state."""

    def check(self, facts: Facts) -> None:
        """Refuse, with a `ConfigError`, data or a model that the technique does not fit."""

    # -- once ----------------------------------------------------------------------------------------------------

    def training_data(self, rows: Rows, random: Randomness) -> Rows:
        """Return the training set to learn from; validation and test data are never seen here."""
        return rows

    def architecture(self, network: Network) -> Network:
        """Return the network to train in place of the given one."""
        return network

    @property
    def ensemble_size(self) -> int:
        """Number of networks trained side by side in one run."""
        return 1

    # -- every step ----------------------------------------------------------------------------------------------

    def batch(self, batch: Rows, random: Randomness, note: Note) -> Rows:
        """Return the batch to train on."""
        return batch

    def forward_weights(self, weights: Params, rows: int, random: Randomness, note: Note) -> Params:
        """Return the weights as the forward pass sees them; the update still applies to the clean ones."""
        return weights

    def activations(self, site: Site, h: Tensor, random: Randomness, note: Note) -> Tensor:
        """Return the activations `[B, *site.shape]` of one site in training."""
        return h

    def evaluated_activations(self, site: Site, h: Tensor) -> Tensor:
        """Return the activations of one site in evaluation."""
        return h

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows) -> Tensor:
        """Return the loss of each row `[B]`, given outputs (logits or predictions) `[B, C]`."""
        return losses

    def penalty(self, weights: Params) -> Tensor | float:
        """Return a scalar that is added to the mean loss."""
        return 0.0

    def gradient_rule(self, gradient: Gradient) -> Gradient:
        """Return the function that computes gradients in place of the given one."""
        return gradient

    def gradients(self, gradients: Params, weights: Params, step: int, random: Randomness, note: Note) -> Params:
        """Return the gradients that the optimizer gets; `step` counts updates from 0."""
        return gradients

    # -- after each update ---------------------------------------------------------------------------------------

    def begin(self, weights: Params) -> State:
        """Return the state before the first step; empty for a technique without memory."""
        return {}

    def after_update(self, update: Update, state: State) -> tuple[Params, State]:
        """Return the weights that training goes on with, and the state."""
        return update.weights, state

    def average(self, weights: Params, step: int, state: State) -> State:
        """Take the new weights (and norm statistics) into the average; `step` counts updates from 0."""
        return state

    def averaged(self, weights: Params, state: State) -> Params:
        """Return the weights (and norm statistics) that evaluation uses."""
        return weights

    # -- evaluation ----------------------------------------------------------------------------------------------

    def combine(self, outputs: Tensor, task: str) -> Tensor:
        """Combine the members' log-probabilities (or predicted numbers) `[M, N, C]` into one, `[N, C]`."""
        return outputs.mean(0)


class Update(NamedTuple):
    """One optimizer step as the stage after it sees it."""

    weights: Params
    """Weights after the step."""
    previous: Params
    """Weights before the step."""
    rate: Tensor
    """Learning rate of this step, 0-d."""
    gain: Params
    """How far a unit of constant gradient moves each weight at rate 1 (1/(1-momentum), 1/(sqrt(v)+eps)), or empty."""


STAGES: dict[str, str] = {
    "training_data": "training data",
    "architecture": "architecture",
    "batch": "batch",
    "forward_weights": "forward weights",
    "activations": "activations",
    "row_loss": "loss per row",
    "penalty": "penalty",
    "gradient_rule": "gradient rule",
    "gradients": "gradients",
    "after_update": "after the update",
    "average": "averaging",
    "ensemble_size": "ensemble",
}
"""Protocol method of each stage, in the order in which they act, and the stage's name."""


def overrides(technique: Regularizer | type[Regularizer], method: str) -> bool:
    """Tell whether a technique has its own version of a protocol method."""
    cls = technique if isinstance(technique, type) else type(technique)
    return getattr(cls, method) is not getattr(Regularizer, method)


def stages_of(technique: Regularizer | type[Regularizer]) -> tuple[str, ...]:
    """Return the names of the stages at which a technique acts, in order."""
    return tuple(stage for method, stage in STAGES.items() if overrides(technique, method))


def is_weight(name: str) -> bool:
    """Tell whether a parameter is a weight matrix or kernel, neither a bias nor a norm's scale or shift."""
    return name.endswith(".weight")


def select(weights: Params, scope: str) -> list[Tensor]:
    """Return the tensors that a penalty covers: weights alone, or all parameters."""
    return [w for name, w in weights.items() if scope == "all" or is_weight(name)]


def refuse(name: str, reason: str) -> ConfigError:
    """Return the refusal of a technique on this data or model."""
    return ConfigError(f"regularizer {name}: {reason}")


__all__ = [
    "STAGES",
    "Facts",
    "Gradient",
    "Hyper",
    "Note",
    "Params",
    "Regularizer",
    "Rows",
    "State",
    "Update",
    "is_weight",
    "overrides",
    "refuse",
    "select",
    "stages_of",
]
