"""What a sweep set out to do: its list of runs, kept in its folder so that any process can tell what is missing.

One file for each distinct list of runs, `.sweep/plan-<hash>.json`. A plan is written before the first run starts and
never changed; what became of its runs stands in their own folders alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, escape
from regbench.store import durable
from regbench.store.locks import hold

SCHEMA = 1
BOOKS = ".sweep"
"""The folder inside a sweep's folder in which all bookkeeping lies."""

TURN = "lock"
"""Held in `.sweep` while a file that two sweeps may share is written: they would use one temporary file."""

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
LARGEST_PLAN = 1 << 30
MISSING = object()
RANKS = ("regularizer", "dataset", "model", "schedule")


@dataclass(frozen=True)
class Entry:
    """One planned run: its folder's name, and the values that tell it from others by dotted keys."""

    run_id: str
    values: Mapping[str, Any]


def describe(configs: Sequence[RunConfig]) -> list[Entry]:
    """Return the runs as entries, in their order."""
    return [Entry(config.run_id(), _flat_identity(config)) for config in configs]


def register(folder: Path, entries: Sequence[Entry]) -> None:
    """Write down which runs a sweep is about to do, durably; the same list a second time changes nothing.

    Raises:
        ConfigError: the folder cannot be made or written.
        StorageError: the disk refused.
    """
    runs = {entry.run_id: entry.values for entry in entries}
    digest = hashlib.sha256("\n".join(sorted(runs)).encode()).hexdigest()
    path = folder / BOOKS / f"plan-{digest[:12]}.json"
    try:
        durable.make_folder(path.parent)
        with hold(path.parent / TURN):
            if not _is_intact(path):
                durable.replace(path, _format(runs))
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used as a sweep's folder: {error.strerror}") from error


def planned(folder: Path, warn: Callable[[str], None] | None = None) -> list[Entry]:
    """Return every run that a plan in this folder names, once: oldest plan first, in the order of the plan.

    Args:
        folder: the sweep's folder.
        warn: takes one line for each plan that cannot be used; the error stream by default.
    """
    warn = warn or _print_warning
    entries: dict[str, Entry] = {}
    for path in _plan_files(folder):
        try:
            for entry in _read_plan(path):
                entries.setdefault(entry.run_id, entry)
        except ValueError as error:
            warn(f"{escape(str(path))} is ignored, for it {error}")
    return list(entries.values())


def varying(entries: Sequence[Entry]) -> list[str]:
    """Return the keys in which the runs differ: technique and its settings first, then data, model, schedule, seed."""
    keys = dict.fromkeys(key for entry in entries for key in entry.values)
    found = [key for key in keys if _varies([entry.values.get(key, MISSING) for entry in entries])]
    return sorted(found, key=_rank)


def read_json(path: Path, largest: int) -> Any:
    """Return the content of a JSON file from another process.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it cannot be used; the text goes on a sentence that begins with the file's name.
    """
    try:
        facts = path.stat()
        # A pipe would keep the reader waiting for ever.
        data = path.read_bytes() if stat.S_ISREG(facts.st_mode) and facts.st_size <= largest else None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if data is None:
        raise ValueError(f"is no file of at most {largest} bytes")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("is not JSON") from error


def _flat_identity(config: RunConfig) -> dict[str, Any]:
    values: dict[str, Any] = {
        "regularizer": "+".join(sorted(config.regularizers)) or "none",
    }
    for name in sorted(config.regularizers):
        settings = {key: value for key, value in config.regularizers[name].items() if key != "name"}
        values.update(_flatten(settings, f"regularizer.{name}"))
    for group in ("dataset", "model", "schedule"):
        values.update(_flatten(getattr(config, group), group))
    values["seed"] = config.seed
    return values


def _flatten(node: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{where}.{key}")
        else:
            yield f"{where}.{key}", value


def _varies(column: list[Any]) -> bool:
    first = column[0]
    if column.count(first) != len(column):
        return True
    # True == 1 to Python, but not to a configuration; 1 == 1.0 to both.
    return first in (0, 1) and len({isinstance(value, bool) for value in column}) > 1


def _rank(key: str) -> tuple[int, bool]:
    group = key.partition(".")[0]
    place = RANKS.index(group) if group in RANKS else len(RANKS)
    return place + (key == "seed"), key != group


def _format(runs: Mapping[str, Mapping[str, Any]]) -> bytes:
    entries = [Entry(run_id, values) for run_id, values in runs.items()]
    differing = set(varying(entries))
    common = {key: value for key, value in (entries[0].values if entries else {}).items() if key not in differing}
    own = {entry.run_id: {key: v for key, v in entry.values.items() if key in differing} for entry in entries}
    text = json.dumps({"schema": SCHEMA, "common": common, "runs": own}, indent=1, ensure_ascii=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def _is_intact(path: Path) -> bool:
    try:
        _read_plan(path)
    except (FileNotFoundError, ValueError):
        return False
    return True


def _plan_files(folder: Path) -> list[Path]:
    """Return the plans of a sweep, the oldest first."""
    found = []
    for path in (folder / BOOKS).glob("plan-*.json"):
        try:
            found.append((path.stat().st_mtime_ns, path.name, path))
        except OSError:
            continue  # removed since, or a link to nothing
    return [path for *_, path in sorted(found)]


def _read_plan(path: Path) -> list[Entry]:
    plan = read_json(path, LARGEST_PLAN)
    if not isinstance(plan, dict) or plan.get("schema") != SCHEMA:
        raise ValueError(f"is no plan of schema {SCHEMA}")
    common, runs = _check_values(plan.get("common")), plan.get("runs")
    if not isinstance(runs, dict):
        raise ValueError("names no runs")
    for run_id in runs:
        if not RUN_ID.fullmatch(run_id):
            raise ValueError(f"names a run that cannot be a folder, '{escape(run_id[:60])}'")
    return [Entry(run_id, {**common, **_check_values(own)}) for run_id, own in runs.items()]


def _check_values(values: object) -> dict[str, Any]:
    if not isinstance(values, dict) or any(isinstance(value, dict) for value in values.values()):
        raise ValueError("holds values that are no settings")
    return values


def _print_warning(line: str) -> None:
    print(f"regbench: warning: {line}", file=sys.stderr)
