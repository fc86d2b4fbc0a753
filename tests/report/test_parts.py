"""What figures are made of: places of labels, drawings without matplotlib's habits, colours, and the closed forms."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import regbench
from regbench.report.figures.balls import BALLS, CENTRE, CURVATURE, loss_at, touch, trace
from regbench.report.figures.gradient_noise import deviation
from regbench.report.figures.interactions import measure_interactions
from regbench.report.labels import Box, place_labels, spread
from regbench.report.libraries import NEEDED
from regbench.report.palette import VARIABLES
from regbench.report.papers import list_references
from regbench.report.study_data import read_study
from regbench.report.svg import add_axes, render, tidy_axes
from regbench.report.wording import Measure
from tests.report.made_up import MadeUp, write_study

PLACES = st.lists(st.floats(-50, 150), min_size=1, max_size=12)


@given(PLACES)
def test_spread_places_keep_order_distance_and_borders(places: list[float]) -> None:
    found = spread(places, 8.0, 0.0, 100.0)
    ordered = [place for _, place in sorted(zip(places, found, strict=True))]
    assert all(b - a >= 8.0 - 1e-9 for a, b in pairwise(ordered))
    assert min(found) >= -1e-9
    assert max(found) <= 100 + 1e-9


def test_spread_leaves_what_is_apart_and_centres_what_is_not() -> None:
    assert spread([10.0, 30.0, 50.0], 10.0, 0.0, 100.0) == [10.0, 30.0, 50.0]
    assert spread([50.0, 50.0], 10.0, 0.0, 100.0) == [45.0, 55.0]
    assert spread([1.0, 2.0, 3.0], 100.0, 0.0, 100.0) == [0.0, 50.0, 100.0]


def test_labels_of_points_apart_do_not_cover_each_other() -> None:
    points = [(40.0 + 30 * (k % 4), 40.0 + 25 * (k // 4)) for k in range(12)]
    boxes = place_labels(points, ["dropout"] * 12, 10.0, Box(0, 0, 400, 300))
    assert sum(a.overlap(b) for a, b in product(boxes, boxes) if a is not b) == 0
    assert all(box.x >= 0 and box.x + box.width <= 400 for box in boxes)


def test_a_drawing_keeps_text_and_names_its_parts_after_the_figure() -> None:
    def paint(figure: object) -> None:
        axes = add_axes(figure, 30, 10, 10, 20)  # type: ignore[arg-type]
        tidy_axes(axes)
        axes.plot([1, 2, 3], [0.123456, 2, 1], marker="o", gid="arm-7-quiet")
        axes.text(1, 1, "a <b> & $x$", gid="arm-7")

    first, second = (render(key, "title", "sentence", (200, 120), paint) for key in ("f1", "f2"))
    assert "a &lt;b&gt; &amp; $x$" in first
    assert 'class="arm quiet" data-arm="7"' in first
    assert not set(re.findall(r'id="([^"]+)"', first)) & set(re.findall(r'id="([^"]+)"', second))
    assert max(len(digits) for digits in re.findall(r"\.(\d+)", first)) <= 2
    assert "DejaVu" not in first
    assert "<style" not in first
    assert first == render("f1", "title", "sentence", (200, 120), paint)


def read_colours() -> list[dict[str, str]]:
    """The variables of the style sheet in light, dark and print."""
    css = (files("regbench.report") / "templates" / "page.css").read_text()
    return [dict(re.findall(r"(--\w+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{([^}]+)\}", css)]


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_has_the_contrast_of_wcag_aa(mode: int) -> None:
    colours = read_colours()[mode]
    assert set(VARIABLES.values()) <= set(colours)
    for text, ground in product(("--ink", "--muted", "--blue", "--red", "--amber"), ("--paper", "--card", "--band")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def test_the_loss_is_least_at_a_corner_of_the_l1_ball_and_at_no_corner_of_the_l2_ball() -> None:
    corner, round_one = (touch(power) for power, *_ in BALLS)
    assert corner.tolist() == [0.0, 1.0]
    assert np.all(round_one > 0.1)
    # Karush, Kuhn and Tucker: on the circle the gradient points along the weights.
    slope = CURVATURE @ (round_one - CENTRE)
    assert abs(slope[0] * round_one[1] - slope[1] * round_one[0]) < 2e-3
    inside = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    for power, best in ((1.0, corner), (2.0, round_one)):
        allowed = inside[(np.abs(inside) ** power).sum(1) <= 1]
        assert loss_at(allowed).min() >= loss_at(best) - 1e-9
        assert np.allclose((np.abs(trace(power, 8)) ** power).sum(1), 1)


def test_gradient_noise_is_a_variance_that_falls_with_a_power_of_the_updates() -> None:
    assert deviation(0.01, 0.55, np.array([0.0]))[0] == pytest.approx(0.1)
    assert deviation(1.0, 0.5, np.array([15.0]))[0] == pytest.approx(0.5)


def test_interactions_are_what_pairs_bring_beyond_their_parts(tmp_path: Path) -> None:
    folder = write_study(tmp_path, MadeUp(arms=3, trials=2, epochs=3, interactions=True))
    table = pd.read_csv(folder / "fresh.csv")
    rng = np.random.default_rng(3)
    base = rng.normal(0.8, 0.02, 20)
    alone = {"none": 0.0, "dropout": 0.03, "l2": 0.02, "l1": 0.01}
    for arm in table["arm"].unique():
        extra = 0.05 if arm == "dropout+l2" else 0.0
        score = base + sum(alone[name] for name in arm.split("+")) + extra + rng.normal(0, 1e-4, 20)
        table.loc[table["arm"] == arm, "test_accuracy"] = score
    table.to_csv(folder / "fresh.csv", index=False)
    found = {(pair.first, pair.second): pair for pair in measure_interactions(read_study(folder), list(alone)[1:])}
    assert found["dropout", "l2"].mean == pytest.approx(0.05, abs=2e-4)
    assert found["dropout", "l2"].word == "better"
    assert found["dropout", "l1"].mean == pytest.approx(0.0, abs=2e-4)
    assert found["dropout", "l1"].word == "no practical difference"


@pytest.mark.parametrize(
    ("metric", "value", "mean", "difference"),
    [
        ("accuracy", 0.8443, "84.4 %", "+84.4"),
        ("accuracy", -0.00004, "-0.0 %", "+0.0"),
        ("r2", -0.1234567, "-0.1235", "\u22120.1235"),
        ("mse", 2900.13, "2.9e+03", "+2.9e+03"),
        ("accuracy", None, "-", "-"),
    ],
)
def test_figures_are_written_as_people_say_them(metric: str, value: float | None, mean: str, difference: str) -> None:
    measure = Measure(metric)
    assert (measure.value(value), measure.difference(value)) == (mean, difference)


def test_every_technique_of_the_core_names_its_paper() -> None:
    names = ["dropout", "l2", "l1", "weight_decay", "batch_norm", "mixup", "sam", "ema", "bagging"]
    assert [name for name, _ in list_references([*names, "none", "no_such_technique"])] == sorted(names)


def list_imports(tree: ast.AST) -> list[tuple[str, bool]]:
    """The packages that a module imports, and whether the import runs with the module itself."""
    inside = {
        id(node) for outer in ast.walk(tree) if isinstance(outer, ast.FunctionDef | ast.If) for node in ast.walk(outer)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name.partition(".")[0], id(node) not in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module.partition(".")[0], id(node) not in inside))
    return found


def test_what_draws_is_imported_by_the_page_alone_and_only_when_it_draws() -> None:
    root = Path(regbench.__file__).parent
    for path in root.rglob("*.py"):
        for package, with_module in list_imports(ast.parse(path.read_text())):
            if package in NEEDED:
                assert path.is_relative_to(root / "report"), path
                assert not with_module, path
