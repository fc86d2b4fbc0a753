"""Comparison of two recordings of the same computation on other numbers."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from regbench.draws.by_numpy import Draw
from regbench.randomness import Drawing
from regbench.tape.arguments import replace_each
from regbench.tape.recording import Recording


def find_difference(first: Recording, second: Recording) -> str | None:
    """Return what differs between two recordings of a computation that ought to be the same; None where nothing does.

    A tensor from elsewhere is the same if it is the same object, or holds the same numbers: else something that is not
    among the inputs went into the computation. Those that were made anew, but hold the same, are noted in `baked` of
    the second recording.
    """
    for one, other in zip(first.operations, second.operations, strict=False):
        if one.function != other.function:
            return f"{one.name} the first time is {other.name} the second time"
        if _exact(tuple(one[1:])) != _exact(tuple(other[1:])):
            return f"a number or a shape given to {one.name} differs"
    if len(first.operations) != len(second.operations):
        return f"{len(first.operations)} operations the first time, {len(second.operations)} the second time"
    if (first.inputs, first.outputs, first.draws.keys()) != (second.inputs, second.outputs, second.draws.keys()):
        return "what comes in or goes out differs"
    for number, drawing in first.draws.items():
        if not _same_drawing(drawing, second.draws[number]):
            return f"what is drawn at {'.'.join(map(str, drawing.trail))} differs"
    for number in second.constants():
        old, new = first.tensors[number], second.tensors[number]
        if not same_tensor(old, new):
            return f"a tensor from elsewhere differs, which {_who_uses(first, number)} uses"
        if old is not new:
            second.baked.add(number)
    return None


def same_tensor(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors are the same object, or hold the same bits laid out alike."""
    if one is other:
        return True
    facts = [(t.shape, t.stride(), t.dtype, t.device) for t in (one, other)]
    return facts[0] == facts[1] and same_bits(one, other)


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors of one shape and type hold the same bits; NaN is then like itself."""
    if one.is_floating_point():
        whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
        one, other = one.contiguous().view(whole), other.contiguous().view(whole)
    return torch.equal(one, other)


def _exact(tree: object) -> object:
    """Return arguments with numbers by their bits: NaN is like itself, and 0.0 is not -0.0."""
    return replace_each(float, float.hex, tree)


def _same_drawing(one: Drawing, other: Drawing) -> bool:
    return one._replace(draw=other.draw) == other and _parts(one.draw) == _parts(other.draw)


def _parts(draw: Draw) -> tuple[object, ...]:
    return (draw.func, draw.args, draw.keywords) if isinstance(draw, partial) else (draw,)


def _who_uses(recording: Recording, number: int) -> str:
    users = [operation.name for operation in recording.operations if number in operation.operands()]
    return users[0] if users else "nothing"
