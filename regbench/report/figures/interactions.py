"""Figure 15: whether two techniques together bring the sum of what each brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.evidence.intervals import measure_difference
from regbench.evidence.verdict import Rules, account_for_all
from regbench.evidence.words import choose_word
from regbench.report.palette import BLUE, GRID, INK, MUTED, RED
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, add_axes, render
from regbench.report.wording import read_list, read_mapping, read_number, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL, LEFT, TOP = 92.0, 130.0, 40.0
Scores = Mapping[frozenset[str], NDArray[np.float64]]


@dataclass(frozen=True)
class Pair:
    """Two techniques: the interaction with its 95 % interval and word."""

    first: str
    second: str
    mean: float
    low: float
    high: float
    word: str


def draw_interactions(study: StudyData) -> Picture | None:
    """Return the matrix of interactions; None where the plan asks for none or pairs are missing."""
    names = [str(name) for name in read_list({"names": study.setting("interactions")}, "names")]
    pairs = measure_interactions(study, names)
    if not pairs:
        return None
    shown = [name for name in names if any(name in (pair.first, pair.second) for pair in pairs)]
    side = CELL * len(shown)
    title = "Interactions"
    sentence = f"Interaction of {len(pairs)} pairs of techniques."
    svg = render("f15", title, sentence, (LEFT + side + 10, TOP + side + 10), lambda f: _paint(f, study, shown, pairs))
    measure = study.measure
    rows = tuple(
        (
            f"{pair.first} + {pair.second}",
            measure.difference(pair.mean),
            measure.interval(pair.low, pair.high),
            pair.word,
        )
        for pair in pairs
    )
    return Picture(
        key="f15",
        title="Do techniques add up?",
        caption=(
            f"What two techniques bring together beyond the sum of what each brings, in {measure.points}: x_ab - "
            "x_a - x_b + x_0, paired by replicate. Below 0 (vermilion) they do the same job twice, above 0 (blue) "
            "one needs the other. The words hold for all pairs at once; an undecided cell is no news."
        ),
        panels=(Panel(svg),),
        table=DataTable(("pair", "interaction", "95 % interval", "word"), rows),
    )


def measure_interactions(study: StudyData, names: list[str]) -> list[Pair]:
    """Return the interaction of each pair that was trained, and alone too, with the word it gets among all pairs."""
    scores = _read_scores(study)
    base = scores.get(frozenset())
    found = [
        (a, b, scores[frozenset((a, b))] - scores[frozenset((a,))] - scores[frozenset((b,))] + base)
        for a, b in combinations(names, 2)
        if base is not None and {frozenset((a, b)), frozenset((a,)), frozenset((b,))} <= scores.keys()
    ]
    matrix = np.array([values for _, _, values in found])
    if not len(found) or matrix.shape[1] < 2:
        return []
    rules = Rules(
        rope=read_number(study.verdict, "rope"),
        alpha=read_number(study.verdict, "alpha") * 2**study.look,  # the verdict names what this look spends
        look=study.look,
    )
    overlap = study.overlap
    differences = [replace(measure_difference(values), overlap=overlap) for values in matrix]
    adjusted, limits = account_for_all(matrix, differences, rules)
    return [
        Pair(a, b, d.mean, d.interval().low, d.interval().high, str(choose_word(d, p, limits) or "-"))
        for (a, b, _), d, p in zip(found, differences, adjusted, strict=True)
    ]


def _read_scores(study: StudyData) -> Scores:
    """Return the test figures by replicate, larger is better, of arms that are nothing but their techniques."""
    column = f"test_{study.measure.name}"
    if column not in study.fresh:
        return {}
    table = study.fresh.pivot_table(index="replicate", columns="arm", values=column).dropna()
    sign = 1.0 if study.measure.higher_is_better else -1.0
    return {
        _members(arm): sign * table[arm.name].to_numpy(dtype=np.float64)
        for arm in reversed(study.arms)
        if arm.name in table
    }


def _members(arm: ArmFacts) -> frozenset[str]:
    return frozenset(arm.members) if not arm.is_baseline else frozenset()


def _paint(figure: Figure, study: StudyData, names: list[str], pairs: list[Pair]) -> None:
    from matplotlib.patches import Rectangle

    axes = add_axes(figure, LEFT, TOP, 10, 10)
    axes.set_axis_off()
    axes.set_xlim(0, len(names))
    axes.set_ylim(len(names), 0)
    most = max((abs(pair.mean) for pair in pairs), default=0.0) or 1.0
    for place, name in enumerate(names):
        axes.text(-0.06, place + 0.5, shorten(name, 20), ha="right", va="center", fontsize=FONT)
        axes.text(place + 0.5, -0.1, shorten(name, 14), ha="center", va="bottom", fontsize=FONT)
        axes.add_patch(Rectangle((place, place), 1, 1, fill=False, ec=GRID))
        _write_alone(axes, study, name, place)
    for pair in pairs:
        for row, column in ((pair.first, pair.second), (pair.second, pair.first)):
            x, y = names.index(column), names.index(row)
            colour = BLUE if pair.mean > 0 else RED
            axes.add_patch(Rectangle((x, y), 1, 1, fc=colour, alpha=0.4 * abs(pair.mean) / most, lw=0))
            axes.add_patch(Rectangle((x, y), 1, 1, fill=False, ec=GRID))
            middle: dict[str, Any] = {"ha": "center", "va": "center"}
            axes.text(x + 0.5, y + 0.38, study.measure.difference(pair.mean), fontsize=FONT + 1, color=INK, **middle)
            word = pair.word.replace("no practical difference", "adds up")
            axes.text(x + 0.5, y + 0.66, word, fontsize=FONT - 1, color=INK, **middle)


def _write_alone(axes: Axes, study: StudyData, name: str, place: int) -> None:
    """Write into the diagonal what a technique brings alone."""
    arm = next((arm for arm in study.contenders if arm.members == (name,)), None)
    told = study.measure.difference(read_number(read_mapping({"f": arm.facts if arm else {}}, "f"), "difference"))
    axes.text(place + 0.5, place + 0.38, told, ha="center", va="center", fontsize=FONT + 1, color=MUTED)
    axes.text(place + 0.5, place + 0.66, "alone", ha="center", va="center", fontsize=FONT - 1, color=MUTED)
