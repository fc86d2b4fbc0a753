"""A ramp drawn with plain characters: the value of a hyper-parameter over the share of training that is done."""

from __future__ import annotations

from collections.abc import Iterator

from regbench.schedules.ramps import Ramp

HEIGHT = 13
"""Lines of the curve, an odd number: the middle one is labelled."""

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
NARROWEST = 30
"""Columns of the curve at least, however narrow the terminal."""


def draw_ramp(ramp: Ramp, field: str, off: float, full: float, width: int) -> Iterator[str]:
    """Yield the lines of a chart of a hyper-parameter that rises, or falls, from its off value to its full one.

    Args:
        ramp: when and how it moves.
        field: its name, which stands over the vertical axis.
        off: its value while it is off.
        full: its value in full force, another than `off`.
        width: columns of the terminal.
    """
    low, high = min(off, full), max(off, full)
    labels = {0: f"{high:.4g}", HEIGHT // 2: f"{(low + high) / 2:.4g}", HEIGHT - 1: f"{low:.4g}"}
    margin = max(map(len, labels.values()))
    columns = max(width - margin - 4, NARROWEST)
    places = [place / (columns - 1) for place in range(columns)]
    shares = [ramp.rise(place) if full > off else 1.0 - ramp.rise(place) for place in places]
    lines = [round((1.0 - share) * (HEIGHT - 1)) for share in shares]
    yield field
    for line, marks in enumerate(_mark(lines)):
        yield f"{labels.get(line, ''):>{margin}} {'+' if line in labels else '|'}{marks}".rstrip()
    ticks = {round(quarter * (columns - 1)): f"{quarter:g}" for quarter in QUARTERS}
    yield f"{'':>{margin}} +{''.join('+' if place in ticks and place else '-' for place in range(columns))}"
    yield f"{'':>{margin}}  {_label(ticks, columns)}"
    yield f"{'':>{margin}}  {'share of training done':^{columns}}".rstrip()


def _mark(lines: list[int]) -> list[str]:
    """Return the characters of each line of the curve, given the line of each column; a jump is filled up."""
    marks = [[" "] * len(lines) for _ in range(HEIGHT)]
    for place, line in enumerate(lines):
        before = lines[place - 1] if place else line
        first, last = sorted((line, before + (line > before) - (line < before)))
        for filled in range(first, last + 1):
            marks[filled][place] = "*"
    return ["".join(line) for line in marks]


def _label(ticks: dict[int, str], columns: int) -> str:
    """Return the line of labels, each in the middle below its tick, the last one ending with the axis."""
    line = [" "] * columns
    for place, label in ticks.items():
        start = min(max(place - len(label) // 2, 0), columns - len(label))
        line[start : start + len(label)] = label
    return "".join(line).rstrip()
