"""The manifest of a sweep: its list of runs, kept in its folder so that any process can tell what is missing.

One file for each distinct list of runs, `.sweep/plan-<hash>.json`. A plan is written before the first run starts and
never changed; the states of its runs are in their own folders alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, escape
from regbench.store import durable
from regbench.store.json_file import read_json
from regbench.store.locks import hold

SCHEMA = 1
BOOKKEEPING = ".sweep"
"""The folder inside a sweep's folder that holds everything but its tables and runs."""

WRITE_LOCK = "lock"
"""Held in `.sweep` while a file that two sweeps may share is written: they would use one temporary file."""

METRIC = "metric"
"""What the sweep ranks by, where the person said so; it tells no run from another."""

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
LARGEST_PLAN = 1 << 30
ABSENT = object()
"""Stands for a setting that a run does not have."""

RANKS = ("regularizer", "dataset", "model", "schedule")


@dataclass(frozen=True)
class PlannedRun:
    """One planned run: its folder's name, and the values that tell it from others by dotted keys."""

    run_id: str
    values: Mapping[str, object]


def describe(configs: Sequence[RunConfig]) -> list[PlannedRun]:
    """Return the runs as the manifest lists them, in their order."""
    return [PlannedRun(config.run_id(), _flat_identity(config)) for config in configs]


def register(folder: Path, planned: Sequence[PlannedRun]) -> None:
    """Write down which runs a sweep is about to do, durably; the same list a second time changes nothing.

    Raises:
        ConfigError: the folder cannot be made or written.
        StorageError: the disk refused.
    """
    runs = {run.run_id: run.values for run in planned}
    digest = hashlib.sha256("\n".join(sorted(runs)).encode()).hexdigest()
    path = folder / BOOKKEEPING / f"plan-{digest[:12]}.json"
    try:
        durable.make_folder(path.parent)
        with hold(path.parent / WRITE_LOCK):
            if not _is_intact(path):
                durable.replace(path, _format(runs))
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used as a sweep's folder: {error.strerror}") from error


def read_planned(folder: Path, warn: Callable[[str], None]) -> list[PlannedRun]:
    """Return every run that a plan in this folder names, once: oldest plan first, in the order of the plan.

    Args:
        folder: the sweep's folder.
        warn: takes one line for each plan that cannot be used.
    """
    runs: dict[str, PlannedRun] = {}
    for path in _plan_files(folder):
        try:
            for run in _read_plan(path):
                runs.setdefault(run.run_id, run)
        except ValueError as error:
            warn(f"{escape(str(path))} is ignored because it {error}")
    return list(runs.values())


def forget(folder: Path, run_ids: Collection[str]) -> None:
    """Remove the plans all of whose runs are among these: their folders were removed.

    Raises:
        StorageError: the disk refused.
    """
    for path in _plan_files(folder):
        with suppress(ValueError, FileNotFoundError):
            if all(run.run_id in run_ids for run in _read_plan(path)):
                durable.remove(path)


def varying(runs: Sequence[PlannedRun]) -> list[str]:
    """Return the keys in which the runs differ: regularizers with their settings, then data, model, schedule, seed."""
    keys = dict.fromkeys(key for run in runs for key in run.values)
    found = [key for key in keys if key != METRIC and _varies([run.values.get(key, ABSENT) for run in runs])]
    return sorted(found, key=_rank)


def _flat_identity(config: RunConfig) -> dict[str, object]:
    values: dict[str, object] = {
        "regularizer": "+".join(sorted(config.regularizers)) or "none",
    }
    for name in sorted(config.regularizers):
        settings = {key: value for key, value in config.regularizers[name].items() if key != "name"}
        values.update(_flatten(settings, f"regularizer.{name}"))
    for group in ("dataset", "model", "schedule"):
        values.update(_flatten(getattr(config, group), group))
    values["seed"] = config.seed
    return values if config.metric is None else {**values, METRIC: config.metric}


def _flatten(node: Mapping[str, object], where: str) -> Iterator[tuple[str, object]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{where}.{key}")
        else:
            yield f"{where}.{key}", value


def _varies(column: list[object]) -> bool:
    first = column[0]
    if column.count(first) != len(column):
        return True
    # True == 1 to Python, but not to a configuration; 1 == 1.0 to both.
    return first in (0, 1) and len({isinstance(value, bool) for value in column}) > 1


def _rank(key: str) -> tuple[int, bool]:
    group = key.partition(".")[0]
    place = RANKS.index(group) if group in RANKS else len(RANKS)
    return place + (key == "seed"), key != group


def _format(runs: Mapping[str, Mapping[str, object]]) -> bytes:
    differing = set(varying([PlannedRun(run_id, values) for run_id, values in runs.items()]))
    first = next(iter(runs.values()), {})
    common = {key: value for key, value in first.items() if key not in differing}
    own = {run_id: {key: v for key, v in values.items() if key in differing} for run_id, values in runs.items()}
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
    for path in (folder / BOOKKEEPING).glob("plan-*.json"):
        try:
            found.append((path.stat().st_mtime_ns, path.name, path))
        except OSError:
            continue  # removed since, or a link to nothing
    return [path for *_, path in sorted(found)]


def _read_plan(path: Path) -> list[PlannedRun]:
    plan = read_json(path, LARGEST_PLAN)
    if not isinstance(plan, dict) or plan.get("schema") != SCHEMA:
        raise ValueError(f"is not a plan of schema {SCHEMA}")
    common, runs = _check_values(plan.get("common")), plan.get("runs")
    if not isinstance(runs, dict):
        raise ValueError("names no runs")
    for run_id in runs:
        if not RUN_ID.fullmatch(run_id):
            raise ValueError(f"names a run that cannot be a folder, '{escape(run_id[:60])}'")
    return [PlannedRun(run_id, {**common, **_check_values(own)}) for run_id, own in runs.items()]


def _check_values(values: object) -> dict[str, object]:
    if not isinstance(values, dict) or any(isinstance(value, dict) for value in values.values()):
        raise ValueError("holds values that are not settings")
    return values
