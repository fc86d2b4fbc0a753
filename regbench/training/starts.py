"""What the computations of a cohort start from, besides its weights and training rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from torch import Tensor

from regbench.models.network import Tensors
from regbench.randomness import Randomness
from regbench.regularizers.base import Moment
from regbench.training.contexts import States
from regbench.training.networks import Networks
from regbench.training.spec import Hypers


class Now(NamedTuple):
    """What a step starts from, besides the weights: of all networks, stacked."""

    chosen: Tensor
    """Numbers of the rows of the batches, int64 `[S, B]`."""
    moment: Moment
    random: Randomness
    hypers: Hypers
    buffers: Tensors
    states: States

    def settings(self) -> list[Tensor]:
        """Return the hyper-parameters."""
        values = (value for fields in self.hypers.values() for value in fields.values())
        return [value for value in values if isinstance(value, Tensor)]

    def plain(self) -> tuple[Hashable, ...]:
        """Return what decides which operations a step is made of: shapes, and hyper-parameters that are numbers."""
        named = ((name, field, value) for name, fields in self.hypers.items() for field, value in fields.items())
        return self.chosen.shape, *(own for own in named if not isinstance(own[-1], Tensor))

    def inputs(self) -> list[Tensor]:
        """Return row numbers, norm statistics and states."""
        return [self.chosen, *self.buffers.values(), *(v for state in self.states.values() for v in state.values())]

    def counts(self) -> list[int]:
        """Return the time."""
        return [self.moment.epoch, self.moment.step, self.moment.update]

    def moved(self, tensors: Sequence[Tensor], random: Randomness) -> Now:
        """Return the same start in other tensors."""
        own = iter(tensors)
        hypers: Hypers = {
            name: {field: next(own) if isinstance(value, Tensor) else value for field, value in fields.items()}
            for name, fields in self.hypers.items()
        }
        chosen, buffers = next(own), {name: next(own) for name in self.buffers}
        states = {name: {key: next(own) for key in state} for name, state in self.states.items()}
        epoch, step, update = cast("Iterator[int]", own)
        moment = self.moment._replace(epoch=epoch, step=step, update=update)
        return Now(chosen, moment, random, hypers, buffers, states)


class Moved(NamedTuple):
    """What the stages after the optimizer's step start from."""

    now: Now
    previous: Tensor
    """Weights before the step, `[S, P]`."""
    lr: Tensor
    """Learning rates `[S]`, in the type of the weights."""
    gain: Tensor
    """The optimizer's gain `[S, P]`; empty where nobody asks for it."""

    @property
    def random(self) -> Randomness:
        """The source of the step."""
        return self.now.random

    def settings(self) -> list[Tensor]:
        """Return the hyper-parameters."""
        return self.now.settings()

    def inputs(self) -> list[Tensor]:
        """Return those of the step, and what the optimizer left."""
        return [self.previous, self.lr, self.gain, *self.now.inputs()]

    def counts(self) -> list[int]:
        """Return the time."""
        return self.now.counts()

    def moved(self, tensors: Sequence[Tensor], random: Randomness) -> Moved:
        """Return the same start in other tensors."""
        first = len(self.settings())
        previous, lr, gain = tensors[first : first + 3]
        return Moved(self.now.moved([*tensors[:first], *tensors[first + 3 :]], random), previous, lr, gain)


class Seen(NamedTuple):
    """What an evaluation starts from."""

    networks: Networks
    random: Randomness = Randomness(0)

    def settings(self) -> list[Tensor]:
        """Return nothing."""
        return []

    def inputs(self) -> list[Tensor]:
        """Return weights and norm statistics."""
        return [self.networks.flat, *self.networks.buffers.values()]

    def counts(self) -> list[int]:
        """Return nothing."""
        return []

    def moved(self, tensors: Sequence[Tensor], random: Randomness) -> Seen:
        """Return the same networks in other tensors."""
        flat, *buffers = tensors
        own = dict(zip(self.networks.buffers, buffers, strict=True))
        return Seen(replace(self.networks, flat=flat, buffers=own), random)
