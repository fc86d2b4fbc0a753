"""Lines of a person's text file, and the numbers in them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from regbench.errors import ConfigError, escape

LINE_END = re.compile(r"\r\n|\r|\n")


def number_lines(content: bytes, path: str, comments: str) -> Iterator[tuple[int, str]]:
    """Return the lines of a file in UTF-8 with their numbers from 1, stripped, without empty ones and comments.

    Args:
        content: the bytes of the file.
        path: what messages call it.
        comments: characters of which one at its start makes a line a comment.

    Raises:
        ConfigError: the file is not UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise ConfigError(f"{path}: byte {reason.start} is not UTF-8; save the file as UTF-8") from None
    for number, line in enumerate(LINE_END.split(text), 1):
        stripped = line.strip()
        if stripped and stripped[0] not in comments:
            yield number, stripped


def read_number(text: str) -> float | None:
    """Return a finite number, or NaN for `nan`; None for anything else. Python's own `1_0` is no number here."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if "_" in text or math.isinf(number) else number


def show(text: str) -> str:
    """Return a piece of a file as a refusal shows it: quoted, printable, at most 60 characters."""
    return escape(repr(text if len(text) <= 60 else f"{text[:57]}..."))
