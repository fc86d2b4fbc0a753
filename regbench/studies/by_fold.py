"""The verdict of a study whose folds follow each other in time: each fold counts once, however often it is tested.

Rows that follow each other err together, so that rows tested again say far less than new ones. The mean of a fold over
its replicates is one observation: differences of folds hold the luck of search and seeds, and whatever neighbouring
rows have in common within a fold (batch means).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.evidence.effects import count_wins
from regbench.evidence.verdict import ArmVerdict, Rules, Verdict, judge
from regbench.evidence.words import Needs
from regbench.studies.cuts import FORWARD, count_block
from regbench.studies.study_scores import Scores


def judge_scores(
    scores: Scores, names: Sequence[str], baseline: str, rules: Rules, cut: tuple[str, int]
) -> tuple[Scores, Verdict]:
    """Return the scores as they are compared, `[A, R]` or by fold `[A, K]`, and the verdict on the named arms.

    Args:
        scores: of all arms, and of what is not judged.
        names: the arms.
        baseline: one of them.
        rules: how they are judged.
        cut: its method and the number of folds.

    Raises:
        ValueError: as `regbench.evidence.verdict.judge`.
    """
    method, folds = cut
    if method != FORWARD:
        family = scores.take(names)
        return scores, judge(family.matrix, names, baseline, replace(rules, folds=count_block(*cut)), family.rows)
    averaged = average_folds(scores, folds)
    verdict = judge(averaged.take(names).matrix, names, baseline, rules)
    arms = tuple(_restate(arm, scores, scores.of(baseline), verdict.replicates) for arm in verdict.arms)
    return averaged, replace(verdict, replicates=len(scores.replicates), arms=arms)


def average_folds(scores: Scores, folds: int) -> Scores:
    """Return the mean scores `[A, K]` of the folds that are tested, in their order; values of rows are dropped."""
    fold = np.array(scores.replicates) % folds
    columns = [scores.matrix[:, fold == number].mean(axis=1) for number in np.unique(fold)]
    return replace(scores, matrix=np.stack(columns, axis=1), rows=None)


def _restate(arm: ArmVerdict, scores: Scores, baseline: Floats, folds: int) -> ArmVerdict:
    """Return what is said of an arm with its wins counted in replicates, and what it needs in rows."""
    each = 0.0 if scores.rows is None else float(scores.rows.tested.any(0).sum()) / folds
    wins = replace(count_wins(scores.of(arm.name) - baseline), interval=arm.wins.interval)
    return replace(arm, wins=wins, needs=_need_rows(arm.needs, folds, each))


def _need_rows(needs: Needs | None, folds: int, each: float) -> Needs | None:
    """Return what would decide an arm in rows to test, of `each` a fold: further replicates bring no new fold."""
    if needs is None or needs.replicates is None or each == 0:
        return None if needs is None else Needs()
    return Needs(rows=math.ceil((folds + needs.replicates) * each))
