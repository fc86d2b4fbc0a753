"""Points of the search: one sequence whatever the chunks, places in ranges, and choices that confound with nothing."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest

from regbench.config.values import spell
from regbench.studies.points import assign_groups, draw_points, encode_settings, locate, place, settle
from regbench.studies.spaces import LR, Coordinate, Space

RATE = Coordinate(LR, 1e-4, 0.1, log=True)
SHARE = Coordinate("regularizer.dropout.rate", 0.05, 0.8, log=False)
SIZES = ("schedule.batch_size", (16, 32, 64))


def test_points_are_those_of_one_sequence_in_whatever_chunks_and_columns_they_are_drawn() -> None:
    whole = draw_points(3, 16, 0, 100)
    chunks = [draw_points(3, 16, start, count) for start, count in ((0, 8), (8, 1), (9, 40), (49, 51))]
    assert (np.concatenate(chunks) == whole).all()
    assert (draw_points(3, 2, 0, 100) == whole[:, :2]).all()  # every arm tries the same rates
    assert not (draw_points(4, 16, 0, 100) == whole).any()
    assert draw_points(3, 2, 5, 0).shape == (0, 2)


def test_points_fill_the_cube_evenly() -> None:
    points = draw_points(0, 16, 0, 256)
    assert points.min() >= 0.0
    assert points.max() < 1.0
    for column in range(16):
        assert (np.bincount((points[:, column] * 256).astype(int), minlength=256) == 1).all()


def test_more_columns_than_the_sequence_has_are_refused() -> None:
    with pytest.raises(ValueError, match="the sequence has 16"):
        draw_points(0, 17, 0, 8)


def test_places_are_exact_short_and_inside_the_range() -> None:
    assert [place(share, SHARE) for share in (0.0, 0.5, 1.0)] == [0.05, 0.425, 0.8]
    assert place(0.5, RATE) == pytest.approx(math.sqrt(1e-4 * 0.1), rel=1e-5)
    assert (place(0.0, RATE), place(1.0, RATE)) == (1e-4, 0.1)
    third = Coordinate("x", 1 / 3, 2 / 3, log=False)  # its ends have more digits than a place
    for coordinate, share in product((RATE, SHARE, third), np.linspace(0, 1, 101)):
        value = place(float(share), coordinate)
        assert coordinate.low <= value <= coordinate.high
        assert float(spell(value)) == value
        assert locate(value, coordinate) == pytest.approx(share, abs=1e-5)


def test_values_beyond_a_range_are_located_at_its_ends() -> None:
    assert (locate(1.0, RATE), locate(0.0, RATE), locate(0.9, SHARE)) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("counts", [(2,), (3,), (4,), (2, 2), (2, 3), (8,)])
def test_combinations_are_spread_evenly_over_points_and_over_every_range(counts: tuple[int, ...]) -> None:
    groups = [(f"g{place}", tuple(range(count))) for place, count in enumerate(counts)]
    total, length = math.prod(counts), 480
    points = draw_points(0, 16, 0, length)
    chosen = [tuple(assign_groups(groups, point).values()) for point in points]
    assert set(Counter(chosen).values()) <= {count + length // total for count in range(-4, 5)}
    for column in range(4):
        halves = Counter(zip(chosen, (points[:, column] > 0.5).tolist(), strict=True))
        assert len(halves) == 2 * total
        assert min(halves.values()) >= 0.4 * length / total


@pytest.mark.parametrize("count", [2, 4, 8])
def test_eight_trials_of_a_replicate_have_every_choice_equally_often(count: int) -> None:
    points = draw_points(5, 16, 0, 160)
    chosen = [assign_groups([("g", range(count))], point)["g"] for point in points]
    for first in range(0, 160, 8):
        assert set(Counter(chosen[first : first + 8]).values()) == {8 // count}


def test_choices_by_the_number_of_the_point_would_see_one_half_of_the_rates() -> None:
    upper = draw_points(0, 1, 0, 480)[:, 0] > 0.5
    assert len(set(upper[::4].tolist())) == 1  # why choices have columns


def test_what_all_arms_choose_is_the_same_for_all() -> None:
    point = draw_points(0, 16, 3, 1)[0]
    alone, beside = assign_groups([SIZES], point), assign_groups([("other", (1, 2)), SIZES], point)
    assert alone[SIZES[0]] == beside[SIZES[0]]


def test_settings_of_a_trial_and_back() -> None:
    space = Space((RATE, SHARE), (SIZES,))
    points = draw_points(0, 16, 0, 6)
    settings = [settle(space, point) for point in points]
    assert list(settings[0]) == [LR, SHARE.key, SIZES[0]]
    encoded = encode_settings(space, settings)
    assert encoded[:, :2] == pytest.approx(points[:, :2], abs=1e-5)
    assert encoded[:, 2:].tolist() == [[float(values[SIZES[0]] == size) for size in SIZES[1]] for values in settings]
    assert encode_settings(Space((RATE,)), [{LR: 0.1}]).tolist() == [[1.0]]


def test_without_groups_a_point_has_no_choices() -> None:
    assert assign_groups((), draw_points(0, 16, 0, 1)[0]) == {}
