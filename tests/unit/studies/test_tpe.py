"""Generations by TPE: functions of the seed and the history, in the range, and drawn to what was good."""

from __future__ import annotations

import builtins
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from regbench.errors import ConfigError
from regbench.evidence.arrays import Floats
from regbench.studies.points import draw_points
from regbench.studies.spaces import LR, Coordinate, Space
from regbench.studies.tpe import History, check_tpe, propose, seed_generation

SPACE = Space((Coordinate(LR, 1e-4, 0.1, log=True), Coordinate("regularizer.dropout.rate", 0.05, 0.8, log=False)))
PEAK = np.array([0.2, 0.7])


def score(points: Floats) -> Floats:
    values: Floats = -np.square(points - PEAK).sum(axis=1)
    return values


def history(count: int = 16) -> History:
    points = draw_points(0, 2, 0, count)
    return History(points, score(points))


def test_seeds_are_functions_of_where_a_generation_stands() -> None:
    seeds = [seed_generation(*where) for where in ((0, "l2", 1, 1), (1, "l2", 1, 1), (0, "l1", 1, 1), (0, "l2", 2, 1))]
    assert len({*seeds, seed_generation(0, "l2", 1, 2)}) == 5
    assert seeds[0] == seed_generation(0, "l2", 1, 1)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_without_optuna_it_is_refused_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> ModuleType:
        if name.partition(".")[0] == "optuna":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"pip install 'regbench\[tpe\]'"):
        check_tpe()


def test_the_same_history_and_seed_give_the_same_points_and_other_seeds_others() -> None:
    pytest.importorskip("optuna")
    first, again, other = (propose(SPACE, history(), 8, seed) for seed in (1, 1, 2))
    assert first.shape == (8, 2)
    assert (first == again).all()
    assert not (first == other).any()
    assert first.min() >= 0.0
    assert first.max() <= 1.0


def test_a_generation_lies_nearer_to_the_best_than_chance_and_its_points_lie_apart() -> None:
    pytest.importorskip("optuna")
    points = np.concatenate([propose(SPACE, history(32), 16, seed) for seed in range(5)])
    chance = np.square(np.random.default_rng(0).random((4000, 2)) - PEAK).sum(axis=1).mean()
    assert -score(points).mean() < 0.7 * chance
    one = propose(SPACE, history(32), 16, 0)
    apart = np.abs(one[:, None] - one[None]).max(axis=2) + np.eye(16)
    assert apart.min() > 1e-4


def test_trials_without_a_finite_figure_count_as_the_worst() -> None:
    pytest.importorskip("optuna")
    tried = history(32)
    bad = tried.points[:, 0] < 0.5  # where the peak is
    values = np.where(bad, [np.nan, np.inf] * 16, tried.values)
    points = np.concatenate([propose(SPACE, History(tried.points, values), 16, seed) for seed in range(3)])
    assert (points[:, 0] < 0.5).mean() < 0.4


def test_a_search_may_begin_with_it(capfd: pytest.CaptureFixture[str]) -> None:
    optuna = pytest.importorskip("optuna")
    level = optuna.logging.get_verbosity()
    assert propose(SPACE, History(np.zeros((0, 2)), np.zeros(0)), 4, 0).shape == (4, 2)
    assert optuna.logging.get_verbosity() == level
    assert capfd.readouterr() == ("", "")  # it writes a line for each study unless told not to
