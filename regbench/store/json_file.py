"""JSON files that another process has written, read without a lock and without trust."""

from __future__ import annotations

import json
import stat
from pathlib import Path


def read_json(path: Path, largest: int) -> object:
    """Return the content of a JSON file of at most `largest` bytes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be used; the text continues a sentence that begins with the file's name.
    """
    try:
        facts = path.stat()
        # A pipe would keep the reader waiting forever.
        data = path.read_bytes() if stat.S_ISREG(facts.st_mode) and facts.st_size <= largest else None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if data is None:
        raise ValueError(f"is not a file of at most {largest} bytes")
    try:
        content: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("is not JSON") from error
    return content
