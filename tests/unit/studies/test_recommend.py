"""The settings recommended: regret on known surfaces, edges, curves, bad and constant figures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from regbench.evidence.arrays import Floats, Integers
from regbench.studies.points import draw_points
from regbench.studies.recommend import PLACES, recommend

TRIALS = 8


class Search(NamedTuple):
    """Tried points, the figures seen and the true ones of a quadratic whose peak is `peak`, and replicates."""

    points: Floats
    seen: Floats
    true: Floats
    replicate: Integers
    peak: Floats


def search(seed: int, count: int = 80, dims: int = 2, noise: float = 0.3) -> Search:
    """Trials on a quadratic, with noise and a level of each replicate's own."""
    rng = np.random.default_rng(seed)
    points, peak = draw_points(seed, dims, 0, count), rng.uniform(0.2, 0.8, dims)
    true = -4 * np.square(points - peak).sum(axis=1)
    replicate = np.arange(count) // TRIALS
    levels = rng.standard_normal(count // TRIALS)[replicate]
    return Search(points, true + noise * rng.standard_normal(count) + levels, true, replicate, peak)


def test_its_regret_is_far_below_that_of_the_best_figure_and_of_winners() -> None:
    regrets: dict[str, list[float]] = {"recommended": [], "best figure": [], "winner": []}
    for seed in range(30):
        found = search(seed)
        best = found.true.max()
        seen = found.seen.reshape(-1, TRIALS)
        chosen = recommend(found.points, found.seen, found.replicate).place
        centred = seen - seen.mean(axis=1, keepdims=True)
        winners = found.true.reshape(-1, TRIALS)[np.arange(len(seen)), seen.argmax(axis=1)]
        regrets["recommended"].append(best - found.true[chosen])
        regrets["best figure"].append(best - found.true[centred.argmax()])
        regrets["winner"].append(best - winners.mean())
    mean = {name: float(np.mean(values)) for name, values in regrets.items()}
    assert mean["recommended"] < 0.3 * mean["best figure"]
    assert mean["best figure"] < mean["winner"]
    assert mean["recommended"] < 0.03


def test_it_is_the_same_each_time_and_warns_of_nothing() -> None:
    found = search(1, 160, 4)
    first, second = (recommend(found.points, found.seen, found.replicate) for _ in range(2))
    assert first.place == second.place
    for one, other in zip(first.curves, second.curves, strict=True):
        assert (one.mean == other.mean).all()
        assert (one.high == other.high).all()


def test_units_and_levels_of_replicates_change_nothing() -> None:
    found = search(2)
    plain = recommend(found.points, found.seen, found.replicate)
    moved = recommend(found.points, 1e-4 * found.seen + 7.0 * found.replicate, found.replicate)
    assert moved.place == plain.place
    assert moved.curves[0].mean == pytest.approx(1e-4 * plain.curves[0].mean, abs=1e-7)


def test_more_points_than_are_fitted_still_all_count() -> None:
    found = search(3, count=960, noise=1.0)
    chosen = recommend(found.points, found.seen, found.replicate)
    assert found.true.max() - found.true[chosen.place] < 0.03


def test_a_peak_at_an_end_is_at_the_edge() -> None:
    points = draw_points(0, 3, 0, 80)
    replicate = np.arange(80) // TRIALS
    noise = 0.05 * np.random.default_rng(0).standard_normal(80)
    for sign in (1, -1):
        values = sign * 3 * points[:, 1] - np.square(points[:, ::2] - 0.5).sum(axis=1) + noise
        assert recommend(points, values, replicate).at_edge == (1,)


def test_curves_follow_the_surface_within_their_band_and_are_zero_at_the_recommended_point() -> None:
    inside = []
    for seed in range(6):
        found = search(seed, 160)
        chosen = recommend(found.points, found.seen, found.replicate)
        point = found.points[chosen.place]
        for column, curve in enumerate(chosen.curves):
            assert curve.x.tolist() == np.linspace(0, 1, PLACES).tolist()
            assert abs(np.interp(point[column], curve.x, curve.mean)) < 0.02
            true = -4 * (np.square(curve.x - found.peak[column]) - np.square(point[column] - found.peak[column]))
            inside.append(((curve.low <= true) & (true <= curve.high)).mean())
            assert np.abs(curve.mean - true).max() < 0.6
    assert np.mean(inside) > 0.85


def test_choices_are_columns_without_curves() -> None:
    found = search(4, 160)
    third = np.arange(160) % 3
    values = found.seen + np.array([0.0, 1.0, 0.0])[third]
    chosen = recommend(np.hstack([found.points, np.eye(3)[third]]), values, found.replicate, coordinates=2)
    assert third[chosen.place] == 1
    assert len(chosen.curves) == 2
    assert found.true.max() - found.true[chosen.place] < 0.2


def test_a_run_that_went_bad_counts_as_the_worst_of_its_replicate() -> None:
    found = search(5)
    high = found.points[:, 0] > 0.7
    bad = np.where(high, np.nan, found.seen)
    worst = [np.nanmin(bad[found.replicate == r]) for r in found.replicate]
    filled = np.where(high, worst, found.seen)
    a, b = (recommend(found.points, values, found.replicate) for values in (bad, filled))
    assert a.place == b.place
    assert (a.curves[0].mean == b.curves[0].mean).all()


def test_one_figure_far_below_all_others_changes_little() -> None:
    regret = []
    for seed in range(6):
        found = search(seed)
        found.seen[seed] = -1e6
        regret.append(found.true.max() - found.true[recommend(found.points, found.seen, found.replicate).place])
    assert np.mean(regret) < 0.05


def test_a_replicate_in_which_every_run_went_bad_tells_nothing_and_none_of_it_is_recommended() -> None:
    found = search(6)
    best = recommend(found.points, found.seen, found.replicate).place
    own = found.replicate == found.replicate[best]
    chosen = recommend(found.points, np.where(own, np.nan, found.seen), found.replicate)
    others = recommend(found.points[~own], found.seen[~own], found.replicate[~own])
    assert chosen.place == np.flatnonzero(~own)[others.place]
    assert (chosen.curves[0].mean == others.curves[0].mean).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1 + 0.2, np.nan])
def test_where_all_figures_are_equal_the_middle_is_recommended(value: float) -> None:
    points = draw_points(0, 3, 0, 40)
    chosen = recommend(points, np.full(40, value), np.arange(40) // TRIALS)
    assert np.square(points - 0.5).sum(axis=1).argmin() == chosen.place
    assert chosen.at_edge == ()
    assert all(not curve.mean.any() and not curve.low.any() for curve in chosen.curves)


def test_equal_figures_of_replicates_at_different_levels_are_equal() -> None:
    levels = np.array([0.9, 0.3, 0.7, 0.1, 0.5])
    replicate = np.arange(40) // TRIALS
    points = draw_points(0, 2, 0, 40)
    assert recommend(points, levels[replicate], replicate).place == np.square(points - 0.5).sum(axis=1).argmin()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points_have_a_recommendation_too(count: int) -> None:
    points = draw_points(0, 2, 0, count)
    assert recommend(points, np.arange(float(count)), np.zeros(count, dtype=np.int64)).place == count - 1


def test_without_points_there_is_none() -> None:
    with pytest.raises(ValueError, match="no point"):
        recommend(np.zeros((0, 2)), np.zeros(0), np.zeros(0, dtype=np.int64))
