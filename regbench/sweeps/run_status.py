"""What became of the planned runs, read from their own folders: `result.json` is the only mark of completion."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from regbench.store.run_folder import COMPLETE
from regbench.sweeps.manifest import Entry, read_json

State = Literal["done", "failed", "waiting"]
LARGEST_RESULT = 1 << 24
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Standing:
    """Where one run stands: `done` (finished, stopped early or diverged), `failed` with its error, or `waiting`."""

    entry: Entry
    state: State = "waiting"
    result: Mapping[str, Any] | None = None
    error: str | None = None

    @property
    def status(self) -> str:
        """The status that its result gives, or the state where there is none."""
        return str(self.result["status"]) if self.state == "done" and self.result else self.state

    def figures(self, part: str) -> Mapping[str, float]:
        """Return the finite figures of a part (train, val, test) at the best epoch; none where the part is missing."""
        at_best = (self.result or {}).get("best")
        named = at_best.get(part) if isinstance(at_best, dict) else None
        if not isinstance(named, dict):
            return {}
        return {name: float(value) for name, value in named.items() if _is_figure(value)}

    def has_part(self, part: str) -> bool:
        """Tell whether the run's data have this part."""
        at_best = (self.result or {}).get("best")
        return isinstance(at_best, dict) and isinstance(at_best.get(part), dict)

    def number(self, name: str) -> float | int | None:
        """Return a number of the result, such as `epochs` or `seconds`."""
        value = (self.result or {}).get(name)
        return value if _is_figure(value) else None


class Survey:
    """Follows the runs of a sweep; one look costs a few microseconds for each run without a final result."""

    def __init__(self, folder: Path, entries: Sequence[Entry]) -> None:
        self.standings = [Standing(entry) for entry in entries]
        self._paths = [os.path.join(folder, entry.run_id, "result.json") for entry in entries]
        self._open = list(range(len(entries)))
        self._seen: dict[int, tuple[int, int]] = {}
        """Inode and time of the last result that was not final: such a run may be tried again."""

    def poll(self) -> None:
        """Look once at every run that is not done."""
        for place in self._open:
            self._look(place)
        self._open = [place for place in self._open if self.standings[place].state != "done"]

    def _look(self, place: int) -> None:
        path = self._paths[place]
        try:
            facts = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            if self.standings[place].state != "waiting":  # it is being tried again
                self._seen.pop(place, None)
                self.standings[place] = Standing(self.standings[place].entry)
            return
        except OSError as error:
            self.standings[place] = _failed(self.standings[place], f"result.json cannot be read: {error.strerror}")
            return
        mark = (facts.st_ino, facts.st_mtime_ns)
        if self._seen.get(place) != mark:
            self._seen[place] = mark
            self.standings[place] = _judge(Path(path), self.standings[place])


def _judge(path: Path, before: Standing) -> Standing:
    try:
        result = read_json(path, LARGEST_RESULT)
    except FileNotFoundError:
        return replace(before, state="waiting", result=None, error=None)
    except ValueError as error:
        return _failed(before, f"result.json {error}")
    if not isinstance(result, dict):
        return _failed(before, "result.json is no result")
    if result.get("status") == "failed":
        return replace(_failed(before, str(result.get("error") or "no reason given")), result=result)
    if result.get("status") not in COMPLETE or not isinstance(result.get("best"), dict):
        return _failed(before, "result.json is no whole result")
    return replace(before, state="done", result=result, error=None)


def _failed(before: Standing, error: str) -> Standing:
    return replace(before, state="failed", result=None, error=error)


def _is_figure(value: object) -> bool:
    """Tell whether a value from a file is a number that can be reckoned with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1 << 62
