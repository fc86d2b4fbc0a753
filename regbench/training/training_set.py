"""A split as tensors, ready for training: targets as rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from regbench.data.records import Part, Split
from regbench.errors import ConfigError
from regbench.models.network import Network
from regbench.randomness import Randomness
from regbench.regularizers.base import Facts, Rows
from regbench.schedules.schedule import Schedule
from regbench.tasks import Task


class Labelled(NamedTuple):
    """Rows to measure on: inputs `[N, *shape]`, targets `[N, C]`, weights `[N]` of the rows.

    `error_scale` `[C]` is what one unit of squared error of each number to predict counts in its own unit; else `[0]`.
    """

    x: Tensor
    y: Tensor
    weight: Tensor
    error_scale: Tensor

    def to(self, device: torch.device) -> Labelled:
        """Return the same rows on a device."""
        return Labelled(*(part.to(device) for part in self))

    def cut(self, start: int, end: int) -> Labelled:
        """Return consecutive rows."""
        return self._replace(x=self.x[start:end], y=self.y[start:end], weight=self.weight[start:end])


@dataclass(frozen=True)
class TrainingSet:
    """Training rows, and the rows that are measured."""

    rows: Rows
    watched: Labelled
    """Measured every epoch: a fixed subset of the training rows, at most as many as validation has, then validation."""
    watched_ends: list[int]
    parts: tuple[Labelled, ...]
    """Measured at the end, each by itself: all rows of train, of validation if there are any, and of test; or nothing,
    where figures at the end are not asked for."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by number; empty for other tasks."""
    weighted: bool = False
    """Whether the data set weighs its rows."""
    columns: tuple[tuple[str, int], ...] = ()
    """Names of a table's columns, and as how many inputs each is encoded; empty where inputs have no names."""


def prepare(split: Split, dtype: torch.dtype) -> TrainingSet:
    """Turn a split into tensors of one type, in which no row of validation lies twice."""
    train, val, test = (_label(part, split, dtype) for part in (split.train, split.val, split.test))
    subset = _choose_watched(train, len(val.x))
    ends = [len(subset.x), len(subset.x) + len(val.x)] if len(val.x) else [len(subset.x)]
    watched = _join([subset, val]) if len(val.x) else subset
    return TrainingSet(
        rows=Rows(train.x, train.y, train.weight),
        watched=watched,
        watched_ends=ends,
        parts=(train, watched.cut(*ends), test) if len(val.x) else (train, test) if len(test.x) else (train,),
        classes=split.classes,
        weighted=split.train.weights is not None,
        columns=tuple((column.name, len(column.features)) for column in split.preprocessing.columns),
    )


def _choose_watched(train: Labelled, most: int) -> Labelled:
    """Return the training rows that are measured every epoch: at most so many of those that weigh; 0: all of them."""
    counting = train.weight.nonzero().squeeze(1)  # a subset in which every row weighs 0 has no mean
    count = min(len(counting), most) or len(counting)
    if count == len(train.x):
        return train
    chosen = torch.zeros(len(counting), dtype=torch.bool)
    chosen[Randomness(0).at("watched training rows").permutation(len(counting))[:count]] = True
    subset = counting[chosen]
    return train._replace(x=train.x[subset], y=train.y[subset], weight=train.weight[subset])


def collect_facts(split: Split, network: Network, schedule: Schedule) -> Facts:
    """Gather what regularizers may ask about a run, and refuse a batch larger than the training set.

    Raises:
        ConfigError: fewer training rows than one batch.
    """
    rows = len(split.train.y)
    batch_size = schedule.count_batch(rows)
    if batch_size > rows:
        raise ConfigError(
            f"schedule.batch_size={batch_size} is more than the {rows} training rows; "
            f"it takes a whole number in [1, {rows}], auto or full"
        )
    classify = split.task == Task.CLASSIFICATION
    counts: list[int] = np.bincount(split.train.y, minlength=len(split.classes)).tolist() if classify else []
    return Facts(
        task=Task(split.task),
        layout=split.layout,
        shape=split.train.x.shape[1:],
        class_counts=tuple(counts),
        nonnegative=bool(split.train.x.min() >= 0),
        weighted=split.train.weights is not None,
        rows=rows,
        batch_size=batch_size,
        sites=network.sites,
        layers=network.layers,
        categories=split.preprocessing.categories,
        outputs=split.preprocessing.outputs,
    )


def _label(part: Part, split: Split, dtype: torch.dtype) -> Labelled:
    """Return the rows of a part as tensors, classes as rows of 0 and 1, a single number as a row of one."""
    x = torch.from_numpy(np.ascontiguousarray(part.x)).to(dtype)
    weight = torch.ones(len(x), dtype=dtype) if part.weights is None else torch.from_numpy(part.weights).to(dtype)
    if split.task == Task.CLASSIFICATION:
        labels = torch.from_numpy(np.ascontiguousarray(part.y, dtype=np.int64))
        y = torch.zeros(len(labels), len(split.classes), dtype=dtype).scatter_(1, labels.unsqueeze(1), 1.0)
    else:
        y = torch.from_numpy(np.ascontiguousarray(part.y)).to(dtype)
        y = y.unsqueeze(1) if y.ndim == 1 else y
    scale = torch.tensor(split.target_scale, dtype=torch.float64).square()
    return Labelled(x, y, weight, scale)


def _join(parts: Sequence[Labelled]) -> Labelled:
    x, y, weight = (torch.cat([part[axis] for part in parts]) for axis in range(3))
    return Labelled(x, y, weight, parts[0].error_scale)
