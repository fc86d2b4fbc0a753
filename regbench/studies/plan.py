"""The plan of a study: its arms with what is tried of each, its replicates, and what a pilot showed of their cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regbench.config.run_config import RunConfig
from regbench.config.study_settings import StudySettings
from regbench.studies.arms import AUTO_COCKTAIL
from regbench.studies.cuts import SEARCH, CutRule
from regbench.studies.spaces import Space

START_SECONDS, ARM_SECONDS = 8.0, 1.7
"""Everything besides training: the start, the verdict and the page; and for each arm pilot, predictions and figures."""

RUNGS = ((10, 4, 0), (10, 8, 0), (20, 8, 0), (20, 16, 3), (40, 16, 3), (40, 32, 3))
"""Replicates, trials and finalists, from the cheapest plan to the dearest."""


@dataclass(frozen=True)
class Sizes:
    """Replicates of a study, trials of each arm in each, and trials that are run twice more."""

    replicates: int
    trials: int
    finalists: int

    @property
    def runs(self) -> int:
        """Runs of one arm, its fresh runs included."""
        return self.replicates * (self.trials + 2 * self.finalists + 1)


@dataclass(frozen=True)
class Pilot:
    """What a short trial showed of an arm; seconds are of a stacked run's share of a step.

    `epochs` is the mean of runs with the settings as typed, `alone` the seconds of a step trained alone, `inference`
    those of predicting 1,000 rows, `memory` the bytes of a run, `evaluation` the seconds besides as a share.
    """

    epochs: float
    steps: int
    """Updates an epoch."""
    cohort: int
    step_seconds: float
    alone: float
    inference: float
    evaluation: float
    memory: int
    parameters: int

    @property
    def run_seconds(self) -> float:
        """Seconds that a run takes in its cohort."""
        return self.epochs * self.steps * self.step_seconds * (1.0 + self.evaluation)


@dataclass(frozen=True)
class ArmPlan:
    """An arm: its configuration with the settings as typed, and what is tried of it."""

    name: str
    config: RunConfig
    overrides: tuple[str, ...]
    members: tuple[str, ...]
    space: Space
    pilot: Pilot
    combined: tuple[str, ...] = ()
    """Of a cocktail: the arms that it combines."""


@dataclass(frozen=True)
class Cocktail:
    """What the arm `auto_cocktail` is mixed of: the network without any arm, and the arms that may be combined."""

    base: RunConfig
    arms: tuple[str, ...]


@dataclass(frozen=True)
class TrialRun:
    """One search run: where it stands, its seed, and the values that are tried, by full key.

    `repeat` is 0, or 1 and 2 for the runs of a finalist on further cuts.
    """

    replicate: int
    trial: int
    repeat: int
    seed: int
    values: tuple[tuple[str, object], ...]

    @property
    def stage(self) -> str:
        """The stage whose cut it is trained on."""
        return SEARCH if self.repeat == 0 else f"finalist{self.repeat}"


@dataclass(frozen=True)
class StudyPlan:
    """What a study trains. `looks` are the numbers of replicates at which it is judged, the present one last."""

    name: str
    settings: StudySettings
    baseline: str
    arms: tuple[ArmPlan, ...]
    skipped: Mapping[str, str]
    """Arms that do not fit the data, with the reason."""
    rule: CutRule
    metric: str
    trials: int
    finalists: int
    looks: tuple[int, ...]
    workers: int
    points: int = 0
    """Runs of the baseline, and as many of the leader, in each replicate for `study.curves`; 0 without it."""
    cocktail: Cocktail | None = None

    @property
    def ordinary(self) -> tuple[ArmPlan, ...]:
        """The arms that are known before the search: all but the cocktail."""
        return tuple(arm for arm in self.arms if not (self.cocktail and arm.name == AUTO_COCKTAIL))

    @property
    def replicates(self) -> int:
        """All replicates, those of earlier looks included."""
        return self.looks[-1]

    @property
    def sizes(self) -> Sizes:
        """The size of the whole study."""
        return Sizes(self.replicates, self.trials, self.finalists)

    def arm(self, name: str) -> ArmPlan:
        """Return an arm by name; KeyError where there is none."""
        return {arm.name: arm for arm in self.arms}[name]

    def runs(self) -> int:
        """Return how many runs there are, those that are not judged included."""
        return len(self.arms) * self.sizes.runs + 2 * (1 + self.points) * self.replicates


def estimate_seconds(pilots: Sequence[Pilot], sizes: Sizes, workers: int, points: int = 0) -> float:
    """Estimate how long a study takes; what is not judged counts as two more arms' fresh runs."""
    return estimate_training(pilots, sizes, workers, points) + START_SECONDS + ARM_SECONDS * len(pilots)


def estimate_training(pilots: Sequence[Pilot], sizes: Sizes, workers: int, points: int = 0) -> float:
    """Estimate how long its runs take; which arm leads is not known yet, so it costs what arms cost on average."""
    each = [pilot.run_seconds for pilot in pilots]
    leader = sum(each[1:]) / max(1, len(each) - 1)
    further = sizes.replicates * (2 * each[0] + points * (each[0] + leader))
    return (sum(seconds * sizes.runs for seconds in each) + further) / workers


def choose_sizes(
    pilots: Sequence[Pilot], budget: float, folds: int | None, workers: int, points: int = 0
) -> tuple[Sizes, bool]:
    """Return the largest plan that fits into a budget of seconds, and whether one does; else the smallest.

    Args:
        pilots: of all arms, the baseline first.
        budget: seconds of the whole command.
        folds: replicates are a multiple of them; None where there are none.
        workers: runs are spread over so many processes.
        points: runs for `study.curves`, as `StudyPlan` has them.
    """
    fitting = [
        sizes
        for sizes in (Sizes(_round_up(r, folds), t, f) for r, t, f in RUNGS)
        if estimate_seconds(pilots, sizes, workers, points) <= budget
    ]
    if fitting:
        return fitting[-1], True
    replicates, trials, finalists = RUNGS[0]
    return Sizes(_round_up(replicates, folds), trials, finalists), False


def _round_up(replicates: int, folds: int | None) -> int:
    return replicates if folds is None else math.ceil(replicates / folds) * folds
