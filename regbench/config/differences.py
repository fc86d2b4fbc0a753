"""Differences between two configurations, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from regbench.config.values import canonical, cut, spell
from regbench.errors import escape

ABSENT = object()
"""The value of a key that one of two configurations lacks."""


def differing_keys(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """Return the dotted keys whose values differ, in the order of `one`, then those that only `other` has.

    Values are equal as they are for a run's identity: 1 and 1.0 are, 1 and true are not, the order of keys is ignored.

    >>> differing_keys({"seed": 0, "model": {"name": "mlp", "widths": [64]}}, {"seed": 0.0, "model": {"name": "mlp"}})
    ['model.widths']
    """
    return [key for key, _, _ in _compare(one, other, "")]


def describe_differences(stored: Mapping[str, object], now: Mapping[str, object], most: int = 5) -> str:
    """Name the keys in which a stored configuration differs from the present one; nothing if they are equal.

    At most `most` keys are named, and the others counted.

    >>> describe_differences({"seed": 0, "model": {"widths": [64]}}, {"seed": 1, "model": {"widths": [128]}})
    'seed=0 there, 1 here; model.widths=[64] there, [128] here'
    """
    found = list(_compare(stored, now, ""))
    words = [_describe(key, there, here) for key, there, here in found[:most]]
    if len(found) > most:
        words.append(f"and {len(found) - most} more")
    return "; ".join(words)


def _compare(
    one: Mapping[str, object], other: Mapping[str, object], prefix: str
) -> Iterator[tuple[str, object, object]]:
    """Yield key, first and second value of each difference."""
    for key in dict.fromkeys((*one, *other)):
        first, second = one.get(key, ABSENT), other.get(key, ABSENT)
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            yield from _compare(first, second, f"{prefix}{key}.")
        elif repr(canonical(first)) != repr(canonical(second)):  # as texts, because True == 1 and nan != nan
            yield f"{prefix}{key}", first, second


def _describe(key: str, there: object, here: object) -> str:
    if there is ABSENT:
        return f"{escape(key)} not set there, {_show(here)} here"
    if here is ABSENT:
        return f"{escape(key)}={_show(there)} there, not set here"
    if _show(there) == _show(here):  # the text '1' and the number 1, or long texts that differ where they are cut
        return f"{escape(key)}={there!r} there, {here!r} here"
    return f"{escape(key)}={_show(there)} there, {_show(here)} here"


def _show(value: object) -> str:
    return cut(escape(spell(value)))
