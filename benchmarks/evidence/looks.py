"""Simulator of studies that grow: whether looking at them again and again finds what is not there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from benchmarks.evidence.false_alarms import DIFFERENT, WIDTHS
from benchmarks.evidence.figures import Figure, summarise
from benchmarks.evidence.readouts import Studied, run_study
from benchmarks.evidence.tables import FOLDS, Table, Task, draw_cuts, draw_table
from regbench.evidence.verdict import Rules, Verdict

TRIALS, BLOCK = 4, 50
"""Trials of an arm in a replicate, and the replicates computed at once."""
LOOKS = (10, 20, 40, 80)
NULLS = ("none", "null 1", "null 2", "null 3", "null 4")


def grow(table: Table, replicates: int, widths: tuple[int, ...], rng: np.random.Generator) -> Studied:
    """Return a study by repeated folds of so many replicates, a multiple of the folds."""
    sizes = [min(BLOCK, replicates - start) for start in range(0, replicates, BLOCK)]
    rows = len(table.target)
    first, *rest = (run_study(table, draw_cuts("kfold", rows, size, rng), widths, TRIALS, rng) for size in sizes)
    for part in rest:
        first = first.extend(part)
    return first


def calls(verdict: Verdict) -> bool:
    """Tell whether some arm is called better or worse."""
    return any(arm.word in DIFFERENT for arm in verdict.arms)


def calls_without_spending(verdict: Verdict) -> bool:
    """Tell the same, had every look all of alpha."""
    return any(arm.p_adjusted <= verdict.rules.alpha and not arm.interval.holds(0.0) for arm in verdict.arms)


def measure(studies: int, seed: int) -> Iterator[Figure]:
    """Yield how often a study of nulls, judged at 10, 20, 40 and 80 replicates, ever calls one different."""
    for place, task in enumerate(Task):
        values: dict[str, list[float]] = defaultdict(list)
        for number in range(studies):
            rng = np.random.default_rng([seed, place, number])
            table = draw_table(task, rng, fresh=1)
            study = grow(table, LOOKS[-1], WIDTHS[task][:1] * len(NULLS), rng)
            for names in (NULLS[:2], NULLS):
                arms = Studied(study.rows[: len(names)], study.tested, study.expected)
                verdicts = [
                    arms.judge(names, Rules(folds=FOLDS, look=look), replicates)
                    for look, replicates in enumerate(LOOKS, start=1)
                ]
                what = f"{task}, nulls {len(names) - 1}: ever called different"
                values[what].append(any(map(calls, verdicts)))
                values[f"{what}, had each look all of alpha"].append(any(map(calls_without_spending, verdicts)))
        for what, found in values.items():
            yield summarise(what, found, high=None if "had" in what else 0.05)
