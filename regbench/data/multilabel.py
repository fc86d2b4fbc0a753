"""Targets of which any number may hold at once: columns of 0 and 1, or texts that list labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Floats, Raw, Rows
from regbench.errors import ConfigError
from regbench.tasks import Task

TRUTHS = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0}
MOST_LABELS, SHOWN = 1000, 3


def are_labels(columns: Mapping[str, NDArray[Any]]) -> bool:
    """Tell whether all columns `[N]` hold nothing but 0 and 1 or truth values."""
    return all(np.isfinite(_read_truths(values)).all() for values in columns.values())


def stack_labels(columns: Mapping[str, NDArray[Any]], path: str) -> Floats:
    """Return columns `[N]` of 0 and 1 or truth values, by name, as labels `[N, K]`.

    Raises:
        ConfigError: a cell is neither.
    """
    stacked = []
    for name, values in columns.items():
        truths = _read_truths(values)
        wrong = np.flatnonzero(np.isnan(truths))
        if len(wrong):
            raise ConfigError(
                f"{path}: column {name!r}, row {wrong[0] + 1}: {values[wrong[0]].item()!r} is not a label; "
                "dataset.task=multilabel takes columns of 0 and 1 or truth values, or one column of texts with "
                "dataset.target_separator"
            )
        stacked.append(truths)
    return np.stack(stacked, 1)


def split_labels(texts: list[str], separator: str, where: str) -> tuple[Floats, tuple[str, ...]]:
    """Return the labels `[N, K]` that texts list, and their names, sorted; an empty text lists none.

    Spaces around a name do not count.

    Raises:
        ConfigError: there is no label, or more than 1,000.
    """
    listed = [{name.strip() for name in text.split(separator)} - {""} for text in texts]
    names = sorted(set().union(*listed))
    if not 1 <= len(names) <= MOST_LABELS:
        raise ConfigError(
            f"{where} lists {len(names)} different labels, separated by {separator!r}; 1 to {MOST_LABELS} are allowed"
        )
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.zeros((len(texts), len(names)))
    for row, found in zip(labels, listed, strict=True):
        row[[numbers[name] for name in found]] = 1.0
    return labels, tuple(names)


def refuse_misnamed(raw: Raw) -> None:
    """Refuse several targets of which not each has a name, and labels that are neither 0 nor 1.

    Raises:
        ConfigError: the source broke one of these rules.
    """
    columns = raw.y[:, None] if raw.y.ndim == 1 else raw.y
    named = len(raw.outputs) or (0 if raw.task == Task.MULTILABEL else 1)
    if columns.shape[1] != named:
        raise ConfigError(f"{raw.origin}: y has {columns.shape[1]} column(s), and {named} target(s) are named")
    if raw.task == Task.MULTILABEL and not np.isin(raw.y, (0.0, 1.0)).all():
        place = tuple(int(axis) for axis in np.argwhere(~np.isin(raw.y, (0.0, 1.0)))[0])
        raise ConfigError(f"{raw.origin}: y[{place[0]}, {place[1]}] is {raw.y[place]}; labels are 0 and 1")


def describe_constant_labels(raw: Raw, train: Rows) -> tuple[str, ...]:
    """Return a sentence on the labels that all training rows have, or none of them; nothing where there are none.

    Raises:
        ConfigError: that is so of every label: there is nothing to learn.
    """
    if raw.task != Task.MULTILABEL:
        return ()
    seen = raw.y[train]
    constant = np.flatnonzero(seen.max(0) == seen.min(0))
    if len(constant) == len(raw.outputs):
        raise ConfigError(f"{raw.origin}: every label is the same in all training rows; there is nothing to learn")
    if len(constant) == 0:
        return ()
    are, them = ("is", "it") if len(constant) == 1 else ("are", "them")
    shown = [f"{raw.outputs[place]!r} ({seen[0, place]:g})" for place in constant[:SHOWN]]
    return (
        f"{len(constant)} of {len(raw.outputs)} labels {are} the same in every training row, so that nothing is "
        f"learned about {them}: {', '.join([*shown, *(['...'] if len(constant) > SHOWN else [])])}",
    )


def _read_truths(values: NDArray[Any]) -> Floats:
    """Return values as 0 and 1, NaN for any other."""
    if values.dtype.kind in "iufb":
        return np.where((values == 0) | (values == 1), values.astype(np.float64), np.nan)
    return np.array([TRUTHS.get(text.strip().lower(), np.nan) for text in values.tolist()])
