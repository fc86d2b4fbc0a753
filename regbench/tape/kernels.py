"""How a recorded operation is repeated: into memory of its own, without making anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch._ops import OpOverload

from regbench.tape.comparison import same_tensor
from regbench.tape.recording import FILLS

Call: TypeAlias = Callable[[], object]

WRITING = frozenset(
    f"aten.{name}"
    for names in (
        ("bmm", "mm", "addmm", "baddbmm", "sum", "mean", "amax", "amin", "max", "min", "logsumexp", "cumsum"),
        ("linalg_vector_norm", "argsort", "cat", "stack", "index_select", "gather", "index", "take"),
        ("_log_softmax", "_log_softmax_backward_data", "_softmax", "_softmax_backward_data"),
        ("max_pool2d_with_indices", "max_pool2d_with_indices_backward", "arange", "full", "full_like"),
    )
    for name in names
)
"""Operations besides elementwise ones that can write into memory they are given, whatever its layout.

Not all can: `native_batch_norm` with strided inputs writes wrong numbers without a word. What is not listed is done as
it was recorded, and copied.
"""

COPIES = frozenset({"aten.clone", "aten._to_copy"})


def is_elementwise(function: OpOverload) -> bool:
    """Tell whether each number of the result depends on the numbers of the arguments at its place alone."""
    return torch.Tag.pointwise in function.tags


class Trial(NamedTuple):
    """An operation on the tensors of its recording, to try a way of repeating it on."""

    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    results: Sequence[Tensor]


def make_call(
    function: OpOverload, args: Sequence[Any], kwargs: Mapping[str, Any], results: Sequence[Tensor], trial: Trial
) -> Call:
    """Return a function without arguments that does an operation and leaves its results in given tensors."""
    if function._schema.is_mutable:
        return partial(function, *args, **kwargs)
    name = str(function.overloadpacket)
    if name in COPIES:
        return partial(results[0].copy_, args[0])
    if name in FILLS:
        return partial(results[0].fill_, FILLS[name])
    if is_elementwise(function) or name in WRITING:
        for writing, takes_out in _find_writing(function):
            if _writes_the_same(writing, takes_out, trial):
                return partial(writing, *args, **kwargs, **{takes_out: _out(results)})
    return partial(_do_and_copy, function, tuple(args), dict(kwargs), tuple(results))


def _find_writing(function: OpOverload) -> Iterator[tuple[Callable[..., object], str]]:
    """Yield forms of an operation that write into memory they are given, with the name of that argument."""
    name = function.overloadpacket.__name__
    if name == "relu":
        yield partial(_clamp_at_zero), "out"
    named = getattr(torch, name, None)
    if named is not None:
        yield named, "out"  # in half the time of the operation called by its overload
    given = [(a.name, str(a.type)) for a in function._schema.arguments]
    for overload in function.overloadpacket.overloads():
        candidate = getattr(function.overloadpacket, overload)
        outs = [a for a in candidate._schema.arguments if a.is_out]
        taken = [(a.name, str(a.type)) for a in candidate._schema.arguments if not a.is_out]
        if len(outs) == 1 and taken == given:
            yield candidate, outs[0].name


def _clamp_at_zero(x: Tensor, out: Tensor) -> None:
    torch.clamp_min(x, 0, out=out)


def _writes_the_same(writing: Callable[..., object], takes_out: str, trial: Trial) -> bool:
    """Tell whether a form of the operation leaves the bits that were recorded."""
    into = [torch.empty_strided(r.shape, r.stride(), dtype=r.dtype, device=r.device) for r in trial.results]
    try:
        writing(*trial.args, **trial.kwargs, **{takes_out: _out(into)})
    except (TypeError, RuntimeError, IndexError, ValueError):
        return False
    return all(same_tensor(one, other) for one, other in zip(into, trial.results, strict=True))


def _out(results: Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    return results[0] if len(results) == 1 else tuple(results)


def _do_and_copy(
    function: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], results: tuple[Tensor, ...]
) -> None:
    done = function(*args, **kwargs)
    made = (done,) if isinstance(done, Tensor) else tuple(value for value in done if value is not None)
    for into, value in zip(results, made, strict=True):
        into.copy_(value)
