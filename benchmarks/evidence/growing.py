"""Simulator of studies that grow: whether looking again finds what is not there, and whether N decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from benchmarks.evidence.false_alarms import DIFFERENT, WIDTHS
from benchmarks.evidence.figures import Figure, summarise
from benchmarks.evidence.readouts import Studied, run_study
from benchmarks.evidence.tables import FOLDS, Table, Task, draw_cuts, draw_table
from regbench.evidence.verdict import Rules, Verdict
from regbench.evidence.words import Word

TRIALS, BLOCK = 4, 50
"""Trials of an arm in a replicate, and the replicates computed at once."""
LOOKS = (10, 20, 40, 80)
NULLS = ("none", "null 1", "null 2", "null 3", "null 4")
ARMS = ("none", "null", "small", "large")
ROWS, MOST = 1000, 400
"""Rows of the tables of undecided comparisons, and the largest N that is tried."""


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


def measure_looks(studies: int, seed: int) -> Iterator[Figure]:
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
                what = f"{task}, {len(names) - 1} nulls: ever called different"
                values[what].append(any(map(calls, verdicts)))
                values[f"{what}, had each look all of alpha"].append(any(map(calls_without_spending, verdicts)))
        for what, found in values.items():
            yield summarise(what, found, high=None if "had" in what else 0.05)


def measure_needs(comparisons: int, seed: int) -> Iterator[Figure]:
    """Yield, of undecided comparisons extended by the N named, the share then decided."""
    for place, task in enumerate(Task):
        decided: list[float] = []
        named: list[float] = []
        rows_named: list[float] = []
        number = 0
        while len(decided) < comparisons:
            rng = np.random.default_rng([seed, place, number])
            number += 1
            table = draw_table(task, rng, rows=ROWS, fresh=1)
            widths = (WIDTHS[task][0], *WIDTHS[task])
            study = grow(table, LOOKS[0], widths, rng)
            undecided = [arm for arm in study.judge(ARMS, Rules(folds=FOLDS)).arms if arm.needs is not None]
            needs = {arm.name: arm.needs.replicates or MOST + 1 for arm in undecided if arm.needs}
            rows_named += [arm.needs.replicates is None for arm in undecided if arm.needs]
            named += [need <= MOST for need in needs.values()]
            within = {name: need for name, need in needs.items() if need <= MOST}
            if not within:
                continue
            study = study.extend(grow(table, max(within.values()), widths, rng))
            for name, need in within.items():
                verdict = study.judge(ARMS, Rules(folds=FOLDS, look=2), LOOKS[0] + need)
                decided.append(verdict.arm(name).word is not Word.UNDECIDED)
        yield summarise(f"{task}: undecided comparisons decided by the N named", decided, 0.70, 0.95)
        yield summarise(f"{task}: undecided comparisons with an N of at most {MOST}", named)
        yield summarise(f"{task}: undecided comparisons that only rows decide", rows_named)
