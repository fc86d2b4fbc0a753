"""Runs that exist, by network: replicates of one, and the runs of others that tell something about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from regbench.sweeps.averaging import AVERAGED, Draw, find_draw
from regbench.sweeps.manifest import METRIC
from regbench.sweeps.run_status import RunStatus

STOP, SIZE, EPOCHS = "schedule.stop.", "dataset.train_size", "schedule.epochs"
OF_REGULARIZERS = ("regularizer", "schedule.ramp")
HALF = (0.4, 0.6)
"""Shares of the training rows that count as half of them."""


@dataclass(frozen=True)
class Replicates:
    """Runs that differ only in their seed and in how the data are cut, by what tells them apart."""

    values: Mapping[str, object]
    runs: Mapping[Draw, RunStatus]

    @property
    def never_stops(self) -> bool:
        """Whether nothing ends training before the limit."""
        return self.values.get(f"{STOP}name") == "none"

    @property
    def techniques(self) -> frozenset[str]:
        """Names of the regularizers."""
        return frozenset(str(self.values.get("regularizer", "none")).split("+")) - {"none"}

    @property
    def limit(self) -> float:
        """Epochs that are trained at most."""
        value = self.values.get(EPOCHS)
        return float(value) if isinstance(value, (int, float)) else float("nan")

    @cached_property
    def training_rows(self) -> float:
        """Training rows of a run; NaN where no result says it."""
        known = [run.rows["train"] for run in self.runs.values() if "train" in run.rows]
        return sum(known) / len(known) if known else float("nan")

    def alike(self, other: Replicates, besides: Sequence[str]) -> bool:
        """Tell whether two are equal but for the settings that begin with some words."""
        keys = {key for key in (*self.values, *other.values) if not key.startswith(tuple(besides))}
        return all(_mark(self.values.get(key)) == _mark(other.values.get(key)) for key in keys)


@dataclass(frozen=True)
class Subject:
    """A network to diagnose with what is there to compare it with; None where that was not trained."""

    own: Replicates
    unstopped: Replicates | None
    halved: Replicates | None
    looser: tuple[Replicates, ...]
    """The same network with settings of the same regularizers, or with fewer of them."""


def group_runs(statuses: Sequence[RunStatus]) -> list[Replicates]:
    """Return the replicates of each network in the order of the runs; only runs that have ended count."""
    groups: dict[tuple[tuple[str, str], ...], dict[Draw, RunStatus]] = {}
    values: dict[tuple[tuple[str, str], ...], Mapping[str, object]] = {}
    for status in statuses:
        if not status.state.ended:
            continue
        own = {key: value for key, value in status.run.values.items() if key not in (*AVERAGED, METRIC)}
        key = tuple(sorted((name, _mark(value)) for name, value in own.items()))
        groups.setdefault(key, {}).setdefault(find_draw(status.run), status)
        values.setdefault(key, own)
    return [Replicates(values[key], runs) for key, runs in groups.items()]


def list_subjects(groups: Sequence[Replicates]) -> list[Subject]:
    """Return the networks to diagnose: all but those that were trained to tell something about another."""
    subjects = [make_subject(own, groups) for own in groups]
    serving = {
        id(group)
        for subject in subjects
        for group in (subject.unstopped, subject.halved)
        if group is not None and group is not subject.own
    }
    # Trained for the rule of too strong regularization alone: without runs to the limit it says little by itself.
    serving |= {
        id(group)
        for subject in subjects
        if subject.unstopped is not None
        for group in subject.looser
        if not any(other.own is group and other.unstopped for other in subjects)
    }
    return [subject for subject in subjects if id(subject.own) not in serving]


def make_subject(own: Replicates, groups: Sequence[Replicates]) -> Subject:
    """Return a network with the runs that tell something about it."""
    others = [group for group in groups if group is not own]
    unstopped = own if own.never_stops else next((g for g in others if g.never_stops and own.alike(g, [STOP])), None)
    halved = next((g for g in others if _is_half(g, own) and own.alike(g, [SIZE, EPOCHS])), None)
    looser = [g for g in others if g.techniques <= own.techniques and own.alike(g, OF_REGULARIZERS)]
    return Subject(own, unstopped, halved, tuple(looser))


def _is_half(group: Replicates, whole: Replicates) -> bool:
    """Tell whether runs have about half the training rows of others."""
    return HALF[0] < group.training_rows / whole.training_rows < HALF[1]


def _mark(value: object) -> str:
    """Return a text equal for equal values; 1 and 1.0 are the same number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return repr(value)
