"""What a recorded computation needs: which operations, which of them only once, and how long each memory is used."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from regbench.tape.recording import Operation, Recording, RefusedError


@dataclass(frozen=True)
class Needs:
    """A recording without what its outputs do not depend on."""

    once: list[Operation]
    """Operations on settings and constants alone."""
    each: list[Operation]
    """Operations of every repetition."""
    memory: dict[int, int]
    """Piece of memory of each tensor by number: the number of the first tensor that lies there."""
    lasting: set[int] = field(default_factory=set)
    """Memory that is not made by `each`: inputs, constants, draws, results of `once`, and outputs."""


def find_needs(recording: Recording, settings: set[int]) -> Needs:
    """Return what is needed to compute the outputs again.

    Args:
        recording: the computation.
        settings: numbers of the inputs that seldom change.

    Raises:
        RefusedError: the computation changes a tensor that it is given.
    """
    memory, given = _find_memory(recording)
    kept = _keep_needed(recording, memory)
    changed = {memory[n] for operation in kept for n in operation.mutated()}
    if changed & given:
        raise RefusedError("a tensor that is given is changed in place")
    slow = {memory[n] for n in settings | recording.baked}
    once, each = [], []
    for operation in kept:
        own = {memory[n] for n in operation.results}
        if not own & changed and all(memory[n] in slow for n in operation.operands()):
            once.append(operation)
            slow |= own
        else:
            each.append(operation)
    made_once = {memory[n] for operation in once for n in operation.results}
    outputs = {memory[n] for n in recording.outputs}
    return Needs(once, each, memory, given | made_once | outputs)


def _find_memory(recording: Recording) -> tuple[dict[int, int], set[int]]:
    """Return the piece of memory of each tensor, and those that the computation is given."""
    pieces: dict[int, int] = {}
    memory = {number: pieces.setdefault(_storage(tensor), number) for number, tensor in enumerate(recording.tensors)}
    given = [*recording.inputs, *recording.draws, *recording.constants()]
    return memory, {memory[n] for n in given}


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _keep_needed(recording: Recording, memory: dict[int, int]) -> list[Operation]:
    """Return the operations that outputs depend on, without those that only look at memory in another way."""
    needed = {memory[n] for n in recording.outputs}
    kept = []
    for operation in reversed(recording.operations):
        operands = {memory[n] for n in operation.operands()}
        own = {memory[n] for n in operation.results}
        writes = {memory[n] for n in operation.mutated()}
        if not (writes or own - operands) or not (writes | own) & needed:
            continue
        kept.append(operation)
        needed |= operands
    return kept[::-1]
