"""Figures and times as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.formatting import format_figure, format_seconds


@given(st.floats(min_value=-1e308, max_value=1e308))
def test_a_figure_keeps_four_digits_in_at_most_eleven_characters(value: float) -> None:
    text = format_figure(value)
    assert len(text) <= 11  # sign, digit, point, three digits, e-308
    assert float(text) == pytest.approx(value, rel=5e-4, abs=0.0) or abs(float(text) - value) <= 5e-5


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (0.0, "0.0000"), (2.93051, "2.9305")],
)
def test_figures_without_a_size(value: float | None, text: str) -> None:
    assert format_figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00"),
        (3599.7, "1:00:00"),
        (90061, "25:01:01"),
        (None, "-"),
        (math.nan, "-"),
    ],
)
def test_seconds_never_reach_sixty(seconds: float | None, text: str) -> None:
    assert format_seconds(seconds) == text
