"""What is wrong with the fit of a network, of its figures over replicates: pure rules, nothing is read or trained.

Errors are shares of the error of the constant prediction: 1 is nothing learned, 0 no error. A rule holds where the
bound of the 95 % t interval is past the threshold; where only the mean is, it may hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.evidence.student import t_quantile

UNSTABLE_SHARE = 0.2
NOTHING_LEARNED = 0.95
SHORTFALL = 0.10
LATE_SHARE = 0.5
GAP, STRONG_GAP, RISE = 0.10, 0.25, 0.05
HALVING = 0.05
SHARES = ("edge", "diverged")
"""Figures that are shares of runs, so that their intervals end at 0 and 1."""


class Name(StrEnum):
    """Name of a diagnosis, in the order in which the rules are asked."""

    UNSTABLE = "unstable"
    NOTHING_TO_LEARN = "nothing to learn found"
    TOO_BRIEF = "trained too briefly"
    OVER_REGULARIZED = "over-regularized"
    UNDERFITTING = "underfitting"
    OVERFITTING = "overfitting"
    STRONG_OVERFITTING = "strong overfitting"
    BOTH = "both underfitting and overfitting"
    SHORT_OF_DATA = "short of data"
    FITS_WELL = "fits well"
    UNDECIDED = "undecided"


class Holds(IntEnum):
    """Whether a rule holds; of several conditions the least is that of all."""

    NO = 0
    UNKNOWN = 1
    PERHAPS = 2
    YES = 3


@dataclass(frozen=True)
class Figure:
    """Mean over the replicates with its 95 % t interval; of one replicate there is no interval."""

    mean: float
    low: float | None
    high: float | None

    def reaches(self, threshold: float) -> Holds:
        """Tell whether the figure is at least a threshold: by its lower end, or perhaps by its mean."""
        if self.low is not None and self.low >= threshold:
            return Holds.YES
        return Holds.PERHAPS if self.mean >= threshold else Holds.NO


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Figures of one network, `[R]` each, NaN where a replicate lacks it; None where no replicate has it.

    `train` and `val` are errors at the best epoch; `train_last` and `val_last` those at the last epoch of runs that
    nothing stopped, and `rise` is by how much their validation loss rose since the best, as a share of it. `edge` and
    `diverged` are 1 where the best epoch is among the last tenth of the limit, and where the run diverged. `reference`
    is the validation error of the best reference model; `looser` the training error at the best epoch of the same
    network with less regularization; `halved` its validation error with half the training rows.
    """

    train: Floats
    val: Floats
    edge: Floats
    diverged: Floats
    train_last: Floats | None = None
    val_last: Floats | None = None
    rise: Floats | None = None
    reference: Floats | None = None
    looser: Floats | None = None
    halved: Floats | None = None
    regularized: bool = False
    """Whether there is any regularization that could be too strong."""
    stopped: bool = True
    """Whether the network as it is stops early, or returns to its best epoch after training on."""


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, in one sentence; advice, a line each; and the figures by name."""

    names: tuple[Name, ...]
    sentence: str
    advice: tuple[str, ...]
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        figures = {
            name: {"mean": figure.mean, "low": figure.low, "high": figure.high} for name, figure in self.figures.items()
        }
        return {
            "names": [str(name) for name in self.names],
            "sentence": self.sentence,
            "advice": list(self.advice),
            "figures": figures,
        }


@dataclass(frozen=True)
class Findings:
    """Which rules hold, may hold, or cannot be told, in their order; and the figures that they were asked of."""

    holds: Mapping[Name, Holds]
    figures: Mapping[str, Figure]

    def those(self, answer: Holds) -> tuple[Name, ...]:
        """Return the rules with this answer."""
        return tuple(name for name, holds in self.holds.items() if holds is answer)

    @property
    def untold(self) -> tuple[Name, ...]:
        """Rules that runs of this kind cannot tell, without which nobody can say that a network fits."""
        return tuple(name for name in (Name.UNDERFITTING, Name.OVERFITTING) if self.holds[name] is Holds.UNKNOWN)

    @property
    def certain(self) -> bool:
        """Whether figures have intervals: of one run nothing is certain."""
        return "e_val" in self.figures and self.figures["e_val"].low is not None


def measure(values: Floats | None, *, share: bool = False) -> Figure | None:
    """Return the mean and interval of the replicates that have a figure; None where none has it.

    >>> measure(np.array([0.1, 0.2, 0.3, np.nan]))
    Figure(mean=0.2, low=-0.0484137712, high=0.4484137712)
    """
    known = np.empty(0) if values is None else values[np.isfinite(values)]
    if not len(known):
        return None
    mean = float(known.mean())
    if len(known) < 2:
        return Figure(mean, None, None)
    half = t_quantile(0.975, len(known) - 1) * float(known.std(ddof=1)) / math.sqrt(len(known))
    low, high = (mean - half, mean + half) if not share else (max(0.0, mean - half), min(1.0, mean + half))
    return Figure(mean, low, high)


def measure_all(observed: Observed) -> dict[str, Figure]:
    """Return the figures that rules ask for, by name; those that no replicate has are absent.

    `excess` is by how much training cannot reach the reference. Where the validation error is the lower one, as with
    noise in the training labels alone, it counts in place of the training error: what the network tells of other rows
    it has not failed to learn.
    """
    fitted = np.fmin(observed.train, observed.val)
    arrays: dict[str, Floats | None] = {
        "e_train": observed.train,
        "e_val": observed.val,
        "gap": observed.val - observed.train,
        "e_train_last": observed.train_last,
        "e_val_last": observed.val_last,
        "gap_last": _subtract(observed.val_last, observed.train_last),
        "rise": observed.rise,
        "edge": observed.edge,
        "diverged": observed.diverged,
        "e_ref": observed.reference,
        "excess": _subtract(fitted, observed.reference),
        "loosened": _subtract(observed.train, observed.looser),
        "halved": _subtract(observed.halved, observed.val),
    }
    found = {name: measure(values, share=name in SHARES) for name, values in arrays.items()}
    return {name: figure for name, figure in found.items() if figure is not None}


def find(observed: Observed) -> Findings:
    """Return which rules hold, each asked by itself."""
    figures = measure_all(observed)
    answers = dict(_ask_rules(figures, observed.regularized))
    answers[Name.BOTH] = min(answers[Name.UNDERFITTING], answers[Name.OVERFITTING])
    return Findings({name: answers[name] for name in Name if name in answers}, figures)


def choose_names(findings: Findings) -> tuple[Name, ...]:
    """Return the names that stand: of those that hold, what explains the others comes first and leaves them out.

    "Fits well" is claimed only where no rule about fit may hold or cannot be told: that nothing is proven in few or
    unequal replicates does not mean that nothing is wrong. The word is then "undecided".
    """
    holds = findings.holds
    for alone in (Name.UNSTABLE, Name.NOTHING_TO_LEARN):
        if holds[alone] is Holds.YES:
            return (alone,)
    poor = next((n for n in (Name.TOO_BRIEF, Name.OVER_REGULARIZED) if holds[n] is Holds.YES), None)
    if poor is None and holds[Name.BOTH] is Holds.YES:
        names = [Name.BOTH]
    else:
        under = [Name.UNDERFITTING] if holds[Name.UNDERFITTING] is Holds.YES else []
        strong = holds[Name.STRONG_OVERFITTING] is Holds.YES
        over = [Name.STRONG_OVERFITTING if strong else Name.OVERFITTING]
        names = [poor] if poor else under
        names += over if holds[Name.OVERFITTING] is Holds.YES else []
    if holds[Name.SHORT_OF_DATA] is Holds.YES:
        names.append(Name.SHORT_OF_DATA)
    if names:
        return tuple(names)
    open_rules = findings.those(Holds.PERHAPS) or findings.untold or not findings.certain
    return (Name.UNDECIDED if open_rules else Name.FITS_WELL,)


def _ask_rules(figures: Mapping[str, Figure], regularized: bool) -> Iterator[tuple[Name, Holds]]:
    """Yield each rule with its answer."""

    def reaches(name: str, threshold: float) -> Holds:
        return figures[name].reaches(threshold) if name in figures else Holds.UNKNOWN

    falls_short = reaches("excess", SHORTFALL)
    over = min(reaches("gap_last", GAP), reaches("rise", RISE))
    yield Name.UNSTABLE, reaches("diverged", np.nextafter(UNSTABLE_SHARE, 1.0))
    yield Name.NOTHING_TO_LEARN, min(reaches("e_val", NOTHING_LEARNED), reaches("e_ref", NOTHING_LEARNED))
    yield Name.TOO_BRIEF, min(falls_short, reaches("edge", LATE_SHARE))
    yield Name.OVER_REGULARIZED, min(falls_short, reaches("loosened", SHORTFALL)) if regularized else Holds.NO
    yield Name.UNDERFITTING, falls_short
    yield Name.OVERFITTING, over
    yield Name.STRONG_OVERFITTING, min(over, reaches("gap_last", STRONG_GAP))
    yield Name.SHORT_OF_DATA, reaches("halved", HALVING)


def _subtract(one: Floats | None, other: Floats | None) -> Floats | None:
    return None if one is None or other is None else one - other
