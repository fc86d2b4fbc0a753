"""JSON files of a run's folder: how they are written, and what of `result.json` and `run.json` can be read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from regbench.statuses import RECORDED, read_state
from regbench.store.checkpoint import FRESH
from regbench.store.durable import StorageError
from regbench.store.json_text import format_lines, sort_keys

RESULT_SCHEMA = 2
"""Version of `result.json`. Schema 1 has no number in it, and calls a complete run `finished`."""

RUN_SCHEMA = 2
"""Version of `run.json`. Schema 1 records neither the data's files nor the code."""


def format_result(result: Mapping[str, object]) -> bytes:
    """Return the content of `result.json`."""
    return format_json({"schema": RESULT_SCHEMA, **result})


def read_result(path: Path) -> dict[str, object] | None:
    """Return a result in its present schema, whichever schema it was written in; None where there is none.

    Raises:
        StorageError: the file cannot be read, is not a result, or is one of a later schema.
    """
    result = _read_json(path, "a result", RESULT_SCHEMA)
    if result is None:
        return None
    state = read_state(result.get("status"))
    if state is None:
        raise StorageError(f"{path} has no status of {', '.join(RECORDED)}; put it back, {FRESH}")
    return {**result, "schema": RESULT_SCHEMA, "status": state.value}


def read_run(path: Path) -> dict[str, object] | None:
    """Return what `run.json` records, None where there is none; an earlier schema lacks some keys.

    Raises:
        StorageError: the file cannot be read, is not a run's record, or is one of a later schema.
    """
    return _read_json(path, "the record of a run", RUN_SCHEMA)


def check_schema(facts: Mapping[str, object], newest: int) -> None:
    """Require that a file's content is of a schema that this version reads; without a number it is schema 1.

    Raises:
        ValueError: it is not; the text continues a sentence that begins with the file's name.
    """
    schema = facts.get("schema", 1)
    if type(schema) is not int or not 1 <= schema <= newest:
        raise ValueError(f"has schema {schema!r}, this regbench has {newest}; use that one")


def read_optional(path: Path) -> bytes | None:
    """Return the content of a file; None where there is none.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}; put it back, {FRESH}") from error


def format_json(facts: Mapping[str, object]) -> bytes:
    """Return indented JSON with sorted keys, in which NaN and infinities are null."""
    try:
        text = format_lines(sort_keys(facts))
    except (ValueError, TypeError):
        text = format_lines(sort_keys(_finite(facts)))
    return f"{text}\n".encode("utf-8", "backslashreplace")


def _read_json(path: Path, what: str, newest: int) -> dict[str, object] | None:
    content = read_optional(path)
    if content is None:
        return None
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path} cannot be read as {what}; put it back, {FRESH}") from error
    if not isinstance(facts, dict):
        raise StorageError(f"{path} is not {what}; put it back, {FRESH}")
    try:
        check_schema(facts, newest)
    except ValueError as error:
        raise StorageError(f"{path} {error}, {FRESH}") from error
    return facts


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
