"""Recording of the tensor operations of a computation, below autograd and vmap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from regbench.randomness import Drawing
from regbench.tape.arguments import each_of, replace_each

UNREPEATABLE = {
    torch.Tag.nondeterministic_seeded: "draws from torch's own generator",
    torch.Tag.data_dependent_output: "reads a number out of a tensor",
    torch.Tag.dynamic_output_shape: "has a shape that depends on numbers",
}
"""Why an operation with this tag cannot be repeated on other numbers."""


FILLS = {"aten.zeros_like": 0.0, "aten.new_zeros": 0.0, "aten.ones_like": 1.0, "aten.new_ones": 1.0}
"""Operations that make a tensor like another, of which they need the shape alone, with what they fill it."""


LARGEST = 1 << 29
"""Bytes of all that a computation makes, beyond which it is not recorded: all of it is kept for a while, and the time
of operations on so much is not that of Python around them."""


class RefusedError(Exception):
    """The computation cannot be played back; the message says why."""


class Value(NamedTuple):
    """A tensor among the arguments of an operation, by number."""

    number: int


class Operation(NamedTuple):
    """One recorded operation."""

    function: OpOverload
    args: tuple[Any, ...]
    """With a `Value` in place of each tensor."""
    kwargs: dict[str, Any]
    results: tuple[int, ...]
    """Numbers of the tensors that it returned, in their order; gradients that nobody asked for are left out."""

    @property
    def name(self) -> str:
        """Name of the operation, as `aten.mul`."""
        return str(self.function.overloadpacket)

    def operands(self) -> list[int]:
        """Return the numbers of the tensors whose numbers it depends on."""
        if self.name in FILLS:
            return []
        return [value.number for value in each_of(Value, (self.args, self.kwargs))]

    def mutated(self) -> list[int]:
        """Return the numbers of the tensors that it changes in place."""
        schema = self.function._schema
        if not schema.is_mutable:
            return []
        given = {argument.name: value for argument, value in zip(schema.arguments, self.args, strict=False)}
        given |= self.kwargs
        changed = [given.get(a.name) for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        return [value.number for value in each_of(Value, changed)]


def _picks_by_number(func: OpOverload, args: tuple[Any, ...]) -> bool:
    """Tell whether an operation looks up rows by their numbers, so that the shape of what it returns is known."""
    if func is not torch.ops.aten.index.Tensor:
        return False
    return all(places is None or places.dtype in (torch.int64, torch.int32) for places in args[1])


@dataclass
class Recording:
    """The operations of one computation, and all tensors that they met, by number."""

    tensors: list[Tensor] = field(default_factory=list)
    """Kept, so that no two of them can have been the same object or memory."""
    operations: list[Operation] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    """Numbers of the tensors that the computation is given, in their order."""
    draws: dict[int, Drawing] = field(default_factory=dict)
    outputs: list[int] = field(default_factory=list)
    baked: set[int] = field(default_factory=set)
    """Numbers of the tensors from elsewhere that hold the same numbers always."""

    def forget(self) -> None:
        """Let go of all tensors that were made on the way."""
        kept = set(self.constants())
        self.tensors = [t if n in kept else torch.empty(0) for n, t in enumerate(self.tensors)]

    def constants(self) -> list[int]:
        """Return the numbers of the tensors that came from elsewhere."""
        made = {number for operation in self.operations for number in operation.results}
        return [n for n in range(len(self.tensors)) if n not in made and n not in self.draws and n not in self.inputs]


class Recorder(TorchDispatchMode):
    """Records operations while it is entered.

    Args:
        inputs: the tensors that the computation is given.
    """

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recording = Recording()
        self._numbers: dict[int, int] = {}
        self._bytes = 0
        self.recording.inputs = [self._number(tensor) for tensor in inputs]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else the first operation imports torch's compiler, which takes a second and 80 MB.
        return False

    def told(self, drawing: Drawing, drawn: Tensor) -> None:
        """Take down that a tensor holds random numbers."""
        self.recording.draws[self._number(drawn)] = drawing

    def finish(self, outputs: Sequence[Tensor]) -> Recording:
        """Return the recording of a computation that returned these tensors."""
        self.recording.outputs = [self._number(tensor) for tensor in outputs]
        return self.recording

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do an operation, and take it down.

        Raises:
            RefusedError: it cannot be repeated on other numbers.
        """
        if not _picks_by_number(func, args):
            for tag, reason in UNREPEATABLE.items():
                if tag in func.tags:
                    raise RefusedError(f"{func.overloadpacket} {reason}")
        if func is torch.ops.aten.embedding.default and self._is_whole_draw(*args[:2]):
            return args[0]
        own, named = replace_each(Tensor, lambda tensor: Value(self._number(tensor)), (args, kwargs or {}))
        done = func(*args, **(kwargs or {}))
        parts = list(done) if isinstance(done, (tuple, list)) else [done]
        left = [part for part in parts if part is not None]
        if not all(isinstance(leaf, Tensor) for leaf in left):
            raise RefusedError(f"{func.overloadpacket} reads a number out of a tensor")
        self._bytes += 0 if func.is_view else sum(leaf.nbytes for leaf in left)  # a view makes no numbers
        if self._bytes > LARGEST:
            raise RefusedError(f"it makes more than {LARGEST >> 20} MB of numbers, which are not all to be kept")
        results = tuple(self._number(leaf) for leaf in left)
        self.recording.operations.append(Operation(func, own, named, results))
        return done

    def _is_whole_draw(self, table: Tensor, places: Tensor) -> bool:
        """Tell whether the rows looked up are all rows of a draw in their order: what `Randomness` does under vmap."""
        drawn = self._numbers.get(id(table), -1) in self.recording.draws
        return drawn and table.is_contiguous() and torch.equal(places, torch.arange(len(table)))

    def _number(self, tensor: Tensor) -> int:
        number = self._numbers.setdefault(id(tensor), len(self.recording.tensors))
        if number == len(self.recording.tensors):
            self.recording.tensors.append(tensor)
        return number
