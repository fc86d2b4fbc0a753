"""The two ways in which a command ends badly on purpose; each prints one line and no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RegbenchError(Exception):
    """A refusal that a person can act on: what is wrong, where, and what is allowed."""

    exit_code = 1


class ConfigError(RegbenchError):
    """Something a person typed or wrote in a file cannot be used; nothing was started (exit code 2)."""

    exit_code = 2


def escape(name: str) -> str:
    """Return a name from a file as one printable line: what no terminal shows as a character is written as its escape.

    >>> escape("a\\nb")
    'a\\\\nb'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def suggest(word: str, allowed: Iterable[str]) -> str:
    """Return the tail of a refusal: the nearest valid names, then all of them if they are few.

    >>> suggest("dropuot", ["dropout", "l2"])
    "did you mean 'dropout'? allowed: dropout, l2"
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    question = f"did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    shown = ", ".join(escape(name) for name in names[:40])
    listing = shown if len(names) <= 40 else f"{shown}, ..."
    return f"{question}allowed: {listing or 'none'}"
