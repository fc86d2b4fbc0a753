"""Settings of a study: the `study` mapping of a configuration."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from regbench.config.fields import build, choice, declare, flag, integer, integer_or, number, settings, text
from regbench.config.kinds import Choice, Kind
from regbench.config.values import shorten
from regbench.errors import ConfigError
from regbench.metrics import METRICS

JUDGING = ("rope", "alpha", "interval", "reference", "curves")
"""Settings that may change without making it another study: what was trained is judged anew, or runs are added."""

CORRECTED = "corrected"
"""The interval of Nadeau and Bengio, for the cautious."""

FRESH, FIGURES, ALL = "fresh", "figures", "all"
"""Which runs of a study have folders: the fresh ones, none at its end, or every trial too."""

STORING = ("keep",)
"""Settings that say what is left of a study, and nothing about its results."""

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
REPLICATES, TRIALS = 20, 8
"""Taken for the one that is not given where the other is."""


@dataclass(frozen=True, kw_only=True)
class Arms(Kind[object]):
    """What takes part: a word for a set of techniques, a list of names and combinations, or overrides by name."""

    noun = "core, all, a list of techniques and combinations, or a mapping of names to lists of overrides"

    def convert(self, value: object, where: str) -> object:
        """Return the value as it is, once its form is right."""
        if value in ("core", "all") or (_is_list(value) and value and all(self._is_member(item) for item in value)):
            return value
        if isinstance(value, Mapping) and value and all(_is_texts(item) for item in value.values()):
            return value
        raise self.refusal(value, where)

    @staticmethod
    def _is_member(value: object) -> bool:
        return isinstance(value, str) or (_is_texts(value) and bool(value))


@dataclass(frozen=True, kw_only=True)
class Duration(Kind[str]):
    """A time with its unit."""

    noun = "a time such as 90s, 10m or 4h"

    def convert(self, value: object, where: str) -> str:
        """Return the text."""
        if not isinstance(value, str) or not re.fullmatch(r"\d+(\.\d+)?[smh]", value) or read_seconds(value) <= 0:
            raise self.refusal(value, where)
        return value


@dataclass(frozen=True, kw_only=True)
class Names(Kind[tuple[str, ...]]):
    """A list of techniques."""

    noun = "a list of techniques"

    def convert(self, value: object, where: str) -> tuple[str, ...]:
        """Return the names as a tuple."""
        if not _is_texts(value):
            raise self.refusal(value, where)
        return tuple(value)


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """How a study is made; None, written `auto`, lets the planner decide."""

    arms: object = declare("core", Arms())
    baseline: str = text("none", help="the arm that the others are compared with")
    budget: str = declare("3m", Duration())
    replicates: int | None = integer_or("auto", None, low=2, high=1000)
    trials: int | None = integer_or("auto", None, low=1, high=1024)
    finalists: int | None = integer_or("auto", None, low=0, high=32)
    cut: str = choice("auto", "kfold", "forward", "locked")
    folds: int | None = integer_or("auto", None, low=2, high=100)
    search: Mapping[str, object] = settings(example="{dropout.rate: [0.1, 0.6]}")
    sampler: str = choice("sobol", "tpe")
    select: str = choice("metric", "val_loss")
    metric: str = declare("auto", Choice(options=("auto", *METRICS)))
    rope: float = number(0.01, low=0.0, open_low=True)
    alpha: float = number(0.05, low=0.0, high=0.5, open_low=True)
    interval: str = choice("paired", CORRECTED)
    interactions: tuple[str, ...] = declare((), Names())
    cocktail: bool = flag(False)
    reference: bool = flag(True)
    curves: bool = flag(False, help="train baseline and leader again on fewer rows, and with wrong labels")
    keep: str = choice(FRESH, FIGURES, ALL)
    seed: int = integer(0, low=0, high=2**31 - 1)

    @property
    def planned(self) -> bool:
        """Whether the planner decides how many replicates and trials there are."""
        return self.replicates is None and self.trials is None

    @property
    def seconds(self) -> float:
        """The budget in seconds."""
        return read_seconds(self.budget)


def build_study(values: object) -> StudySettings:
    """Turn the `study` mapping of a configuration into a record.

    Raises:
        ConfigError: a key is unknown, a value is not allowed, or values do not go together.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"study={shorten(values)} is not allowed; it takes a mapping of settings")
    made = build(StudySettings, dict(values), "study")
    if not made.planned:
        replicates, trials = made.replicates or REPLICATES, made.trials or TRIALS
        made = dataclasses.replace(made, replicates=replicates, trials=trials, finalists=made.finalists or 0)
    if made.trials is not None and (made.finalists or 0) > made.trials:
        raise ConfigError(f"study.finalists={made.finalists} is more than study.trials={made.trials}")
    if made.sampler == "tpe" and (made.trials is None or made.trials < 32):
        raise ConfigError("study.sampler=tpe pays from 32 trials on; add study.trials=32, or take study.sampler=sobol")
    return made


def read_seconds(budget: str) -> float:
    """Return the seconds of a time with its unit.

    >>> read_seconds("3m")
    180.0
    """
    return float(budget[:-1]) * UNITS[budget[-1]]


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_texts(value: object) -> TypeGuard[Sequence[str]]:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value)
