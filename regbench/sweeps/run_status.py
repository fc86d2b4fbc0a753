"""The states of planned runs, read from their own folders: `result.json` is the only mark of completion."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeGuard

from regbench.metrics import PARTS
from regbench.runs.provenance import Origin, describe_origin
from regbench.statuses import RunState, read_state
from regbench.store.json_file import read_json
from regbench.store.locks import lock_is_taken
from regbench.store.run_files import RESULT_SCHEMA, RUN_SCHEMA, check_schema
from regbench.sweeps.manifest import PlannedRun

LARGEST_FILE = 1 << 24


@dataclass(frozen=True)
class RunStatus:
    """The state of one run as its folder tells it, with its result, or the error of one that failed."""

    run: PlannedRun
    state: RunState = RunState.MISSING
    result: Mapping[str, object] | None = None
    error: str | None = None
    origin: Origin = field(default_factory=Origin)
    """Data and code that made the result; nothing is known of them where there is no result."""

    def figures(self, part: str, at: str = "best") -> Mapping[str, float]:
        """Return the finite figures of a part (train, val, test) at the `best` or `last` epoch, if the data have it."""
        return self._finite.get((at, part), {})

    @cached_property
    def _finite(self) -> dict[tuple[str, str], Mapping[str, float]]:
        """The finite figures by epoch and part; asked for again and again where runs are ranked."""
        found = {(at, part): self._figures(part, at) for at in ("best", "last") for part in PARTS}
        return {
            key: {name: float(value) for name, value in named.items() if _is_figure(value)}
            for key, named in found.items()
            if named is not None
        }

    def result_names(self, part: str) -> tuple[str, ...]:
        """Return the names of all figures of a part at the best epoch, undefined ones too."""
        return tuple(self._figures(part, "best") or ())

    def has_part(self, part: str) -> bool:
        """Tell whether the run's data have this part."""
        return self._figures(part, "best") is not None

    def number(self, name: str) -> float | int | None:
        """Return a number of the result, such as `epochs` or `seconds`."""
        value = (self.result or {}).get(name)
        return value if _is_figure(value) else None

    @property
    def idle(self) -> Mapping[str, str]:
        """Regularizers that change nothing on the run's data, with the reason."""
        found = (self.result or {}).get("idle")
        return {str(name): str(reason) for name, reason in found.items()} if isinstance(found, dict) else {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was chosen for the person."""
        found = (self.result or {}).get("notes")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Number of rows of each part; a part is absent where the result does not say it."""
        found = (self.result or {}).get("rows")
        named = found if isinstance(found, dict) else {}
        return {part: count for part, count in named.items() if isinstance(count, int) and 0 <= count < 1 << 62}

    def _figures(self, part: str, at: str) -> Mapping[str, float] | None:
        found = (self.result or {}).get(at)
        named = found.get(part) if isinstance(found, dict) else None
        return named if isinstance(named, dict) else None


class StatusReader:
    """Follows the runs of a sweep; one look costs a few microseconds for each run that has not ended."""

    def __init__(self, folder: Path, runs: Sequence[PlannedRun]) -> None:
        self.statuses = [RunStatus(run) for run in runs]
        self._folders = [os.path.join(folder, run.run_id) for run in runs]
        self._open = list(range(len(runs)))
        self._seen: dict[int, tuple[int, int]] = {}
        """Inode and time of the last result that was not final: such a run may be tried again."""

    def poll(self) -> None:
        """Look once at every run that has not ended."""
        for place in self._open:
            self._look(place)
        self._open = [place for place in self._open if not self.statuses[place].state.ended]

    def _look(self, place: int) -> None:
        status, path = self.statuses[place], os.path.join(self._folders[place], "result.json")
        try:
            facts = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            self._seen.pop(place, None)
            self.statuses[place] = RunStatus(status.run, read_unended(self._folders[place]))
            return
        except OSError as error:
            self.statuses[place] = _failed(status, f"result.json cannot be read: {error.strerror}")
            return
        mark = (facts.st_ino, facts.st_mtime_ns)
        if self._seen.get(place) != mark:
            self._seen[place] = mark
            self.statuses[place] = _judge(Path(path), status)


def read_unended(folder: str) -> RunState:
    """Return the state of a run without a result: running, interrupted or missing.

    A run is running while its folder's lock is held. Its owner writes its name into the lock file and empties it at the
    end, so the kernel is asked only where there is a name: asking takes the lock of a dead owner for a moment.
    """
    lock = os.path.join(folder, ".lock")
    with suppress(OSError):  # nothing there, or a folder that may not be searched
        if os.stat(lock).st_size and lock_is_taken(Path(lock)):
            return RunState.RUNNING
    commits = (os.path.join(folder, "checkpoint", f"{name}.safetensors") for name in ("last", "prev"))
    return RunState.INTERRUPTED if any(map(os.path.exists, commits)) else RunState.MISSING


def read_origin(folder: Path) -> Origin:
    """Return the data and the code that a run's `run.json` records; none known where there is no such file.

    Raises:
        ValueError: it cannot be used; the text names the file.
    """
    try:
        facts = read_json(folder / "run.json", LARGEST_FILE)
        if not isinstance(facts, dict):
            raise ValueError("is not the record of a run")
        check_schema(facts, RUN_SCHEMA)
    except FileNotFoundError:
        return Origin()
    except ValueError as error:
        raise ValueError(f"run.json {error}") from error
    return describe_origin(facts)


def _judge(path: Path, before: RunStatus) -> RunStatus:
    """Return the status of a run that has a result."""
    try:
        result = read_json(path, LARGEST_FILE)
        if not isinstance(result, dict):
            raise ValueError("is not a result")
        check_schema(result, RESULT_SCHEMA)
    except FileNotFoundError:
        return RunStatus(before.run, read_unended(str(path.parent)))
    except ValueError as error:
        return _failed(before, f"result.json {error}")
    state = read_state(result.get("status"))
    if state is RunState.FAILED:
        return replace(_failed(before, str(result.get("error") or "no reason given")), result=result)
    if state is None or not isinstance(result.get("best"), dict):
        return _failed(before, "result.json is not a whole result")
    try:
        return RunStatus(before.run, state, result, origin=read_origin(path.parent))
    except ValueError as error:
        return _failed(before, str(error))


def _failed(before: RunStatus, error: str) -> RunStatus:
    return RunStatus(before.run, RunState.FAILED, None, error)


def _is_figure(value: object) -> TypeGuard[float | int]:
    """Tell whether a value from a file is a number that can be computed with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1 << 62
