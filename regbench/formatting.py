"""Figures, times and lists of words as text, so that progress, tables and curves agree."""

from __future__ import annotations

import math
from collections.abc import Sequence


def format_figure(value: float | None) -> str:
    """Write a figure with four decimals, or in scientific notation where that would hide it; `-` where there is none.

    >>> [format_figure(v) for v in (0.96114, 2900.127, 12345678.0, 0.00001234, 0.0, float("nan"), None)]
    ['0.9611', '2900.1270', '1.235e+07', '1.234e-05', '0.0000', 'nan', '-']
    """
    if value is None:
        return "-"
    if value == 0 or not math.isfinite(value) or 5e-4 <= abs(value) < 1e4:
        return f"{value:.4f}"
    return f"{value:.3e}"


def format_seconds(seconds: float | None) -> str:
    """Write a duration as `0.4 s`, `12 s`, `3:07` (minutes) or `2:03:07` (hours); `-` where there is none.

    >>> [format_seconds(v) for v in (0.42, 12.3, 187.0, 7387.0, None)]
    ['0.4 s', '12 s', '3:07', '2:03:07', '-']
    """
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def spell_seconds(seconds: float) -> str:
    """Write a duration in words, for a sentence.

    >>> [spell_seconds(v) for v in (0.42, 50.2, 100.0, 120.0, 7387.0)]
    ['1 s', '50 s', '1 min 40 s', '2 min', '2 h 3 min']
    """
    whole = max(1, round(seconds))
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def format_clock(seconds: float) -> str:
    """Write a duration as a clock does, so that a line that changes in place keeps its width.

    >>> [format_clock(v) for v in (17.4, 187.0, 7387.0)]
    ['0:17', '3:07', '2:03:07']
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def count_noun(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> [count_noun(count, noun) for count, noun in ((1, "row"), (3, "row"), (2, "category"))]
    ['1 row', '3 rows', '2 categories']
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun.removesuffix('y')}ies" if noun.endswith("y") else f"{count} {noun}s"


def describe_idle(reason: str) -> str:
    """Return the words for a regularizer that changes nothing on the data of a run.

    >>> describe_idle("all classes have equally many training rows")
    'off on these data, because all classes have equally many training rows'
    """
    return f"off on these data, because {reason}"


def join_words(words: Sequence[str]) -> str:
    """Write a list as a sentence does.

    >>> [join_words(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])]
    ['', 'a', 'a and b', 'a, b and c']
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
