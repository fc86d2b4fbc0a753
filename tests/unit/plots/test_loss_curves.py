"""Loss curves: a well-formed picture that shows the right figures at the right places, whatever the losses are."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.plots.loss_curves import BOTTOM, HEIGHT, LEFT, MAX_POINTS, RIGHT, TOP, WIDTH, draw_loss_curves, thin_out
from regbench.plots.scale import choose_scale, epoch_scale, nice_step

SVG = "{http://www.w3.org/2000/svg}"
NAN, INF = math.nan, math.inf


def draw(
    folder: Path, train: Sequence[float], val: Sequence[float] | None = None, **result: Any
) -> ElementTree.Element:
    """Draw the curves of a run and return the parsed picture."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{i},{loss!r},{'' if val is None else repr(val[i - 1])}" for i, loss in enumerate(train, start=1)]
    (folder / "metrics.csv").write_text("\n".join(["epoch,train_loss,val_loss", *rows, ""]))
    facts = {"status": "complete", "best_epoch": 1, "epochs": len(train), "stopping": {"reason": "all done"}, **result}
    return ElementTree.fromstring(draw_loss_curves(folder / "metrics.csv", facts))


def texts(picture: ElementTree.Element) -> list[str]:
    return [str(node.text) for node in picture.iter(f"{SVG}text")]


