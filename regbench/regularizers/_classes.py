"""Shared parts of the regularizers that look at the classes of the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from regbench.errors import ConfigError
from regbench.regularizers.base import Context, Facts, Rows, refuse

LARGEST_SQUARED = 1e15
"""Inputs up to here have squared distances far inside the range of float32."""

BALANCED = "all classes have equally many training rows"


def check_classes(name: str, facts: Facts, purpose: str) -> None:
    """Refuse a task whose rows do not belong to one class each.

    Args:
        name: the regularizer.
        facts: the facts of the run.
        purpose: what the regularizer does with classes, as in "it fills up small classes".

    Raises:
        ConfigError: the task is not classification.
    """
    if facts.task != "classification":
        raise refuse(name, f"needs classification; {purpose}")


def are_balanced(counts: Sequence[int]) -> bool:
    """Tell whether all classes have equally many rows."""
    return len(set(counts)) <= 1


def values_of(rows: Rows) -> NDArray[Any]:
    """Return the inputs as vectors `[N, D]` for other libraries: as float64 where squares would overflow in float32."""
    x = rows.x.flatten(1)
    return (x.double() if x.numel() and float(x.abs().max()) > LARGEST_SQUARED else x).numpy()


def labels_of(rows: Rows) -> Tensor:
    """Return the class of each row, int64 `[N]`."""
    return rows.y.argmax(1)


def count_classes(rows: Rows) -> list[int]:
    """Return the number of rows of each class."""
    counts: list[int] = torch.bincount(labels_of(rows), minlength=rows.y.shape[1]).tolist()
    return counts


def fill_classes(counts: Sequence[int], strength: float) -> dict[int, int]:
    """Return the final rows of each class that grows: `strength` of its gap to the largest class is filled."""
    new = {c: round(strength * (max(counts) - n)) for c, n in enumerate(counts)}
    return {c: counts[c] + extra for c, extra in new.items() if extra}


def thin_classes(counts: Sequence[int], strength: float) -> dict[int, int]:
    """Return the final rows of each class that shrinks: it loses `strength` of what it has over the smallest class."""
    gone = {c: round(strength * (n - min(counts))) for c, n in enumerate(counts)}
    return {c: counts[c] - fewer for c, fewer in gone.items() if fewer}


def take_rows(rows: Rows, chosen: Tensor) -> Rows:
    """Return some of the rows, by number; the rows themselves where all are chosen in order."""
    if len(chosen) == len(rows.weight) and torch.equal(chosen, torch.arange(len(chosen))):
        return rows
    return Rows(*(part[chosen] for part in rows))


def refuse_empty_class(name: str, before: Sequence[int], after: Sequence[int]) -> None:
    """Refuse to go on where a class has lost all its rows.

    Raises:
        ConfigError: it names the class, counted from 0 in the order of names.
    """
    for number, (had, has) in enumerate(zip(before, after, strict=True)):
        if had and not has:
            raise refuse(name, f"would remove all {had} training rows of class {number} (counted from 0)")


def draw_state(ctx: Context) -> int:
    """Draw the seed of a library's own random numbers."""
    return int(ctx.random.integers(2**31 - 1, (1,))[0])


def fail(name: str, reason: Exception) -> ConfigError:
    """Return the refusal of rows that a library could not work with, in one line."""
    return refuse(name, " ".join(str(reason).split()).rstrip("."))
