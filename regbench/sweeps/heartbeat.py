"""Heartbeats: which runs a living worker trains and how far it has come, in a file of its own.

Each worker holds the lock `.sweep/worker-NAME.lock` as long as it lives; the kernel frees it when the process ends,
however it ends, so what a dead worker left is told from what a living one wrote without pids or clocks.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from regbench.errors import ConfigError
from regbench.store import durable, locks
from regbench.store.durable import StorageError
from regbench.store.json_file import read_json
from regbench.store.locks import lock_is_taken, unlock
from regbench.sweeps.manifest import BOOKKEEPING

INTERVAL = 0.5
"""Seconds between two heartbeats of one worker."""

LARGEST_HEARTBEAT = 1 << 16
WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TRIES = 100
"""Times that a lock is tried, 10 ms apart: a reader that removes leftovers holds it for some microseconds."""


@dataclass(frozen=True)
class Heartbeat:
    """The last heartbeat of a worker: it trains `runs` runs called `label` and is at `epoch` of `epochs`."""

    worker: str
    host: str
    label: str
    runs: int
    epoch: int
    epochs: int


class HeartbeatWriter:
    """The file in which a worker reports, for as long as the context lasts."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock
        self._next = -float("inf")

    @classmethod
    def open(cls, folder: Path, worker: str) -> HeartbeatWriter:
        """Announce a worker in a sweep's folder; its name must be its own, as in `<host>-<pid>`.

        Raises:
            ConfigError: the folder cannot be written, or a living worker has this name.
            ValueError: the name cannot be part of a file's name.
        """
        if not WORKER.fullmatch(worker):
            raise ValueError(f"{worker!r} cannot be part of a file's name")
        path = folder / BOOKKEEPING / f"worker-{worker}.json"
        try:
            durable.make_folder(path.parent)
            for _ in range(TRIES):
                lock = _take_lock(path.with_suffix(".lock"))
                if lock is not None:
                    return cls(path, lock)
                time.sleep(0.01)
        except OSError as error:
            raise ConfigError(f"{folder} cannot be used as a sweep's folder: {error.strerror}") from error
        raise ConfigError(f"{folder}: another worker is called {worker}")

    def __enter__(self) -> HeartbeatWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def report(self, label: str, runs: int, epoch: int, epochs: int) -> None:
        """Report how far it has come; a few comparisons, unless the last report is older than `INTERVAL`."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + INTERVAL
        facts = {"host": os.uname().nodename, "label": label, "runs": runs, "epoch": epoch, "epochs": epochs}
        with contextlib.suppress(StorageError):  # only information: training itself will meet the full disk
            durable.publish(self._path, f"{json.dumps(facts)}\n".encode())

    def close(self) -> None:
        """Remove the file; a second call does nothing."""
        if self._lock >= 0:
            _remove(self._path)
            unlock(self._lock)
            self._lock = -1


def read_heartbeats(folder: Path) -> list[Heartbeat]:
    """Return the heartbeats of the living workers of a sweep, by name; what dead ones left is ignored and removed."""
    found = []
    for lock in sorted((folder / BOOKKEEPING).glob("worker-*.lock")):
        path = lock.with_suffix(".json")
        with contextlib.suppress(OSError):  # somebody else's folder, or not a file
            if lock.is_symlink() or not lock.is_file():
                continue
            if lock_is_taken(lock):
                found.append(_read(path))
            else:
                _remove_leftovers(path)
    return [heartbeat for heartbeat in found if heartbeat is not None]


def _read(path: Path) -> Heartbeat | None:
    try:
        facts = read_json(path, LARGEST_HEARTBEAT)
    except (FileNotFoundError, ValueError):
        return None  # it has written nothing yet
    if not isinstance(facts, dict):
        return None
    host, label = facts.get("host"), facts.get("label")
    runs, epoch, epochs = (_count(facts.get(key)) for key in ("runs", "epoch", "epochs"))
    if not isinstance(host, str) or not isinstance(label, str) or runs is None or epoch is None or epochs is None:
        return None
    return Heartbeat(path.stem.removeprefix("worker-"), host, label, runs, epoch, epochs)


def _count(value: object) -> int | None:
    """Return a count from a file; None for anything else, True among it."""
    return value if type(value) is int and 0 <= value < 1 << 31 else None


def _take_lock(lock: Path) -> int | None:
    """Take a worker's lock; None when another has it, or has removed the file that was locked."""
    descriptor = locks.lock(lock)
    if descriptor is not None and not (lock.exists() and os.path.samestat(os.fstat(descriptor), lock.stat())):
        os.close(descriptor)
        return None
    return descriptor


def _remove_leftovers(path: Path) -> None:
    """Remove what a dead worker left, under its lock, so that a new worker of the name loses nothing."""
    descriptor = _take_lock(path.with_suffix(".lock"))
    if descriptor is not None:
        _remove(path)
        unlock(descriptor)


def _remove(path: Path) -> None:
    with contextlib.suppress(StorageError):
        durable.remove(path, path.with_name(f".{path.name}.tmp"), path.with_suffix(".lock"))
