"""Verdicts by fold: closed forms, and how often an interval holds a difference of 0 between rows that err together."""

from __future__ import annotations

import numpy as np
import pytest

from regbench.evidence.arrays import Floats
from regbench.evidence.intervals import measure_difference
from regbench.evidence.verdict import RowScores, Rules, judge
from regbench.evidence.words import Needs, Word
from regbench.studies.by_fold import average_folds, judge_scores
from regbench.studies.study_scores import Scores

NAMES = ("none", "arm")
FOLDS, ROWS = 10, 12


def score(differences: Floats) -> Scores:
    """Scores of two arms that differ so, `[R]`, each replicate testing the 12 rows of its fold."""
    replicates = len(differences)
    tested = np.zeros((replicates, FOLDS * ROWS), dtype=bool)
    for replicate in range(replicates):
        tested[replicate, (replicate % FOLDS) * ROWS + np.arange(ROWS)] = True
    values = [np.zeros(tested.shape), np.where(tested, differences[:, None], 0.0)]
    matrix = np.stack([np.zeros(replicates), differences])
    return Scores(NAMES, tuple(range(replicates)), matrix, RowScores(values, tested), {})


def test_a_fold_that_is_tested_again_is_one_observation() -> None:
    rng = np.random.default_rng(0)
    differences = 0.01 + 0.02 * rng.normal(size=2 * FOLDS)
    averaged, verdict = judge_scores(score(differences), NAMES, "none", Rules(), ("forward", FOLDS))
    means = differences.reshape(2, FOLDS).mean(0)
    interval, expected = verdict.arms[0].interval, measure_difference(means).interval()
    assert averaged.matrix[1] == pytest.approx(means)
    assert (interval.low, interval.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert verdict.replicates == 2 * FOLDS


def test_the_same_replicates_again_decide_nothing() -> None:
    differences = 0.01 + 0.02 * np.random.default_rng(0).normal(size=FOLDS)
    once, again = (
        judge_scores(score(np.tile(differences, times)), NAMES, "none", Rules(), ("forward", FOLDS))[1].arms[0]
        for times in (1, 4)
    )
    for name in ("low", "high"):
        assert getattr(again.interval, name) == pytest.approx(getattr(once.interval, name))
        assert getattr(again.wins.interval, name) == getattr(once.wins.interval, name)
    assert (again.word, again.needs, again.wins.count) == (once.word, once.needs, 4 * once.wins.count)


def test_what_would_decide_is_rows_and_never_replicates() -> None:
    differences = 0.02 + 0.06 * np.random.default_rng(2).normal(size=2 * FOLDS)
    scores = score(differences)
    arm = judge_scores(scores, NAMES, "none", Rules(), ("forward", FOLDS))[1].arms[0]
    plain = judge(average_folds(scores, FOLDS).matrix, NAMES, "none").arms[0]
    assert arm.word is plain.word is Word.UNDECIDED
    assert plain.needs is not None
    assert plain.needs.replicates is not None
    assert arm.needs == Needs(rows=(FOLDS + plain.needs.replicates) * ROWS)


def test_other_cuts_are_judged_by_replicate_and_row() -> None:
    scores = score(np.random.default_rng(0).normal(size=2 * FOLDS))
    same, verdict = judge_scores(scores, NAMES, "none", Rules(), ("kfold", FOLDS))
    assert same is scores
    assert verdict == judge(scores.matrix, NAMES, "none", Rules(folds=FOLDS), scores.rows)


@pytest.mark.parametrize("partitions", [1, 4])
def test_intervals_hold_0_where_neighbouring_rows_err_together(partitions: int) -> None:
    # An autoregression that forgets within 3 of a fold's 12 rows; counted as replicates, 40 hold 0 in about two thirds.
    rng, held, kept = np.random.default_rng(0), 0, np.exp(-1 / 3)
    for _ in range(400):
        rows = rng.normal(size=FOLDS * ROWS)
        rows[1:] *= np.sqrt(1 - kept**2)
        for place in range(1, len(rows)):
            rows[place] += kept * rows[place - 1]
        folds = np.tile(rows.reshape(FOLDS, ROWS).mean(1), partitions)
        scores = score(folds + 0.3 * rng.normal(size=len(folds)))
        held += measure_difference(average_folds(scores, FOLDS).matrix[1]).interval().holds(0.0)
    assert 0.88 <= held / 400 <= 0.98
