"""A split as tensors, ready for training: targets as rows of numbers, and what the regularizers make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from regbench.data.records import Part, Split
from regbench.errors import ConfigError
from regbench.models.network import Network
from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Facts, Moment, Params, Regularizer, Rows
from regbench.regularizers.context import no_forward
from regbench.regularizers.stages import arrange
from regbench.schedules.schedule import Schedule
from regbench.tasks import Task
from regbench.training.contexts import KEYS, ignore

START = Moment(epoch=0, step=0, update=0, last_of_epoch=False, updates=1)
"""The time before the first step."""


class Labelled(NamedTuple):
    """Rows to measure on: inputs `[N, *shape]`, targets `[N, C]`, weights `[N]` of the rows.

    `error_scale` `[C]` is what one unit of squared error of each number to predict counts in its own unit; else `[0]`.
    """

    x: Tensor
    y: Tensor
    weight: Tensor
    error_scale: Tensor


@dataclass(frozen=True)
class TrainingSet:
    """Training rows, and the rows that are measured."""

    rows: Rows
    watched: Labelled
    """Measured every epoch: a fixed subset of the training rows, at most as many as validation has, then validation."""
    watched_ends: list[int]
    parts: tuple[Labelled, ...]
    """Measured at the end, each by itself: all rows of train, of validation if there are any, and of test."""


@dataclass(frozen=True)
class StackedRows:
    """Training rows of the networks of a cohort: shared, or stacked `[S, N, ...]` where each has its own."""

    rows: Rows
    stacked: tuple[bool, ...]
    """Whether each field of `rows` is stacked."""
    about: dict[str, Params]
    """Constants of the rows by regularizer, always stacked."""

    @property
    def count(self) -> int:
        """Number of training rows of a network, N."""
        return len(self.rows.weight[0] if self.stacked[2] else self.rows.weight)

    def gather(self, chosen: Tensor) -> tuple[Rows, dict[str, Params]]:
        """Return the rows `[S, B, ...]` of numbers `[S, B]`, and what is said about them."""
        batch = Rows(*(_gather(part, chosen, own) for part, own in zip(self.rows, self.stacked, strict=True)))
        about = {n: {key: _gather(t, chosen, own=True) for key, t in own.items()} for n, own in self.about.items()}
        return batch, about

    def all_rows(self, networks: int) -> Rows:
        """Return all rows of each network, `[S, N, ...]`."""
        parts = zip(self.rows, self.stacked, strict=True)
        return Rows(*(part if own else part.expand(networks, *part.shape) for part, own in parts))

    def all_numbers(self, networks: int) -> Tensor:
        """Return the numbers of all rows of each network, int64 `[S, N]`."""
        return torch.arange(self.count).expand(networks, -1)

    def keep(self, networks: Tensor) -> StackedRows:
        """Return the rows of some of the networks, by number."""
        rows = Rows(*(p[networks] if own else p for p, own in zip(self.rows, self.stacked, strict=True)))
        about = {name: {key: t[networks] for key, t in own.items()} for name, own in self.about.items()}
        return replace(self, rows=rows, about=about)


def prepare(split: Split, dtype: torch.dtype) -> TrainingSet:
    """Turn a split into tensors of one type."""
    train, val, test = (_label(part, split, dtype) for part in (split.train, split.val, split.test))
    validation = [val] if len(val.x) > 0 else []
    counting = train.weight.nonzero().squeeze(1)  # a subset in which every row weighs 0 has no mean
    count = min(len(counting), len(val.x)) or len(counting)
    subset = counting[Randomness(0).at("watched training rows").permutation(len(counting))[:count].sort().values]
    watched = [train._replace(x=train.x[subset], y=train.y[subset], weight=train.weight[subset]), *validation]
    return TrainingSet(
        rows=Rows(train.x, train.y, train.weight),
        watched=_join(watched),
        watched_ends=torch.tensor([len(part.x) for part in watched]).cumsum(0).tolist(),
        parts=(train, *validation, test),
    )


def collect_facts(split: Split, network: Network, schedule: Schedule) -> Facts:
    """Gather what regularizers may ask about a run, and refuse a batch larger than the training set.

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
        outputs=split.preprocessing.outputs,
    )


