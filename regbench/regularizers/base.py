"""The protocol of a regularizer: a frozen dataclass of hyper-parameters with pure methods, one for each stage.

A regularizer overrides the methods of the stages at which it acts, and nothing else happens anywhere. Every method is
pure: what a regularizer remembers from step to step is the state that `begin` makes, every stage can read and only
`after_update` and `average` replace. The same code runs for one run alone and, under `torch.vmap`, for a cohort, so a
method uses no `.item()`, no `if` on a tensor and no boolean indexing, and treats a `Hyper` as a number that may be a
0-d tensor.

`check` and `architecture` depend on settings and facts alone; every method that acts in a run takes a `Context` last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from regbench.config.fields import Hyper
from regbench.config.values import spell
from regbench.errors import ConfigError
from regbench.models.network import Network, Site
from regbench.regularizers.context import (
    Context,
    Effect,
    Facts,
    Gradient,
    Moment,
    Params,
    Report,
    Rows,
    State,
    Update,
)


@dataclass(frozen=True, kw_only=True)
class Regularizer:
    """Base of all regularizers; every stage does nothing unless overridden."""

    aim: ClassVar[str] = ""
    """What a person wants who takes this one, a key of `regularizers/aims.py`."""
    conflicts: ClassVar[tuple[str, ...]] = ()
    """Regularizers that cannot be used together with this one."""
    ranks: ClassVar[Mapping[str, str]] = {}
    """Rank at each stage at which order matters, by protocol method; `regularizers/stages.py` lists them."""
    site_kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of sites at which `activations` and `site_penalty` act."""
    effects: ClassVar[tuple[str, ...]] = ()
    """Figures that the regularizer reports each epoch through `ctx.effect`."""
    needs_whole_gradient: ClassVar[bool] = False
    """Whether what the regularizer does to gradients is right only if they are those of the whole objective, so that
    it cannot be combined with a penalty that acts on the weights after the step (`acts_apart`)."""
    needs_gain: ClassVar[bool] = False
    """Whether `after_update` wants `Update.gain`, which costs a pass over the optimizer's memory."""

    # -- before the run ------------------------------------------------------------------------------------------

    def check(self, facts: Facts) -> None:
        """Refuse, with a `ConfigError`, data or a model that the regularizer does not fit."""

    def contradiction(self) -> str | None:
        """Return why the settings exclude each other, for the refusal before any data are read; None where they do not.

        Hyper-parameters are plain numbers.
        """
        return None

    def idle(self, facts: Facts) -> str | None:
        """Return why the regularizer changes nothing on these data or this model; None where it changes something.

        The reason continues "off on these data, because ...". A run of which it is given is bit-identical to one
        without the regularizer. It is not asked of settings that are off anyway.
        """
        return None

    def note(self, facts: Facts) -> str | None:
        """Return, as a sentence, what the regularizer chose for the person on these data; None where nothing."""
        return None

    def alone(self) -> bool:
        """Tell whether the number of rows that `training_data` leaves depends on the seed.

        Runs that differ in the seed are then not stacked. Settings alone decide.
        """
        return False

    def architecture(self, network: Network, facts: Facts) -> Network:
        """Return the network to train in place of the given one."""
        return network

    @property
    def ensemble_size(self) -> int:
        """Number of networks trained side by side in one run."""
        return 1

    @property
    def acts_apart(self) -> bool:
        """Whether the regularizer's penalty acts on the weights after the step and is no part of the gradients."""
        return False

    @property
    def selects_inputs(self) -> bool:
        """Whether the regularizer sets weights to exactly zero, so that a result says which inputs it left out."""
        return False

    # -- once ----------------------------------------------------------------------------------------------------

    def training_data(self, rows: Rows, ctx: Context) -> Rows:
        """Return the training set to learn from; validation and test data are never seen here.

        It acts before the first step, so that a ramp of a hyper-parameter has no effect on it.
        """
        return rows

    def about(self, rows: Rows, ctx: Context) -> Params:
        """Return constants of the training rows, `[N, ...]` each, which `ctx.about` gives for those of a batch."""
        return {}

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        """Return the state before the first step, given the initial weights (and norm statistics) and the rows.

        A state may have the size of the training set: `ctx.numbers` then says which of its entries are the batch's.
        """
        return {}

    # -- every epoch ---------------------------------------------------------------------------------------------

    def row_order(self, numbers: Tensor, rows: Rows, ctx: Context) -> Tensor:
        """Return the numbers of the rows in the order in which an epoch sees them, int64 `[M]`.

        A row may come several times or not at all; M is the same for all runs of a cohort. It acts on each run by
        itself, outside vmap, and hyper-parameters are plain numbers.

        Args:
            numbers: the order so far, `[N]`: all rows once, unless a regularizer before changed that.
            rows: the run's training rows, N of them.
            ctx: the context at the start of the epoch.
        """
        return numbers

    # -- every step ----------------------------------------------------------------------------------------------

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        """Return the batch to train on."""
        return batch

    def forward_weights(self, weights: Params, rows: int, ctx: Context) -> Params:
        """Return the weights as the forward pass sees them; the update still applies to the clean ones."""
        return weights

    def activations(self, site: Site, h: Tensor, ctx: Context) -> Tensor:
        """Return the activations `[B, *site.shape]` of one site in training."""
        return h

    def site_penalty(self, site: Site, raw: Tensor, h: Tensor, batch: Rows, ctx: Context) -> Tensor | float:
        """Return a scalar that is added to the mean loss, summed over sites.

        `raw` are the activations `[B, *site.shape]` before, `h` those after regularizers acted on them.
        """
        return 0.0

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the loss of each row `[B]`, given outputs (logits or predictions) `[B, C]`."""
        return losses

    def batch_loss(self, loss: Tensor, ctx: Context) -> Tensor:
        """Return the mean data loss of the batch, 0-d, as it enters the objective, before penalties."""
        return loss

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return a scalar that is added to the mean loss."""
        return 0.0

    def subgradient(self, weights: Params, ctx: Context) -> Params:
        """Return a subgradient of the penalty that `after_update` applies, by name; empty where it applies none.

        It is no part of the gradients. Optimizers that divide by the size of the gradient need it to divide by that of
        the whole objective's.
        """
        return {}

    def gradient_rule(self, gradient: Gradient[Report], ctx: Context) -> Gradient[Report]:
        """Return the function that computes gradients in place of the given one."""
        return gradient

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        """Return the gradients that the optimizer gets."""
        return gradients

    # -- after each update ---------------------------------------------------------------------------------------

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights that training continues with, and the state."""
        return update.weights, ctx.state

    def average(self, weights: Params, ctx: Context) -> State:
        """Take the new weights (and norm statistics) into the average and return the state."""
        return ctx.state

    # -- evaluation ----------------------------------------------------------------------------------------------

    def averaged(self, weights: Params, ctx: Context) -> Params:
        """Return the weights (and norm statistics) that evaluation uses."""
        return weights

    def evaluated_activations(self, site: Site, h: Tensor, ctx: Context) -> Tensor:
        """Return the activations of one site in evaluation."""
        return h

    def combine(self, outputs: Tensor, facts: Facts) -> Tensor:
        """Combine what the networks of an ensemble say `[M, N, C]` into one, `[N, C]`.

        That are log-probabilities of classes, logits of labels, or predicted numbers.
        """
        return outputs.mean(0)


def is_weight(name: str) -> bool:
    """Tell whether a parameter is a weight matrix or kernel, neither a bias nor a norm's scale or shift."""
    return name.endswith(".weight")


def select(weights: Params, scope: str) -> list[Tensor]:
    """Return the tensors that a penalty covers: weights alone, or all parameters."""
    return [w for name, w in weights.items() if scope == "all" or is_weight(name)]


def note_unused(regularizer: Regularizer, field: str, owner: str) -> str | None:
    """Say, as a sentence, that a setting was given which belongs to another form; None where it is at its default."""
    value = getattr(regularizer, field)
    if value == getattr(type(regularizer), field):
        return None
    return f"{field}={spell(value)} has no effect here: it belongs to {owner}"


def refuse(name: str, reason: str) -> ConfigError:
    """Return the refusal of a regularizer on this data or model."""
    return ConfigError(f"regularizer {name}: {reason}")


__all__ = [
    "Context",
    "Effect",
    "Facts",
    "Gradient",
    "Hyper",
    "Moment",
    "Params",
    "Regularizer",
    "Report",
    "Rows",
    "State",
    "Update",
    "is_weight",
    "note_unused",
    "refuse",
    "select",
]
