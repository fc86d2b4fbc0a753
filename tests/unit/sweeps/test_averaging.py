"""Means over folds, split seeds and seeds: hand-computed figures, and what must never be averaged."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.runs.provenance import Origin
from regbench.sweeps.averaging import CUT_SEED, FOLD, VAL_SEED, Draw, average, compare_rows, describe_draws, find_draw
from regbench.sweeps.ranking import MEANS, SeedGroup, rank
from regbench.sweeps.run_status import RunStatus
from tests.unit.sweeps.folders import make_status, result

ROWS = {"train": 60, "val": 20, "test": 20}
FIGURES = st.floats(min_value=-1e3, max_value=1e3)


def run(val: float, test: float = 0.0, *, rows: Mapping[str, int] | None = ROWS, **values: Any) -> RunStatus:
    """A run with these figures and these settings; `fold`, `cut` and `seed` are short for their keys."""
    keys = {"fold": FOLD, "cut": CUT_SEED}
    content = result(val, test)
    return make_status(
        {"regularizer": "l2", **{keys.get(key, key): value for key, value in values.items()}},
        content if rows is None else {**content, "rows": dict(rows)},
    )


def of_data(status: RunStatus, rows: str, parts: str) -> RunStatus:
    return replace(status, origin=Origin(data_checksum=parts * 64, rows_checksum=rows * 64))


def draw(cut_seed: int = 0, fold: int = 0, seed: int = 0) -> Draw:
    return Draw(cut_seed, fold, seed)


def test_five_folds_by_hand() -> None:
    figures = [0.8, 0.9, 0.7, 0.8, 0.8]  # mean 0.8, s² = (0.01 + 0.01)/4 = 0.005
    (group,) = rank([run(0.5, figure, fold=fold, seed=0) for fold, figure in enumerate(figures)])
    assert group.test is not None
    assert group.test.mean == pytest.approx(0.8)
    assert group.test.error == pytest.approx(math.sqrt((1 / 5 + 1 / 4) * 0.005)), "k folds have a ratio of 1/(k - 1)"
    assert group.over == "5 folds"


def test_seeds_are_averaged_within_a_split_first() -> None:
    # Three seeds of fold 0 and one of fold 1: each fold counts once, so the mean is 0.6 and not 0.5.
    figures = {(0, 0): 0.3, (0, 1): 0.4, (0, 2): 0.5, (1, 0): 0.8}
    (group,) = rank([run(figure, fold=fold, seed=seed) for (fold, seed), figure in figures.items()])
    assert group.mean == pytest.approx(0.6)
    # Means 0.4 and 0.8: s² = 0.08; validation rows over training rows are 20/60.
    assert group.error == pytest.approx(math.sqrt((1 / 2 + 1 / 3) * 0.08))
    assert group.over == "4 of 2 folds x 3 seeds"


@given(st.lists(FIGURES, min_size=2, max_size=6), st.floats(0.0, 2.0))
def test_the_error_over_cuts_is_the_corrected_one(figures: list[float], ratio: float) -> None:
    score = average([(draw(cut_seed=place), figure) for place, figure in enumerate(figures)], ratio)
    assert score is not None
    assert score.mean == pytest.approx(statistics.fmean(figures), abs=1e-9)
    expected = math.sqrt((1 / len(figures) + ratio) * statistics.variance(figures))
    assert score.error == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.lists(FIGURES, min_size=2, max_size=6), st.floats(0.0, 2.0))
def test_the_error_over_seeds_alone_is_not_corrected(figures: list[float], ratio: float) -> None:
    score = average([(draw(seed=place), figure) for place, figure in enumerate(figures)], ratio)
    assert score is not None
    expected = statistics.stdev(figures) / math.sqrt(len(figures))
    assert score.error == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_without_row_counts_the_error_over_cuts_is_not_known() -> None:
    (group,) = rank([run(0.5, rows=None, fold=fold, seed=0) for fold in range(2)])
    assert (group.mean, group.error) == (0.5, None)
    assert average([], 0.5) is None


def test_the_ratio_is_of_rows_measured_on_to_rows_chosen_by() -> None:
    assert compare_rows([ROWS], "val") == pytest.approx(20 / 60)
    assert compare_rows([ROWS], "test") == pytest.approx(20 / 80)
    assert compare_rows([ROWS, {"train": 40, "val": 0, "test": 10}], "test") == pytest.approx(30 / 120)
    assert compare_rows([ROWS, {}], "test") is None


@pytest.mark.parametrize(
    ("draws", "words"),
    [
        ([draw(seed=seed) for seed in range(3)], ""),
        ([draw(fold=fold) for fold in range(5)], "5 folds"),
        ([draw(fold=f, seed=s) for f, s in itertools.product(range(5), range(3))], "5 folds x 3 seeds"),
        ([draw(c, f, s) for c, f, s in itertools.product(range(2), repeat=3)], "2 split seeds x 2 folds x 2 seeds"),
        ([draw(fold=0), draw(fold=1), draw(fold=1, seed=1)], "3 of 2 folds x 2 seeds"),
    ],
)
def test_what_a_mean_is_over_is_said(draws: Sequence[Draw], words: str) -> None:
    assert describe_draws(draws) == words


def test_the_sentence_of_the_table_names_the_correction() -> None:
    assert "5 folds x 3 seeds" in MEANS.format(over="5 folds x 3 seeds")
    assert "Nadeau and Bengio 2003" in MEANS


def names(groups: Sequence[SeedGroup]) -> list[object]:
    return [group.values["regularizer"] for group in groups]


def test_runs_that_differ_in_seeds_and_folds_are_one_row() -> None:
    places = itertools.product((0, 1), range(3), range(2))
    runs = [
        run(0.5 + 0.1 * (name == "l2"), cut=cut, fold=fold, seed=seed, regularizer=name)
        for (cut, fold, seed), name in itertools.product(places, ("l1", "l2"))
    ]
    groups = rank(runs)
    assert names(groups) == ["l2", "l1"]
    assert [group.runs for group in groups] == [12, 12]
    assert {group.data for group in groups} == {()}
    assert all(FOLD not in group.values and CUT_SEED not in group.values for group in groups)


def test_runs_of_several_validation_seeds_are_one_row() -> None:
    own: list[Mapping[str, Any]] = [{}, {VAL_SEED: 1}, {VAL_SEED: 2}]
    runs = [run(figure, seed=0, **values) for figure, values in zip((0.3, 0.6, 0.9), own, strict=True)]
    (group,) = rank(runs)
    assert (group.mean, group.over) == (pytest.approx(0.6), "3 validation seeds")
    assert find_draw(run(0.5, **{VAL_SEED: None}).run) == find_draw(run(0.5).run), "null draws with the split's seed"


def test_a_split_seed_that_all_runs_share_stays_a_setting() -> None:
    (group,) = rank([run(0.5, cut=7, fold=fold) for fold in range(3)])
    assert group.values[CUT_SEED] == 7


def test_groups_are_compared_on_the_splits_and_seeds_that_all_have() -> None:
    lucky = [run(0.93, fold=0, seed=0, regularizer="l1")]
    steady = [run(0.94 if (f, s) == (0, 0) else 0.8, fold=f, seed=s) for f in range(3) for s in range(2)]
    groups = rank([*lucky, *steady])
    assert names(groups) == ["l2", "l1"], "on the one run that both have, l2 is better"
    assert [group.compared for group in groups] == [1, None]
    same_seed_other_fold = rank([run(0.9, fold=0, seed=0, regularizer="l1"), run(0.8, fold=1, seed=0)])
    assert [group.compared for group in same_seed_other_fold] == [None, None], "they have nothing in common"


def test_folds_of_the_same_rows_are_the_same_data() -> None:
    runs = [of_data(run(0.5, fold=fold, seed=seed), "r", f"{fold}") for fold in range(3) for seed in range(2)]
    (group,) = rank(runs)
    assert (group.checksum, group.runs) == (None, 6)


def test_folds_of_other_rows_are_not_averaged() -> None:
    runs = [of_data(run(0.5, fold=fold), "ab"[fold > 0], f"{fold}") for fold in range(3)]
    assert [(group.checksum, group.runs) for group in rank(runs)] == [("a" * 10, 1), ("b" * 10, 2)]


def test_a_fold_that_was_prepared_in_two_ways_is_not_averaged() -> None:
    runs = [of_data(run(0.5, fold=0, seed=seed), "r", f"{seed}") for seed in range(2)]
    runs.append(of_data(run(0.5, fold=1), "r", "2"))
    assert [group.checksum for group in rank(runs)] == ["0" * 10, "1" * 10, "2" * 10]


def test_folds_of_other_data_sets_and_other_numbers_of_folds_stay_apart() -> None:
    runs = [
        run(0.5, fold=fold, **{"dataset.name": name, "dataset.split.folds": folds})
        for name, folds, fold in itertools.product(("iris", "wine"), (3, 5), range(3))
    ]
    assert [group.runs for group in rank(runs)] == [3, 3, 3, 3]
