"""The ramp drawn in the terminal: read back, it is the ramp."""

from __future__ import annotations

from itertools import pairwise

import pytest

from regbench.plots.ramp_chart import HEIGHT, draw_ramp
from regbench.schedules.ramps import Ramp

RAMPS = [Ramp(), Ramp(shape="cosine", begin=0.2, end=0.7), Ramp(shape="step", begin=0.5), Ramp(begin=0.49, end=0.5)]


def read_curve(lines: list[str]) -> list[tuple[int, int]]:
    """Return the lowest and highest mark of each column, counted from the bottom line of the curve."""
    curve = [line.partition("+")[2] or line.partition("|")[2] for line in lines[1 : 1 + HEIGHT]]
    width = max(map(len, curve))
    columns = zip(*(line.ljust(width) for line in curve), strict=True)
    return [
        (marks[0], marks[-1])
        for marks in (
            sorted(HEIGHT - 1 - line for line, mark in enumerate(column) if mark == "*") for column in columns
        )
    ]


@pytest.mark.parametrize("width", [40, 80, 133])
@pytest.mark.parametrize(("off", "full"), [(0.0, 0.5), (1.0, 0.25)])
@pytest.mark.parametrize("ramp", RAMPS, ids=lambda ramp: f"{ramp.shape}-{ramp.begin:g}-{ramp.end:g}")
def test_read_back_the_chart_is_the_ramp(ramp: Ramp, off: float, full: float, width: int) -> None:
    lines = list(draw_ramp(ramp, "rate", off, full, width))
    curve, low, high = read_curve(lines), min(off, full), max(off, full)
    for place, (lowest, highest) in enumerate(curve):
        value = off + (full - off) * ramp.rise(place / (len(curve) - 1))
        drawn = [low + (high - low) * mark / (HEIGHT - 1) for mark in (lowest, highest)]
        assert min(abs(value - mark) for mark in drawn) <= (high - low) / (HEIGHT - 1) / 2 + 1e-12
    for (low_before, high_before), (low_after, high_after) in pairwise(curve):
        assert low_after <= high_before + 1, "the curve has no gap"
        assert high_after >= low_before - 1, "the curve has no gap"
    assert max(map(len, lines)) <= width


def test_both_axes_are_labelled_in_plain_characters() -> None:
    lines = list(draw_ramp(Ramp(), "strength", 0.0, 1e-4, 80))
    assert lines[0] == "strength"
    assert [lines[1 + place].split()[0] for place in (0, HEIGHT // 2, HEIGHT - 1)] == ["0.0001", "5e-05", "0"]
    axis, labels, title = lines[1 + HEIGHT :]
    assert labels.split() == ["0", "0.25", "0.5", "0.75", "1"]
    assert title.strip() == "share of training done"
    for label, tick in (("0.25", 1), ("0.5", 2), ("0.75", 3)):
        ticks = [place for place, mark in enumerate(axis) if mark == "+"]
        assert labels.index(label) <= ticks[tick] < labels.index(label) + len(label), "it stands below its tick"
    assert all(line.isascii() and line == line.rstrip() for line in lines)


def test_a_terminal_that_is_too_narrow_gets_a_chart_that_can_still_be_read() -> None:
    assert len(read_curve(list(draw_ramp(Ramp(), "rate", 0.0, 0.5, 5)))) >= 30
