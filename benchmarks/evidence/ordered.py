"""Folds in the order of time: whether intervals hold a difference of 0 where neighbouring rows err together.

Two arms differ on a row by what lasts (an autoregression over time), by what one fresh run adds to the row, and by what
it adds to all its rows. No network is trained: what is asked is which of these a study must count how often.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.evidence.figures import Figure, summarise
from regbench.evidence.arrays import Booleans, Floats
from regbench.evidence.intervals import describe_rows, measure_difference
from regbench.evidence.verdict import RowScores
from regbench.studies.by_fold import average_folds
from regbench.studies.study_scores import Scores

FOLDS, ROWS, PARTITIONS = 10, 12, (1, 2, 4)
LENGTHS = (0, 3, 10)
"""Rows after which 1/e of what neighbours have in common is left; 0: nothing is in common."""
LASTING, OF_A_RUN = 0.5, 0.01
"""Shares of the variance of a row's difference: what lasts, and what a fresh run adds to all its rows."""


def draw_scores(length: int, partitions: int, rng: np.random.Generator) -> Scores:
    """Return the scores of a baseline and of an arm that is truly as good."""
    from scipy.signal import lfilter

    kept = np.exp(-1 / length) if length else 0.0
    noise = rng.normal(size=(FOLDS + 30) * ROWS)
    lasting = lfilter([np.sqrt(1 - kept**2)], [1, -kept], noise)[-FOLDS * ROWS :]
    tested: Booleans = np.kron(np.tile(np.eye(FOLDS, dtype=bool), (partitions, 1)), np.ones(ROWS, dtype=bool))
    shares = np.sqrt([LASTING, 1 - LASTING, OF_A_RUN])
    rows = (
        shares[0] * lasting + shares[1] * rng.normal(size=tested.shape) + shares[2] * rng.normal(size=(len(tested), 1))
    )
    values: Floats = np.where(tested, rows, 0.0)
    both = np.stack([np.zeros_like(values), values])
    replicates = tuple(range(len(tested)))
    return Scores(("none", "arm"), replicates, both.sum(axis=2) / ROWS, RowScores(both, tested), {})


def hold(scores: Scores) -> tuple[bool, bool]:
    """Tell whether the interval holds 0 where each fold counts once, and where each replicate does, as at random."""
    assert scores.rows is not None
    by_fold = measure_difference(average_folds(scores, FOLDS).matrix[1])
    by_replicate = measure_difference(scores.matrix[1], scores.rows.scores[1], describe_rows(scores.rows.tested))
    return by_fold.interval().holds(0.0), by_replicate.interval().holds(0.0)


def measure(studies: int, seed: int) -> Iterator[Figure]:
    """Yield how often intervals hold 0, by fold and by replicate."""
    for place, length in enumerate(LENGTHS):
        for partitions in PARTITIONS:
            rng = np.random.default_rng([seed, place, partitions])
            found = np.array([hold(draw_scores(length, partitions, rng)) for _ in range(studies)], dtype=float)
            what = f"rows err together over {length}, R = {partitions * FOLDS}"
            bounds = (0.93, 0.97) if length == 0 else (None, None)
            yield summarise(f"{what}: holds 0, by fold", found[:, 0].tolist(), *bounds)
            yield summarise(f"{what}: holds 0, had each replicate counted", found[:, 1].tolist())
