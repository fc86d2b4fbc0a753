"""A recorded computation with its memory planned: it is played back by calling its operations one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from regbench.randomness import Drawing, Randomness
from regbench.tape.arguments import replace_each
from regbench.tape.comparison import same_bits
from regbench.tape.kernels import Call, Trial, is_elementwise, make_call
from regbench.tape.liveness import Needs, find_needs
from regbench.tape.recording import Operation, Recording, RefusedError, Value


class Drawn(NamedTuple):
    """A draw that is repeated, and where its numbers go."""

    drawing: Drawing
    into: Any
    """The NumPy view of its memory."""


@dataclass(frozen=True)
class Program:
    """What is repeated, and the memory of its outputs, which every repetition overwrites."""

    once: tuple[Call, ...]
    """Calls that are repeated only after a setting has changed."""
    each: tuple[Call, ...]
    drawn: tuple[Drawn, ...]
    used: frozenset[int]
    """Places of the inputs that make a difference."""
    outputs: tuple[Tensor, ...]
    bytes: int
    """Size of the memory that is not given."""

    def play(self, source: Randomness) -> None:
        """Repeat the computation with the random numbers of a source, on what lies in the inputs' memory."""
        for drawing, into in self.drawn:
            into[...] = drawing.numbers(source)
        for call in self.each:
            call()


def write_program(recording: Recording, settings: int) -> Program:
    """Return the program of a recording, after a rehearsal on what was recorded.

    Args:
        recording: of which the inputs' memory is given again, with other numbers in it.
        settings: how many of the inputs, the first ones, seldom change.

    Raises:
        RefusedError: the computation changes what it is given, or its rehearsal gave other numbers.
    """
    needs = find_needs(recording, set(recording.inputs[:settings]))
    planner = _Planner(recording, needs)
    # What is done once keeps its memory, or what comes later would overwrite it.
    once = [planner.place(operation, lasting=True) for operation in needs.once]
    each = [planner.place(operation, lasting=False) for operation in needs.each]
    read = {needs.memory[n] for operation in (*needs.once, *needs.each) for n in operation.operands()}
    read |= {needs.memory[n] for n in recording.outputs}
    program = Program(
        tuple(once),
        tuple(each),
        tuple(
            Drawn(drawing, recording.tensors[n].numpy())
            for n, drawing in recording.draws.items()
            if needs.memory[n] in read
        ),
        frozenset(place for place, n in enumerate(recording.inputs) if needs.memory[n] in read),
        tuple(planner.tensor(n) for n in recording.outputs),
        planner.bytes,
    )
    for call in (*program.once, *program.each):
        call()
    for number, output in zip(recording.outputs, program.outputs, strict=True):
        if not same_bits(output, recording.tensors[number]):
            raise RefusedError("played back, it gives other numbers than it gave")
    return program


class _Planner:
    """Gives every tensor of a recording its place: pieces of memory are used again when nobody needs them."""

    def __init__(self, recording: Recording, needs: Needs) -> None:
        self._recording, self._needs = recording, needs
        self._last = {
            needs.memory[n]: at
            for at, operation in enumerate(needs.each)
            for n in (*operation.operands(), *operation.results)
        }
        self._pieces: dict[int, torch.UntypedStorage] = {}
        """Memory by the number of its first tensor."""
        self._free: list[torch.UntypedStorage] = []
        self._at = 0
        given = (*recording.inputs, *recording.draws, *recording.constants())
        self._given = {needs.memory[n] for n in given}
        self.bytes = 0

    def place(self, operation: Operation, *, lasting: bool) -> Call:
        """Return the call that repeats an operation."""
        made = {self._needs.memory[n] for n in operation.results} - self._pieces.keys() - self._given
        reused = set() if lasting else self._reuse(operation, made, self._dying(operation))
        for piece in made - self._pieces.keys():
            self._pieces[piece] = self._allocate(piece, lasting or piece in self._needs.lasting)
        if not lasting:
            self._free += [self._pieces[piece] for piece in sorted(self._dying(operation) - reused)]
            self._at += 1
        args, kwargs = self._fill((operation.args, operation.kwargs))
        results = [self.tensor(n) for n in operation.results]
        return make_call(operation.function, args, kwargs, results, self._trial(operation))

    def tensor(self, number: int) -> Tensor:
        """Return a tensor of the recording where it lies in the program."""
        recorded, piece = self._recording.tensors[number], self._pieces.get(self._needs.memory[number])
        if piece is None:
            return recorded.detach()
        empty = torch.empty(0, dtype=recorded.dtype, device=recorded.device)
        return empty.set_(piece, recorded.storage_offset(), recorded.shape, recorded.stride())

    def _dying(self, operation: Operation) -> set[int]:
        """Return the memory that nobody needs after an operation."""
        touched = {self._needs.memory[n] for n in (*operation.operands(), *operation.results)}
        return {
            piece
            for piece in touched
            if piece in self._pieces and piece not in self._needs.lasting and self._last[piece] == self._at
        }

    def _reuse(self, operation: Operation, made: set[int], dying: set[int]) -> set[int]:
        """Let an elementwise result lie where a dying operand of the same layout lies; return that memory."""
        if len(operation.results) != 1 or not is_elementwise(operation.function) or len(made) != 1:
            return set()
        (piece,) = made
        if piece in self._needs.lasting:
            return set()
        layout = self._layout(operation.results[0])
        operands = operation.operands()
        for number in operands:
            old = self._needs.memory[number]
            alone = sum(self._needs.memory[n] == old for n in operands) == 1
            if old in dying and alone and self._layout(number) == layout:
                self._pieces[piece] = self._pieces[old]
                return {old}
        return set()

    def _layout(self, number: int) -> tuple[object, ...]:
        tensor = self._recording.tensors[number]
        return tensor.dtype, tensor.shape, tensor.stride(), tensor.storage_offset()

    def _allocate(self, piece: int, lasting: bool) -> torch.UntypedStorage:
        size = self._recording.tensors[piece].untyped_storage().nbytes()
        if not lasting:
            fitting = [place for place, storage in enumerate(self._free) if size <= storage.nbytes() <= 2 * size]
            if fitting:
                return self._free.pop(min(fitting, key=lambda place: (self._free[place].nbytes(), -place)))
        self.bytes += size
        return torch.empty(max(size, 1), dtype=torch.uint8).untyped_storage()

    def _fill(self, tree: Any) -> Any:
        return replace_each(Value, lambda value: self.tensor(value.number), tree)

    def _trial(self, operation: Operation) -> Trial:
        tensors = self._recording.tensors
        args, kwargs = replace_each(Value, lambda value: tensors[value.number], (operation.args, operation.kwargs))
        return Trial(args, kwargs, [tensors[n] for n in operation.results])
