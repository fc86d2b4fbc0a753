"""A split as tensors, ready for training: targets as rows of numbers, and what the techniques made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regbench.data.records import Part, Split
from regbench.errors import ConfigError
from regbench.models.network import Network
from regbench.randomness import Randomness
from regbench.regularizers.base import Facts, Regularizer, Rows
from regbench.schedules.schedule import Schedule
from regbench.training.evaluation import Labelled


@dataclass(frozen=True)
class TrainingSet:
    """Training rows, and the rows that are measured."""

    rows: Rows
    watched: Labelled
    """Measured every epoch: a fixed subset of the training rows, at most as many as validation has, then validation."""
    watched_ends: list[int]
    full: Labelled
    """Measured at the end: all of train, validation and test, one after the other."""
    full_ends: list[int]


def prepare(split: Split, dtype: torch.dtype) -> TrainingSet:
    """Turn a split into tensors of one type."""
    train, val, test = (_rows(part, split, dtype) for part in (split.train, split.val, split.test))
    count = min(len(train[0]), len(val[0])) or len(train[0])
    subset = Randomness(0).at("watched training rows").permutation(len(train[0]))[:count].sort().values
    scale = split.target_scale**2

    def joined(parts: Sequence[tuple[Tensor, Tensor]]) -> Labelled:
        return Labelled(torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts]), scale)

    has_validation = len(val[0]) > 0
    watched = [(train[0][subset], train[1][subset]), *([val] if has_validation else [])]
    full = [train, *([val] if has_validation else []), test]
    everything, count = joined(full), len(train[0])
    return TrainingSet(
        rows=Rows(everything.x[:count], everything.y[:count], torch.ones(count, dtype=dtype)),
        watched=joined(watched),
        watched_ends=_ends(watched),
        full=everything,
        full_ends=_ends(full),
    )


def collect_facts(split: Split, network: Network, schedule: Schedule) -> Facts:
    """Gather what techniques may ask about a run, and refuse a batch larger than the training set.

    Raises:
        ConfigError: fewer training rows than one batch.
    """
    rows = len(split.train.y)
    batch_size = schedule.batch_size or rows
    if batch_size > rows:
        raise ConfigError(
            f"schedule.batch_size={batch_size} is more than the {rows} training rows; "
            f"it takes a whole number in [1, {rows}], or full"
        )
    classify = split.task == "classification"
    counts: list[int] = np.bincount(split.train.y, minlength=len(split.classes)).tolist() if classify else []
    return Facts(
        task=split.task,
        layout=split.layout,
        shape=split.train.x.shape[1:],
        class_counts=tuple(counts),
        nonnegative=bool((split.train.x >= 0).all()),
        rows=rows,
        batch_size=batch_size,
        sites=network.sites,
    )


def stack_training_data(
    rows: Rows, members: Sequence[Mapping[str, Regularizer]], seeds: Sequence[int]
) -> tuple[Rows, tuple[bool, ...]]:
    """Let techniques change each network's training set; a field that stays the same for all is not stacked."""
    sets = [_change(rows, techniques, seed) for techniques, seed in zip(members, seeds, strict=True)]
    stacked = tuple(any(other[i] is not original for other in sets) for i, original in enumerate(rows))
    fields = [torch.stack([s[i] for s in sets]) if own else rows[i] for i, own in enumerate(stacked)]
    return Rows(*fields), stacked


def _change(rows: Rows, techniques: Mapping[str, Regularizer], seed: int) -> Rows:
    for name, technique in techniques.items():
        rows = technique.training_data(rows, Randomness(seed).at(name, "training data"))
    return rows


def _rows(part: Part, split: Split, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(np.ascontiguousarray(part.x)).to(dtype)
    if split.task == "regression":
        return x, torch.from_numpy(np.ascontiguousarray(part.y)).to(dtype).unsqueeze(1)
    labels = torch.from_numpy(np.ascontiguousarray(part.y, dtype=np.int64))
    return x, torch.nn.functional.one_hot(labels, len(split.classes)).to(dtype)


def _ends(parts: Sequence[tuple[Tensor, Tensor]]) -> list[int]:
    return torch.tensor([len(x) for x, _ in parts]).cumsum(0).tolist()
