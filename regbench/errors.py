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


def suggest(word: str, allowed: Iterable[str]) -> str:
    """Return the tail of a refusal: the nearest valid names, then all of them if they are few.

    >>> suggest("dropuot", ["dropout", "l2"])
    "did you mean 'dropout'? allowed: dropout, l2"
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    question = f"did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    listing = ", ".join(names) if len(names) <= 40 else f"{', '.join(names[:40])}, ..."
    return f"{question}allowed: {listing or 'none'}"
