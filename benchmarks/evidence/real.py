"""Studies of copies with regbench's own trainer, on real data: whether one is called better or worse than another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from benchmarks.evidence.copies import Contest, open_source, run_copies
from benchmarks.evidence.false_alarms import DIFFERENT
from benchmarks.evidence.figures import Figure, summarise
from regbench.evidence.verdict import Verdict
from regbench.evidence.words import Word

CONTESTS = (
    Contest("breast_cancer", "l2", "classification", "accuracy"),
    Contest("diabetes", "dropout", "regression", "r2"),
)
CALLED, MISSED = "some copy called better or worse", "an arm's interval misses 0"
BARE, SAME = "some copy's own interval misses 0", "arms called no practical difference"


def describe(verdict: Verdict) -> dict[str, float]:
    """Return what one study says, as a share of 1 each."""
    misses = [not arm.interval.holds(0.0) for arm in verdict.arms]
    return {
        CALLED: float(any(arm.word in DIFFERENT for arm in verdict.arms)),
        MISSED: float(np.mean(misses)),
        BARE: float(any(misses)),
        SAME: float(np.mean([arm.word is Word.NO_DIFFERENCE for arm in verdict.arms])),
    }


def measure(studies: int, seed: int) -> Iterator[Figure]:
    """Yield the figures of so many studies, half of them on each data set, and of all of them together."""
    found: dict[str, dict[str, list[float]]] = {}
    for place, contest in enumerate(CONTESTS):
        source = open_source(contest)
        values: dict[str, list[float]] = defaultdict(list)
        for number in range(max(2, studies // len(CONTESTS))):
            for what, value in describe(run_copies(source, [seed, place, number])).items():
                values[what].append(value)
        found[f"{contest.dataset}, {contest.technique}"] = values
    found["both"] = {what: [v for own in found.values() for v in own[what]] for what in (CALLED, MISSED, BARE, SAME)}
    for where, values in found.items():
        for what, own in values.items():
            yield summarise(f"{where}: {what}", own, high=0.05 if what in (CALLED, MISSED) else None)
