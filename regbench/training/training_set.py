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
from regbench.regularizers.idle import NO_ROW, acts_on_rows_only, explain_idle, is_off
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
    """Measured at the end, each by itself: all rows of train, of validation if there are any, and of test."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by number; empty for other tasks."""
    weighted: bool = False
    """Whether the data set weighs its rows."""


@dataclass(frozen=True)
class StackedRows:
    """Training rows of the networks of a cohort: shared, or stacked `[S, N, ...]` where each has its own."""

    rows: Rows
    stacked: tuple[bool, ...]
    """Whether each field of `rows` is stacked."""
    about: dict[str, Params]
    """Constants of the rows by regularizer, always stacked."""
    idle: tuple[Mapping[str, str], ...]
    """Of each network, the regularizers that change nothing on its rows, with the reason."""

    @property
    def count(self) -> int:
        """Number of training rows of a network, N."""
        return len(self.rows.weight[0] if self.stacked[2] else self.rows.weight)

    def gather(self, chosen: Tensor) -> tuple[Rows, dict[str, Params]]:
        """Return the rows `[S, B, ...]` of numbers `[S, B]`, and what is said about them."""
        batch = Rows(*(_gather(part, chosen, own) for part, own in zip(self.rows, self.stacked, strict=True)))
        about = {n: {key: _gather(t, chosen, own=True) for key, t in own.items()} for n, own in self.about.items()}
        return batch, about

    def of(self, network: int) -> Rows:
        """Return the rows of one network, `[N, ...]`."""
        return Rows(*(part[network] if own else part for part, own in zip(self.rows, self.stacked, strict=True)))

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
        return replace(self, rows=rows, about=about, idle=tuple(self.idle[place] for place in networks.tolist()))


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
        parts=(train, watched.cut(*ends), test) if len(val.x) else (train, test),
        classes=split.classes,
        weighted=split.train.weights is not None,
    )


def _choose_watched(train: Labelled, most: int) -> Labelled:
    """Return the training rows that are measured every epoch: at most so many of those that weigh; 0: all of them."""
    counting = train.weight.nonzero().squeeze(1)  # a subset in which every row weighs 0 has no mean
    count = min(len(counting), most) or len(counting)
    if count == len(train.x):
        return train
    subset = counting[Randomness(0).at("watched training rows").permutation(len(counting))[:count].sort().values]
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
        categories=split.preprocessing.categories,
        outputs=split.preprocessing.outputs,
    )


def stack_rows(
    rows: Rows, networks: Sequence[tuple[int, Mapping[str, Regularizer]]], facts: Facts, ensemble_size: int = 1
) -> StackedRows:
    """Let regularizers change each network's training set; a field that stays the same for all is not stacked.

    Args:
        rows: the training rows.
        networks: the seed and the regularizers of each network.
        facts: the facts of the run.
        ensemble_size: networks of each run, which lie one after the other.

    Raises:
        ConfigError: a regularizer cannot change these rows as it is set.
        ValueError: the runs have different numbers of rows, so that they cannot be stacked.
    """
    changed = [_change(rows, seed, regularizers, facts) for seed, regularizers in networks]
    sets = [own for at in range(0, len(changed), ensemble_size) for own in _pad(changed[at : at + ensemble_size])]
    if len({len(own.weight) for own in sets}) > 1:
        raise ValueError("runs that regularizers leave different numbers of training rows cannot be stacked")
    stacked = tuple(any(other[i] is not original for other in sets) for i, original in enumerate(rows))
    fields = [torch.stack([s[i] for s in sets]) if own else rows[i] for i, own in enumerate(stacked)]
    about: dict[str, Params] = {}
    for name, _ in arrange(networks[0][1])["about"]:
        said = [
            regularizers[name].about(own, _context(seed, name, "about", len(own.weight), facts))
            for own, (seed, regularizers) in zip(sets, networks, strict=True)
        ]
        about[name] = {key: torch.stack([each[key] for each in said]) for key in said[0]}
    return StackedRows(Rows(*fields), stacked, about, tuple(own.idle for own in changed))


class _Changed(NamedTuple):
    """The training set of one network, and which of its regularizers change nothing, with the reason."""

    rows: Rows
    idle: dict[str, str]


def _change(rows: Rows, seed: int, regularizers: Mapping[str, Regularizer], facts: Facts) -> _Changed:
    """Let the regularizers of one network change its training set, each as those before it left it.

    Where the data set weighs its rows, their mean weight stays 1.
    """
    reasons: dict[str, str | None] = {}
    given = rows.weight
    for name, regularizer in arrange(regularizers)["training_data"]:
        before = rows
        rows = regularizer.training_data(before, _context(seed, name, "training_data", len(before.weight), facts))
        reasons[name] = explain_idle(regularizer, _facts_of(before, facts))
        if rows is before and acts_on_rows_only(regularizer) and not is_off(regularizer):
            reasons[name] = reasons[name] or NO_ROW
    if facts.weighted and rows.weight is not given and rows.weight.any():
        rows = rows._replace(weight=rows.weight / rows.weight.mean())
    now = _facts_of(rows, facts) if reasons else facts
    for name, regularizer in regularizers.items():
        if name not in reasons:
            reasons[name] = explain_idle(regularizer, now)
    return _Changed(rows, {name: reason for name, reason in sorted(reasons.items()) if reason is not None})


def _facts_of(rows: Rows, facts: Facts) -> Facts:
    """Return the facts with the numbers of rows as regularizers left them."""
    counts = rows.y.argmax(1).bincount(minlength=rows.y.shape[1]).tolist() if facts.class_counts else ()
    return replace(facts, rows=len(rows.weight), class_counts=tuple(counts))


def _pad(members: Sequence[_Changed]) -> list[Rows]:
    """Return the training sets of an ensemble's networks at equal length.

    The shorter ones get copies of their first row, of weight 0: bagging leaves rows out in the same way.
    """
    most = max(len(own.rows.weight) for own in members)
    return [own.rows if len(own.rows.weight) == most else _fill_up(own.rows, most) for own in members]


def _fill_up(rows: Rows, count: int) -> Rows:
    missing = count - len(rows.weight)
    x, y = (torch.cat([part, part[:1].expand(missing, *part.shape[1:])]) for part in rows[:2])
    return Rows(x, y, torch.cat([rows.weight, rows.weight.new_zeros(missing)]))


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
    scale = torch.tensor(split.target_scale, dtype=torch.float64).square()
    return Labelled(x, y, weight, scale)


def _join(parts: Sequence[Labelled]) -> Labelled:
    x, y, weight = (torch.cat([part[axis] for part in parts]) for axis in range(3))
    return Labelled(x, y, weight, parts[0].error_scale)
