"""Figures of a metric as people say them: shares in percent and differences in points, other metrics in their unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from regbench.errors import escape

PERCENT = ("accuracy", "balanced_accuracy", "label_accuracy", "macro_f1")
LONGEST = 24
MINUS = "\u2212"


@dataclass(frozen=True)
class Measure:
    """A metric as the page writes it; `factor` turns its numbers into those that axes show."""

    name: str
    unit: str = ""
    higher_is_better: bool = True

    @property
    def percent(self) -> bool:
        """Whether it is a share that people read in percent."""
        return self.name in PERCENT

    @property
    def factor(self) -> float:
        """100 for shares in percent, else 1."""
        return 100.0 if self.percent else 1.0

    @property
    def words(self) -> str:
        """Name of the metric, in words."""
        return self.name.replace("_", " ").replace("r2", "R²")

    @property
    def label(self) -> str:
        """Name of the metric with its unit."""
        unit = "%" if self.percent else self.unit
        return f"{self.words} ({unit})" if unit else self.words

    @property
    def points(self) -> str:
        """What differences are counted in."""
        return f"points of {self.words}" if self.percent else self.words

    def value(self, number: float | None) -> str:
        """Write a figure: `84.4 %`, `0.7312`, `-` where there is none."""
        if number is None or not math.isfinite(number):
            return "-"
        return f"{100 * number:.1f} %" if self.percent else _write(number)

    def difference(self, number: float | None) -> str:
        """Write a difference with its sign: `+2.6`."""
        if number is None or not math.isfinite(number):
            return "-"
        shown = number * self.factor
        text = f"{abs(shown):.1f}" if self.percent else _write(abs(shown))
        return f"{MINUS if shown < 0 and float(text) else '+'}{text}"

    def interval(self, low: float | None, high: float | None) -> str:
        """Write an interval of differences: `[+0.9, +4.3]`."""
        return f"[{self.difference(low)}, {self.difference(high)}]"


def _write(number: float) -> str:
    return f"{number:.3g}" if abs(number) >= 100 or 0 < abs(number) < 1e-3 else f"{number:.4f}"


def read_number(facts: object, *keys: str) -> float:
    """Return a number inside nested mappings of a JSON file; NaN where there is none."""
    for key in keys:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    if isinstance(facts, bool) or not isinstance(facts, (int, float)):
        return math.nan
    return float(facts)


def read_list(facts: object, *keys: str) -> list[object]:
    """Return a list inside nested mappings of a JSON file; an empty one where there is none."""
    for key in keys:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return list(facts) if isinstance(facts, (list, tuple)) else []


def read_numbers(facts: object, *keys: str) -> list[float]:
    """Return a list of numbers; NaN where an entry is none."""
    return [read_number({"it": item}, "it") for item in read_list(facts, *keys)]


def read_mapping(facts: object, *keys: str) -> Mapping[str, object]:
    """Return a mapping inside nested mappings of a JSON file; an empty one where there is none."""
    for key in keys:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return facts if isinstance(facts, Mapping) else {}


def read_text(facts: object, *keys: str) -> str:
    """Return a text inside nested mappings of a JSON file as one printable line; empty where there is none."""
    for key in keys:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return escape(facts) if isinstance(facts, str) else ""


def shorten(name: str, longest: int = LONGEST) -> str:
    """Return a name that fits beside a figure.

    >>> shorten("label_smoothing"), shorten("l2+dropout+label_smoothing+mixup", 12)
    ('label_smoothing', 'l2+dropout+…')
    """
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def short_key(key: str) -> str:
    """Return a key as tables have it: `dropout.rate`, and `lr` for the learning rate."""
    return "lr" if key == "schedule.optimizer.lr" else key.removeprefix("regularizer.")


def write_number(number: float | None, digits: int = 3) -> str:
    """Write any number in few digits; `-` where there is none.

    >>> [write_number(v) for v in (0.012345, 1234567.0, 12.0, None)]
    ['0.0123', '1.23e+06', '12', '-']
    """
    if number is None or not math.isfinite(number):
        return "-"
    return f"{number:.{digits}g}"