def paths(picture: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [node for node in picture.iter(f"{SVG}path") if node.get("class") == kind]


def points(path: ElementTree.Element) -> list[tuple[float, float]]:
    """The coordinates of a path made of M and L."""
    found = re.findall(r"[ML](\S+) ([^\sML]+)", str(path.get("d")))
    return [(float(x), float(y)) for x, y in found]


def drawn_curves(picture: ElementTree.Element) -> list[ElementTree.Element]:
    """The curves, without the samples in the legend."""
    return [path for path in paths(picture, "curve") if "h32" not in str(path.get("d"))]


def test_points_lie_where_the_ticks_say(tmp_path: Path) -> None:
    picture = draw(tmp_path, [1.0, 0.5, 0.0], [0.75, 0.25, 0.5])
    train, val = (points(path) for path in drawn_curves(picture))
    middle = (LEFT + RIGHT) / 2
    assert train == [(LEFT, TOP), (middle, (TOP + BOTTOM) / 2), (RIGHT, BOTTOM)]
    quarter = (BOTTOM - TOP) / 4
    assert val == [(LEFT, TOP + quarter), (middle, BOTTOM - quarter), (RIGHT, (TOP + BOTTOM) / 2)]


def test_best_and_stopping_epoch_are_marked_at_their_places(tmp_path: Path) -> None:
    picture = draw(tmp_path, [1.0] * 41, [2.0] * 41, status="stopped_early", best_epoch=31)
    assert {"best epoch 31", "stopped at epoch 41"} <= set(texts(picture))
    [best], [stop] = paths(picture, "best"), paths(picture, "stop")
    assert float(str(best.get("d"))[1:].split()[0]) == pytest.approx(LEFT + (RIGHT - LEFT) * 30 / 40, abs=0.05)
    assert float(str(stop.get("d"))[1:].split()[0]) == RIGHT


@pytest.mark.parametrize(
    ("status", "words"), [("diverged", "diverged at"), ("complete", "ended at"), ("finished", "ended at")]
)
def test_the_last_mark_says_how_the_run_ended(tmp_path: Path, status: str, words: str) -> None:
    assert f"{words} epoch 3" in texts(draw(tmp_path, [3.0, 2.0, 1.0], status=status))


def test_best_at_the_last_epoch_is_one_mark(tmp_path: Path) -> None:
    picture = draw(tmp_path, [3.0, 2.0, 1.0], best_epoch=3)
    assert "best and last epoch 3" in texts(picture)
    assert paths(picture, "stop") == []


def test_initial_weights_have_no_mark(tmp_path: Path) -> None:
    assert paths(draw(tmp_path, [NAN, NAN], best_epoch=0), "best") == []


@pytest.mark.parametrize(
    ("losses", "log"),
    [([1.0, 0.011], False), ([1.0, 0.009], True), ([1.0, 0.0], False), ([100.0, -1.0], False), ([1e-12, 1e300], True)],
)
def test_the_axis_is_logarithmic_beyond_two_decades_of_positive_losses(
    tmp_path: Path, losses: list[float], log: bool
) -> None:
    assert ("loss (log scale)" in texts(draw(tmp_path, losses))) is log


def test_a_decade_is_as_high_as_the_next(tmp_path: Path) -> None:
    [curve] = drawn_curves(draw(tmp_path, [1000.0, 100.0, 10.0, 1.0]))
    heights = [y for _, y in points(curve)]
    assert [b - a for a, b in pairwise(heights)] == pytest.approx([heights[1] - heights[0]] * 3, abs=0.11)


def test_a_loss_that_is_not_finite_is_a_gap_and_a_lonely_point_a_dot(tmp_path: Path) -> None:
    picture = draw(tmp_path, [1.0, 2.0, NAN, 1.5, INF, 1.0, 2.0], best_epoch=None)
    [curve] = drawn_curves(picture)
    assert str(curve.get("d")).count("M") == 2
    assert len(points(curve)) == 4
    [dot] = picture.iter(f"{SVG}circle")
    assert float(str(dot.get("cx"))) == (LEFT + RIGHT) / 2


def test_without_validation_there_is_one_curve_and_one_name_in_the_legend(tmp_path: Path) -> None:
    picture = draw(tmp_path, [2.0, 1.0])
    assert len(drawn_curves(picture)) == 1
    assert "train" in texts(picture)
    assert "validation" not in texts(picture)


def test_names_are_escaped_and_described(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a<b>&c", [2.0, 1.0], stopping={"reason": 'x < y & "z"'})
    title, summary = picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "Loss of a<b>&c"
    assert summary is not None
    assert "train loss is lowest, 1.0000, at epoch 2" in str(summary.text)
    assert picture.get("role") == "img"
    assert picture.get("aria-labelledby") == f"{title.get('id')} {summary.get('id')}"


@pytest.mark.parametrize(
    "losses", [[], [0.5], [NAN], [NAN, NAN], [0.0, 0.0], [0.7] * 50, [1e-320, 1e-320], [5e-324, 1.0]]
)
def test_runs_with_hardly_anything_to_draw(tmp_path: Path, losses: list[float]) -> None:
    assert "epoch" in texts(draw(tmp_path, losses, losses))


@given(st.lists(st.floats(), min_size=1, max_size=30), st.lists(st.floats(), min_size=30, max_size=30))
def test_everything_drawn_lies_inside_the_picture(train: list[float], val: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        picture = draw(Path(folder), train, val)
    for curve in drawn_curves(picture):
        for x, y in points(curve):
            assert LEFT <= x <= RIGHT
            assert TOP - 0.1 <= y <= BOTTOM + 0.1
    for node in picture.iter(f"{SVG}text"):
        assert 0 <= float(node.get("x", 0)) <= WIDTH
        assert 0 <= float(node.get("y", 0)) <= HEIGHT


@given(
    st.lists(st.floats(0.0, 10.0) | st.sampled_from([NAN, INF]), min_size=1, max_size=400),
    st.integers(min_value=20, max_value=60),
)
def test_thinning_keeps_the_ends_the_extremes_and_the_gaps(losses: list[float], most: int) -> None:
    all_points = list(enumerate(losses, start=1))
    kept = thin_out(all_points, most)
    assert len(kept) <= max(most, 1)
    assert [epoch for epoch, _ in kept] == sorted({epoch for epoch, _ in kept})
    assert (kept[0][0], kept[-1][0]) == (1, len(losses))
    finite = [loss for loss in losses if math.isfinite(loss)]
    left = [loss for _, loss in kept if math.isfinite(loss)]
    if finite:
        assert (min(left), max(left)) == (min(finite), max(finite))
    assert (len(finite) < len(losses)) == (len(left) < len(kept))


def test_ten_thousand_epochs_stay_a_small_picture(tmp_path: Path) -> None:
    losses = [1 + math.sin(epoch * 1.7) + 1000 / epoch for epoch in range(1, 10_001)]
    losses[6543] = 1e-3
    picture = draw(tmp_path, losses, losses)
    for curve in drawn_curves(picture):
        assert len(points(curve)) <= MAX_POINTS
        assert max(y for _, y in points(curve)) == pytest.approx(BOTTOM - 0.03 * (BOTTOM - TOP), abs=0.06)


@given(st.floats(min_value=1e-290, max_value=1e290))
def test_a_nice_step_is_one_two_or_five_and_the_next_one_up(rough: float) -> None:
    step = nice_step(rough)
    assert f"{step:.3e}"[:5] in ("1.000", "2.000", "5.000")
    assert rough * (1 - 1e-8) <= step <= rough * 2.5 * (1 + 1e-8)


@given(st.lists(st.floats(min_value=-1e300, max_value=1e300), min_size=1, max_size=5))
def test_a_scale_has_a_few_different_ticks_in_its_range(values: list[float]) -> None:
    scale = choose_scale(values, 0.0, 100.0)
    places = [scale.place(value) for value, _ in scale.ticks]
    assert 2 <= len(places) <= 10
    assert all(-0.1 <= place <= 100.1 for place in places)
    assert places == sorted(set(places))


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_epochs_are_labelled_with_whole_numbers_from_the_first(first: int, more: int) -> None:
    scale = epoch_scale([first, first + more], 0.0, 1.0)
    labels = [int(label.replace(",", "")) for _, label in scale.ticks]
    assert labels[0] == first
    assert labels == sorted(set(labels))
    assert labels[-1] <= first + more
    assert len(labels) <= 10
