"""The winner of an arm's search in one replicate: which of its trials is chosen, by validation figures alone.

A run that diverged, failed or has no finite figure is infinitely bad. With finalists, the best few trials are run
again, and the mean over a trial's runs decides among them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from regbench.metrics import LOSS
from regbench.statuses import RunState

GOOD = (RunState.COMPLETE, RunState.STOPPED_EARLY)


@dataclass(frozen=True, order=True)
class Rank:
    """How good a trial is, the least is best: runs that went bad, mean figure (smaller is better), mean loss, number.

    Means are over the runs that did not go bad, and infinite where none is left.
    """

    bad: int
    figure: float
    loss: float
    trial: int


def rank_winner(trials: pd.DataFrame, metric: str, higher_is_better: bool) -> Rank:
    """Return how good the trial is that wins: `choose` says which it is, of the same arguments.

    Raises:
        ValueError: there is no trial.
    """
    again = trials.loc[trials["repeat"] > 0, "trial"]
    candidates = trials[trials["trial"].isin(again)] if len(again) else trials
    ranks = _rank_trials(candidates, metric, higher_is_better)
    if not ranks:
        raise ValueError("there is no trial to choose from")
    return ranks[0]


def choose(trials: pd.DataFrame, metric: str, higher_is_better: bool) -> int:
    """Return the number of the trial that wins: ties go by validation loss, then to the lowest number.

    If every trial went bad, that is the lowest number, 0.

    Args:
        trials: the runs of one arm and replicate: columns trial, repeat, status, `val_<metric>`, val_loss. If some are
            repeats (repeat > 0), only the trials that were run again can win.
        metric: the judged figure without its part (`accuracy`), or `loss`.
        higher_is_better: its direction.

    Raises:
        ValueError: there is no trial.
    """
    return rank_winner(trials, metric, higher_is_better).trial


def list_finalists(trials: pd.DataFrame, metric: str, higher_is_better: bool, count: int) -> list[int]:
    """Return the numbers of the best trials by their first run, best first: `count`, or fewer if others went bad.

    Args as of `choose`.
    """
    first = trials[trials["repeat"] == 0]
    ranks = _rank_trials(first, metric, higher_is_better)
    return [rank.trial for rank in ranks if rank.bad == 0][:count]


def _rank_trials(trials: pd.DataFrame, metric: str, higher_is_better: bool) -> list[Rank]:
    """Return the ranks of trials, best first."""
    sign = -1.0 if higher_is_better else 1.0
    runs: dict[int, list[tuple[float, float]]] = {}
    columns = ("trial", "status", f"val_{metric}", f"val_{LOSS.name}")
    for trial, status, figure, loss in zip(*(trials[column].tolist() for column in columns), strict=True):
        good = status in GOOD and math.isfinite(_number(figure))
        values = (sign * _number(figure), _number(loss)) if good else (math.inf, math.inf)
        runs.setdefault(int(trial), []).append(values)
    return sorted(_rank_trial(trial, values) for trial, values in runs.items())


def _rank_trial(trial: int, runs: list[tuple[float, float]]) -> Rank:
    good = [(figure, loss) for figure, loss in runs if math.isfinite(figure)]
    figure = sum(figure for figure, _ in good) / len(good) if good else math.inf
    loss = sum(loss for _, loss in good) / len(good) if good else math.inf
    return Rank(len(runs) - len(good), figure, loss, trial)


def _number(value: object) -> float:
    """Return a figure of a table; a missing one, and a loss that is not finite, are infinite."""
    number = float(value) if isinstance(value, int | float) else math.inf
    return number if math.isfinite(number) else math.inf
