"""Arms over several data sets: which figures have a common unit, ties, and how many data sets a test needs."""

from __future__ import annotations

import numpy as np
import pytest

from regbench.errors import ConfigError
from regbench.evidence.several import signed_rank_p
from regbench.metrics import METRICS
from regbench.studies.contests import Contest, label_contests
from regbench.studies.several import ALPHA, Several, compare_data_sets, count_needed, find_unit


def make(
    data: int, scores: dict[str, list[float]], metric: str = "accuracy", task: str = "classification", best: float = 1.0
) -> Contest:
    return Contest(
        data=f"data {data}",
        metric=METRICS[metric],
        task=task,
        baseline="none",
        names=tuple(scores),
        scores=np.array(list(scores.values())),
        words={},
        rope=0.01,
        chance=0.0,
        best=best,
    )


def compare(metrics: list[str], best: float = 1.0) -> Several:
    """Two arms, of which l2 is better by 0.1 everywhere."""
    scores = {"none": [0.5, 0.6], "l2": [0.6, 0.7]}
    return compare_data_sets([make(place, scores, metric, best=best) for place, metric in enumerate(metrics)], None)


@pytest.mark.parametrize("arms", [2, 3, 5, 13])
def test_fewer_data_sets_than_needed_cannot_tell_a_pair_apart(arms: int) -> None:
    pairs, needed = arms * (arms - 1) / 2, count_needed(arms)
    assert pairs * signed_rank_p(np.arange(1.0, needed + 1)) <= ALPHA
    assert pairs * signed_rank_p(np.arange(1.0, needed)) > ALPHA


def test_differences_are_compared_in_a_common_unit_alone() -> None:
    assert find_unit(compare(["accuracy"] * 5).contests) == METRICS["accuracy"]
    assert compare(["accuracy"] * 6).tests.pairs is not None  # type: ignore[union-attr]
    for metrics, said in ((["accuracy", *["r2"] * 4], "no common unit"), (["mse"] * 5, "another unit on each")):
        several = compare(metrics)
        assert several.tests is not None
        assert several.tests.pairs is None
        assert any(said in note for note in several.notes)
    scores = {"none": [0.5], "l2": [0.6]}
    assert find_unit([make(0, scores, "loss"), make(1, scores, "loss", "regression")]) is None


def test_means_of_the_same_shares_tie_in_whatever_order_they_are_summed() -> None:
    shares = [0.1, 0.2, 0.3]
    scores = {"none": shares, "l2": shares[::-1], "ema": [share - 0.01 for share in shares]}
    assert sum(shares) != sum(shares[::-1])
    several = compare_data_sets([make(0, scores), make(1, scores)], None)
    assert several.names == ("none", "l2", "ema")
    assert several.ranks.tolist() == [1.5, 1.5, 3.0]


def test_lower_figures_are_shown_as_they_are_and_ranked_the_other_way() -> None:
    contest = make(0, {"none": [-0.4, -0.2], "l2": [-0.1, -0.1]}, "brier")
    several = compare_data_sets([contest, contest], None)
    assert several.names == ("l2", "none")
    assert several.figures == pytest.approx(np.array([[0.1, 0.3]] * 2))


def test_scores_on_one_scale_are_of_the_data_sets_that_have_it() -> None:
    scores = {"none": [0.5, 0.6], "l2": [0.6, 0.7]}
    contests = [make(place, scores, best=0.65) for place in range(5)] + [make(5, scores, best=-1.0)]
    normalised = compare_data_sets(contests, None).normalised
    assert normalised is not None
    assert normalised.data == tuple(f"data {place}" for place in range(5))
    assert normalised.means[0].value == pytest.approx(1.0)
    assert normalised.profile.tolist() == [[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]]
    assert compare_data_sets(contests[1:], None).normalised is None


def test_the_chance_to_beat_the_baseline_counts_ties_half() -> None:
    tests = compare(["accuracy"] * 5).tests
    assert tests is not None
    assert tests.improvement.tolist() == [0.875, 0.5]
    assert tests.differ is None


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ConfigError, match="no arm besides none is in all 2 data sets"):
        compare_data_sets([make(0, {"none": [0.1], "l2": [0.2]}), make(1, {"none": [0.1], "l1": [0.2]})], None)


def test_a_data_set_is_called_by_the_first_name_that_tells_all_apart() -> None:
    assert label_contests([["a", "x", "1"], ["b", "x", "2"]]) == ["a", "b"]
    assert label_contests([["a", "x", "1"], ["a", "x", "2"]]) == ["1", "2"]
    assert label_contests([["a", "x", "1"], ["a", "y", "2"], ["c", "z", "3"]]) == ["x", "y", "c"]
    assert label_contests([["a", "x", "1"], ["a", "c", "2"], ["c", "z", "3"]]) == ["1", "2", "3"], "c would be two"
