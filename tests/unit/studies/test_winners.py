"""The winner of a search: the judged figure, then the loss, then the number; bad runs and finalists."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from regbench.studies.winners import choose, list_finalists

Run = tuple[int, float | None, float | None] | tuple[int, float | None, float | None, int, str]


def table(*runs: Run) -> pd.DataFrame:
    """Trials with accuracy and loss, and a repeat and a status where they are not 0 and complete."""
    rows = [(trial, figure, loss, *(rest or [0, "complete"])) for trial, figure, loss, *rest in runs]
    return pd.DataFrame(rows, columns=["trial", "val_accuracy", "val_loss", "repeat", "status"])


def winner(*runs: Run) -> int:
    return choose(table(*runs), "accuracy", higher_is_better=True)


def test_the_best_figure_wins_in_its_own_direction() -> None:
    runs: Sequence[Run] = [(0, 0.8, 0.3), (1, 0.9, 0.5), (2, 0.7, 0.2)]
    assert winner(*runs) == 1
    assert choose(table(*runs), "accuracy", higher_is_better=False) == 2
    assert choose(table(*runs), "loss", higher_is_better=False) == 2
    assert winner(*reversed(runs)) == 1


def test_ties_go_by_loss_and_then_to_the_lowest_number() -> None:
    assert winner((0, 0.9, 0.5), (1, 0.9, 0.4), (2, 0.8, 0.1)) == 1
    assert winner((2, 0.9, 0.4), (1, 0.9, 0.4), (0, 0.8, 0.1)) == 1
    assert winner((0, 0.9, None), (1, 0.9, math.inf), (2, 0.9, 7.0)) == 2


@pytest.mark.parametrize("status", ["diverged", "failed", "missing"])
def test_a_bad_run_never_wins_whatever_its_figure(status: str) -> None:
    assert winner((0, 0.99, 0.01, 0, status), (1, 0.1, 2.0)) == 1
    assert winner((0, 0.5, 0.3, 0, "stopped_early"), (1, 0.4, 2.0)) == 0


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf, None])
def test_a_figure_that_is_not_finite_is_infinitely_bad(figure: float | None) -> None:
    assert winner((0, figure, 0.1), (1, -5.0, 2.0)) == 1


def test_where_all_went_bad_the_first_is_chosen() -> None:
    assert winner((1, None, None), (0, 0.5, 0.5, 0, "diverged"), (2, math.nan, 0.1)) == 0
    with pytest.raises(ValueError, match="no trial"):
        winner()


def test_finalists_are_the_best_by_their_first_runs_without_bad_ones() -> None:
    runs = table((0, 0.7, 0.1), (1, 0.9, 0.1), (2, 0.99, 0.1, 0, "diverged"), (3, 0.8, 0.1), (4, 0.8, 0.05))
    assert list_finalists(runs, "accuracy", True, 3) == [1, 4, 3]
    assert list_finalists(runs, "accuracy", True, 9) == [1, 4, 3, 0]
    again = pd.concat([runs, table((0, 1.0, 0.0, 1, "complete"))])
    assert list_finalists(again, "accuracy", True, 1) == [1]


def test_the_mean_over_three_runs_decides_among_finalists_alone() -> None:
    lucky: list[Run] = [(0, 0.95, 0.1), (1, 0.90, 0.1), (2, 0.89, 0.1)]
    repeats: list[Run] = [
        (0, 0.80, 0.1, 1, "complete"),
        (0, 0.80, 0.1, 2, "complete"),
        (1, 0.88, 0.1, 1, "stopped_early"),
        (1, 0.88, 0.1, 2, "complete"),
    ]
    assert winner(*lucky) == 0
    assert winner(*lucky, *repeats) == 1  # 2 has a better figure than the mean of 1, but was not run again


def test_a_finalist_that_went_bad_once_loses_to_one_that_did_not() -> None:
    runs: list[Run] = [(0, 0.95, 0.1), (1, 0.5, 0.1)]
    repeats: list[Run] = [(n, 0.95 - 0.5 * n, 0.1, k, "complete") for n in (0, 1) for k in (1, 2)]
    assert winner(*runs, *repeats) == 0
    assert winner(*runs, *repeats[1:], (0, 0.99, 0.1, 1, "diverged")) == 1


def test_the_order_of_the_rows_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    figures = rng.integers(0, 4, 24) / 4
    runs = table(*[(place % 8, figures[place], 0.5, place // 8, "complete") for place in range(24)])
    expected = runs.groupby("trial")["val_accuracy"].mean().idxmax()
    assert {choose(runs.sample(frac=1, random_state=k), "accuracy", True) for k in range(10)} == {expected}
