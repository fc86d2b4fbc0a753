"""Simulator of studies that grow: whether the number of replicates named decides what was undecided.

Of the arms of a study of 20 replicates one is a null and two differ from the baseline. The N of an undecided arm takes
the difference seen for the true one, so it decides more often where there is a difference than where there is none; and
a null can be told to be one only by the half-width of no practical difference, which is small beside the spread s of an
arm's differences where arms vary much. So there are arms of two spreads: those of the other simulators, and narrower.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

import numpy as np

from benchmarks.evidence.false_alarms import WIDTHS
from benchmarks.evidence.figures import Figure, summarise
from benchmarks.evidence.looks import grow
from benchmarks.evidence.tables import FOLDS, Task, draw_table
from regbench.evidence.verdict import Rules
from regbench.evidence.words import Needs, Word

ARMS = ("none", "null", "small", "large")
START, ROWS = 20, 600
"""Replicates of a study at first, and rows of its table."""
SETTINGS = {
    "classification, s = .04": (Task.CLASSIFICATION, WIDTHS[Task.CLASSIFICATION]),
    "regression, s = .08": (Task.REGRESSION, WIDTHS[Task.REGRESSION]),
    "regression, s = .05": (Task.REGRESSION, (50, 62, 120)),
}
"""Features of the baseline and of the two arms that differ; s is .04 to .05 for the networks of `coverage`."""
MOST = 1000
"""The largest N that is tried; others are counted and left out."""


def decide(task: Task, widths: tuple[int, ...], seed: list[int]) -> dict[str, tuple[Needs, bool | None]]:
    """Return, of the undecided arms of one study, what they need and whether N replicates more decide them.

    None stands for an arm that needs rows, or more than 1,000 replicates.
    """
    rng = np.random.default_rng(seed)
    table = draw_table(task, rng, rows=ROWS, fresh=1)
    widths = (widths[0], *widths)
    study = grow(table, START, widths, rng)
    needs = {arm.name: arm.needs for arm in study.judge(ARMS, Rules(folds=FOLDS)).arms if arm.needs}
    tried = {name: need.replicates for name, need in needs.items() if need.replicates and need.replicates <= MOST}
    found: dict[str, tuple[Needs, bool | None]] = {name: (need, None) for name, need in needs.items()}
    if not tried:
        return found
    study = study.extend(grow(table, max(tried.values()), widths, rng))
    for name, replicates in tried.items():
        later = study.judge(ARMS, Rules(folds=FOLDS, look=2), START + replicates)
        found[name] = needs[name], later.arm(name).word is not Word.UNDECIDED
    return found


def measure(comparisons: int, seed: int) -> Iterator[Figure]:
    """Yield, of at least so many undecided comparisons of each setting, the share that N decides."""
    for place, (what, (task, widths)) in enumerate(SETTINGS.items()):
        decided: dict[str, list[float]] = defaultdict(list)
        beyond: list[float] = []
        rows: list[float] = []
        number = 0
        while sum(map(len, decided.values())) < comparisons:
            found = decide(task, widths, [seed, place, number])
            number += 1
            for name, (need, answer) in found.items():
                rows.append(need.replicates is None)
                beyond.append(need.replicates is not None and answer is None)
                if answer is not None:
                    decided[name].append(answer)
        yield summarise(f"{what}: decided by the N named", [*chain.from_iterable(decided.values())], 0.70, 0.95)
        for name in decided:
            yield summarise(f"{what}: of these, arm {name}", decided[name])
        yield summarise(f"{what}: N above {MOST}, left out", beyond)
        yield summarise(f"{what}: only rows decide, left out", rows)
