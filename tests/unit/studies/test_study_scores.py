"""Scores of a study: what stands for a run without finite outputs."""

from __future__ import annotations

import numpy as np

from regbench.studies.study_scores import fill_worst


def test_a_score_that_is_missing_is_the_worst_of_its_replicate() -> None:
    matrix = np.array([[0.9, np.nan, 0.7], [0.8, np.nan, np.nan], [0.85, np.nan, 0.5]])
    np.testing.assert_array_equal(fill_worst(matrix), [[0.9, 0.5, 0.7], [0.8, 0.5, 0.5], [0.85, 0.5, 0.5]])
    np.testing.assert_array_equal(fill_worst(matrix[:, :1]), matrix[:, :1])