def stack_rows(rows: Rows, networks: Sequence[tuple[int, Mapping[str, Regularizer]]], facts: Facts) -> StackedRows:
    """Let regularizers change each network's training set; a field that stays the same for all is not stacked.

    Args:
        rows: the training rows.
        networks: the seed and the regularizers of each network.
        facts: the facts of the run.
    """
    sets = [_change(rows, seed, regularizers, facts) for seed, regularizers in networks]
    stacked = tuple(any(other[i] is not original for other in sets) for i, original in enumerate(rows))
    fields = [torch.stack([s[i] for s in sets]) if own else rows[i] for i, own in enumerate(stacked)]
    about: dict[str, Params] = {}
    for name, _ in arrange(networks[0][1])["about"]:
        said = [
            regularizers[name].about(own, _context(seed, name, "about", len(own.weight), facts))
            for own, (seed, regularizers) in zip(sets, networks, strict=True)
        ]
        about[name] = {key: torch.stack([each[key] for each in said]) for key in said[0]}
    return StackedRows(Rows(*fields), stacked, about)


def _change(rows: Rows, seed: int, regularizers: Mapping[str, Regularizer], facts: Facts) -> Rows:
    """Return one network's training set; where the data set weighs its rows, their mean weight stays 1."""
    given = rows.weight
    for name, regularizer in arrange(regularizers)["training_data"]:
        rows = regularizer.training_data(rows, _context(seed, name, "training_data", len(rows.weight), facts))
    if not facts.weighted or rows.weight is given or not rows.weight.any():
        return rows
    return rows._replace(weight=rows.weight / rows.weight.mean())


def _context(seed: int, name: str, stage: str, rows: int, facts: Facts) -> Context:
    """Return the context of a stage that sees the whole training set before the first step."""
    return Context(
        common=Randomness(seed).at(name),
        key=(KEYS.get(stage, stage),),
        effect=ignore,
        moment=START,
        facts=facts,
        state={},
        numbers=torch.arange(rows),
        about={},
        forward=no_forward,
    )


def _gather(part: Tensor, chosen: Tensor, own: bool) -> Tensor:
    """Return rows `[S, B, ...]` of `[N, ...]`, or of each network's own `[S, N, ...]`.

    `index_select` takes whole rows: several times as fast as indexing, which goes number by number.
    """
    numbers = chosen
    if own:
        numbers = chosen + torch.arange(len(part)).unsqueeze(1) * part.shape[1]
        part = part.flatten(0, 1)
    return part.index_select(0, numbers.flatten()).view(*chosen.shape, *part.shape[1:])


def _label(part: Part, split: Split, dtype: torch.dtype) -> Labelled:
    """Return the rows of a part as tensors, classes as rows of 0 and 1, a single number as a row of one."""
    x = torch.from_numpy(np.ascontiguousarray(part.x)).to(dtype)
    weight = torch.ones(len(x), dtype=dtype) if part.weights is None else torch.from_numpy(part.weights).to(dtype)
    if split.task == Task.CLASSIFICATION:
        labels = torch.from_numpy(np.ascontiguousarray(part.y, dtype=np.int64))
        y = torch.nn.functional.one_hot(labels, len(split.classes)).to(dtype)
    else:
        y = torch.from_numpy(np.ascontiguousarray(part.y)).to(dtype)
        y = y.unsqueeze(1) if y.ndim == 1 else y
    scale = torch.tensor(split.target_scale, dtype=torch.float64).square().to(dtype)
    return Labelled(x, y, weight, scale)


def _join(parts: Sequence[Labelled]) -> Labelled:
    x, y, weight = (torch.cat([part[axis] for part in parts]) for axis in range(3))
    return Labelled(x, y, weight, parts[0].error_scale)
