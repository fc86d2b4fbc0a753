"""The tapes of a cohort: each of its computations is recorded twice, compared, and from then on played back."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeAlias, TypeVar, cast

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from regbench.randomness import Randomness
from regbench.tape.comparison import find_difference, same_bits
from regbench.tape.program import Program, write_program
from regbench.tape.recording import Recorder, Recording, RefusedError

Key: TypeAlias = tuple[Hashable, ...]
"""The name of a computation, and what else decides which operations it is made of."""

Done = TypeVar("Done")
S = TypeVar("S", bound="Start")


def plays_back(device: torch.device) -> bool:
    """Tell whether steps are played back: on the processor, unless somebody looks for a fault in that."""
    return device.type == "cpu" and os.environ.get("REGBENCH_TAPES") != "off"


class Start(Protocol):
    """What a computation starts from, besides tensors that are always the same ones."""

    @property
    def random(self) -> Randomness:
        """Source of its random numbers."""

    def settings(self) -> list[Tensor]:
        """Return tensors that hold the same numbers as long as they are the same objects."""

    def inputs(self) -> list[Tensor]:
        """Return the other tensors."""

    def counts(self) -> list[int]:
        """Return whole numbers."""

    def moved(self, tensors: Sequence[Tensor], random: Randomness) -> Self:
        """Return the same start of settings, inputs and counts in other tensors, and of another source."""


@dataclass
class Tape:
    """What is known of one computation."""

    memory: list[Tensor] = field(default_factory=list)
    """Settings, inputs and counts."""
    recording: Recording | None = None
    """The first one, until there is a second."""
    program: Program | None = None
    done: object = None
    """What the program returns: tensors that every repetition overwrites."""
    settings: list[Tensor] = field(default_factory=list)
    """The settings of the last repetition."""
    waited: int = 0
    """How often it was done plainly before it was recorded."""


class Tapes:
    """Tapes of computations, by key: of equal keys, the same operations on tensors of the same shapes.

    A computation that cannot be played back is done as it is, always.

    Args:
        on: whether anything is played back.
        patience: how often a computation is done plainly before it is recorded: as often as recording costs, where it
            is not known that it will be repeated more often than that.
    """

    def __init__(self, *, on: bool, patience: int = 0) -> None:
        self._on, self._patience = on, patience
        self._tapes: dict[Key, Tape] = {}
        self.refused: dict[Key, str] = {}
        """Why a computation is not played back, by key."""

    def follow(self, key: Key, start: S, compute: Callable[[S], Done]) -> Done:
        """Return what a pure function returns, of a start; the next repetition overwrites its tensors."""
        if not self._on or key in self.refused:
            return compute(start)
        tape = self._tapes.setdefault(key, Tape())
        if tape.program is not None:
            _set(tape, tape.program, start)
            tape.program.play(start.random)
            return cast(Done, tape.done)
        done = compute(start)
        if tape.waited < self._patience:
            tape.waited += 1
            return done
        try:
            _record(tape, start, compute, done)
        except Exception as error:
            # Also what a method raises that cannot calculate with counts that are tensors: it is done plainly from now
            # on, where a real fault is raised again.
            self.refused[key] = str(error)
            del self._tapes[key]
        return done


def _record(tape: Tape, start: S, compute: Callable[[S], object], done: object) -> None:
    """Record a computation; the second time, write its program.

    Args:
        tape: takes the first recording, or the program.
        start: what the computation starts from.
        compute: the computation.
        done: what it returned of this start, done plainly.

    Raises:
        RefusedError: it cannot be played back.
    """
    tensors = [*start.settings(), *start.inputs(), *(torch.tensor(count) for count in start.counts())]
    if tape.recording is None:
        tape.memory = [torch.empty_like(tensor, memory_format=torch.preserve_format) for tensor in tensors]
    for memory, tensor in zip(tape.memory, tensors, strict=True):
        memory.copy_(tensor)
    recorder = Recorder(tape.memory)
    with recorder:
        leaves, tree = tree_flatten(compute(start.moved(tape.memory, start.random._replace(told=recorder.told))))
    recording = recorder.finish(leaves)
    # A method may round otherwise where a count is a tensor.
    if not all(same_bits(one, other) for one, other in zip(leaves, tree_leaves(done), strict=True)):
        raise RefusedError("recorded, it gives other numbers than done plainly")
    if tape.recording is None:
        recording.forget()
        tape.recording = recording
        return
    difference = find_difference(tape.recording, recording)
    if difference is not None:
        raise RefusedError(difference)
    tape.recording, tape.settings = None, start.settings()
    with torch.no_grad():
        tape.program = write_program(recording, len(tape.settings))
    tape.done = tree_unflatten(tape.program.outputs, tree)


def _set(tape: Tape, program: Program, start: Start) -> None:
    """Put a start into the memory of a tape."""
    settings = start.settings()
    if any(new is not old for new, old in zip(settings, tape.settings, strict=True)):
        for memory, tensor in zip(tape.memory, settings, strict=False):
            memory.copy_(tensor)
        for call in program.once:
            call()
        tape.settings = settings
    first = len(settings)
    for place, tensor in enumerate(start.inputs(), first):
        if place in program.used and tensor is not tape.memory[place]:
            tape.memory[place].copy_(tensor)
    counts = start.counts()
    for place, count in enumerate(counts, len(tape.memory) - len(counts)):
        if place in program.used:
            tape.memory[place].fill_(count)
