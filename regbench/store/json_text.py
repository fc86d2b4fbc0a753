"""Indented JSON in which a list of plain values, and a short object of such, takes one line: half as large to store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

WIDTH = 100
"""Most characters of an object on one line."""

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
CONTAINERS = (dict, list, tuple)


def format_lines(value: object, gap: str = "\n") -> str:
    r"""Return JSON in lines indented by one space for each level; `gap` is the line break before the value's end.

    >>> print(format_lines({"a": [1, 2.5], "b": ["x", None], "c": [{"d": 1}, [[]]]}))
    {
     "a": [1, 2.5],
     "b": ["x", null],
     "c": [
      {"d": 1},
      [
       []
      ]
     ]
    }

    Raises:
        ValueError: a number is not finite.
        TypeError: a value is none that JSON has.
    """
    if type(value) is float and value - value == 0.0:
        return repr(value)
    if not isinstance(value, CONTAINERS):
        return ENCODER.encode(value)
    inner = gap + " "
    if isinstance(value, dict):
        line = ENCODER.encode(value) if _is_flat(value.values()) else None
        if line is not None and len(line) <= WIDTH:
            return line
        pairs = (f"{ENCODER.encode(str(key))}: {format_lines(item, inner)}" for key, item in value.items())
        return f"{{{inner}{f',{inner}'.join(pairs)}{gap}}}"
    if _is_flat(value):
        return ENCODER.encode(value)
    return f"[{inner}{f',{inner}'.join(format_lines(item, inner) for item in value)}{gap}]"


def sort_keys(value: object) -> object:
    """Return the same value with the keys of every object as sorted texts."""
    if isinstance(value, Mapping):
        return {str(key): sort_keys(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)) and not _is_flat(value):
        return [sort_keys(item) for item in value]
    return value


def _is_flat(items: Iterable[object]) -> bool:
    return not any(isinstance(item, (*CONTAINERS, Mapping)) for item in items)
