"""JSON that carries the sha256 of its own content, for facts that must not change unnoticed by a single digit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regbench.errors import RegbenchError
from regbench.store.json_text import format_lines

SEAL = "sha256"


class DamagedFileError(RegbenchError):
    """A file is not, fact by fact, the one that was written."""


def seal(facts: Mapping[str, Any]) -> bytes:
    """Return facts as indented JSON with their sha256; floats are written so that they are read back exactly."""
    text = format_lines({**facts, SEAL: _digest(facts)})
    return f"{text}\n".encode("utf-8", "surrogatepass")


def read_sealed(path: Path) -> dict[str, Any]:
    """Return the facts that `seal` was given.

    Raises:
        FileNotFoundError: it is not there.
        DamagedFileError: it cannot be read, or a fact was changed.
    """
    try:
        facts = json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedFileError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged: it is not JSON") from error
    if not isinstance(facts, dict) or facts.pop(SEAL, None) != _digest(facts):
        raise DamagedFileError(f"{path} is damaged: its sha256 differs from the one it was written with")
    return facts


def _digest(facts: Mapping[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
