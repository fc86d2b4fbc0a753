"""Simulator of whole studies: how often one calls an arm different that is not, and whether its intervals hold.

Null arms are the baseline with other points and seeds; planted arms have more features than the baseline.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.evidence.figures import Figure, summarise
from benchmarks.evidence.readouts import Studied, run_study
from benchmarks.evidence.tables import FOLDS, Cuts, Task, draw_cuts, draw_table, estimate_truth
from regbench.evidence.verdict import Rules, Verdict
from regbench.evidence.words import Word

WIDTHS = {Task.CLASSIFICATION: (32, 48, 80), Task.REGRESSION: (40, 44, 56)}
"""Features of the baseline and of the planted arms: about 1.5 and 2 points of accuracy, .02 and .04 of R2."""
OTHERS = 10
"""Further replicates that only say what is true of the planted arms."""
DIFFERENT = (Word.BETTER, Word.WORSE)


@dataclass(frozen=True)
class Layout:
    """How a study is made, and the share of the studies asked for that are made so."""

    name: str
    method: str
    rows: int
    replicates: int
    trials: int
    nulls: int
    planted: bool
    share: float

    @property
    def names(self) -> tuple[str, ...]:
        """The arms, the baseline first."""
        planted = ("planted 1", "planted 2") if self.planted else ()
        return ("none", *planted, *(f"null {number}" for number in range(1, self.nulls + 1)))


LAYOUTS = (
    Layout("2 x 5 folds, 4 trials, 20 nulls", "kfold", 400, 10, 4, 20, False, 1.0),
    Layout("4 x 5 folds, 8 trials, 18 nulls", "kfold", 400, 20, 8, 18, True, 0.4),
    Layout("locked, 300 rows tested, 8 nulls", "locked", 1500, 20, 4, 8, True, 0.12),
)


def simulate(task: Task, layout: Layout, seed: list[int]) -> tuple[Verdict, dict[str, float]]:
    """Return the verdict of one study, and the true differences of its arms."""
    rng = np.random.default_rng(seed)
    table = draw_table(task, rng, layout.rows)
    count = layout.replicates + (OTHERS if layout.planted else 0)
    cuts = draw_cuts(layout.method, layout.rows, count, rng)
    base, *more = WIDTHS[task]
    known = run_study(table, cuts, (base, *more) if layout.planted else (base,), layout.trials, rng)
    first = slice(layout.replicates)
    judged = Cuts(cuts.train[:, first], cuts.val[:, first], cuts.test[first])
    nulls = run_study(table, judged, (base,) * layout.nulls, layout.trials, rng)
    study = Studied(np.concatenate([known.rows[:, first], nulls.rows]), nulls.tested, nulls.expected)
    truths = dict.fromkeys(layout.names[1:], 0.0)
    for name, own in zip(layout.names[1:], (known.expected - known.expected[0])[1:], strict=False):
        truths[name] = estimate_truth(own[first], own[layout.replicates :])
    return study.judge(layout.names, Rules(folds=FOLDS if layout.method == "kfold" else 1)), truths


def measure_layout(task: Task, layout: Layout, studies: int, seed: list[int]) -> Iterator[Figure]:
    """Yield the figures of one layout."""
    values: dict[str, list[float]] = defaultdict(list)
    for number in range(studies):
        verdict, truths = simulate(task, layout, [*seed, number])
        nulls = [arm for arm in verdict.arms if arm.name.startswith("null")]
        planted = [arm for arm in verdict.arms if arm.name.startswith("planted")]
        values["called"].append(any(arm.word in DIFFERENT for arm in nulls))
        values["p"].append(min(arm.p_adjusted for arm in nulls) <= 0.05)
        values["bare"].append(any(not arm.interval.holds(0.0) for arm in nulls))
        values["missed"].append(float(np.mean([not arm.interval.holds(0.0) for arm in nulls])))
        values["together"].append(all(arm.together.holds(truths[arm.name]) for arm in verdict.arms))
        if planted:
            values["covered"].append(float(np.mean([arm.interval.holds(truths[arm.name]) for arm in planted])))
            values["found"].append(float(np.mean([arm.word is Word.BETTER for arm in planted])))
    what = f"{task}, {layout.name}"
    yield summarise(f"{what}: some null called different", values["called"], high=0.05)
    yield summarise(f"{what}: an interval misses a null's 0", values["missed"], high=0.05)
    yield summarise(f"{what}: together, intervals hold", values["together"], low=0.94)
    if layout.planted:
        yield summarise(f"{what}: planted arms' intervals hold", values["covered"], 0.91, 0.98)
        yield summarise(f"{what}: planted arms called better", values["found"])
    yield summarise(f"{what}: some null has p <= .05", values["p"])
    yield summarise(f"{what}: some null's own interval misses 0", values["bare"])


def measure(studies: int, seed: int) -> Iterator[Figure]:
    """Yield the figures of all layouts; of the first, `studies` studies a task are made."""
    for place, layout in enumerate(LAYOUTS):
        for number, task in enumerate(Task):
            yield from measure_layout(task, layout, max(2, round(studies * layout.share)), [seed, place, number])
