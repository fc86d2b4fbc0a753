"""What a living worker says of itself: which runs it trains and how far it has come.

Each worker holds the lock `.sweep/worker-NAME.lock` as long as it lives; the kernel frees it when the process ends,
however it ends, so what a dead worker left is told from what a living one says without pids or clocks.
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
from typing import Any

from regbench.errors import ConfigError
from regbench.store import durable
from regbench.store.durable import StorageError
from regbench.store.locks import lock_is_taken
from regbench.sweeps.manifest import BOOKS, read_json

INTERVAL = 0.5
"""Seconds between two accounts of one worker."""

LARGEST_BEAT = 1 << 16
WORKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TRIES = 100
"""How often a lock is tried, 10 ms apart: a reader who clears up holds it for some microseconds."""


@dataclass(frozen=True)
class BeatState:
    """What one worker last said: it trains `runs` runs called `label`, and `epoch` of at most `epochs` is done."""

    worker: str
    host: str
    label: str
    runs: int
    epoch: int
    epochs: int


class Beat:
    """A worker's own account, for as long as the context lasts."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock
        self._next = -float("inf")

    @classmethod
    def open(cls, folder: Path, worker: str) -> Beat:
        """Announce a worker in a sweep's folder; its name must be its own, as in `<host>-<pid>`.

        Raises:
            ConfigError: the folder cannot be written, or a living worker has this name.
            ValueError: the name is no file name.
        """
        if not WORKER.fullmatch(worker):
            raise ValueError(f"{worker!r} cannot be part of a file's name")
        path = folder / BOOKS / f"worker-{worker}.json"
        try:
            durable.make_folder(path.parent)
            for _ in range(TRIES):
                lock = _own(path.with_suffix(".lock"))
                if lock is not None:
                    return cls(path, lock)
                time.sleep(0.01)
        except OSError as error:
            raise ConfigError(f"{folder} cannot be used as a sweep's folder: {error.strerror}") from error
        raise ConfigError(f"{folder}: another worker is called {worker}")

    def __enter__(self) -> Beat:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def tell(self, label: str, runs: int, epoch: int, epochs: int) -> None:
        """Say how far it has come; a few comparisons, unless the last account is older than `INTERVAL`."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + INTERVAL
        facts = {"host": os.uname().nodename, "label": label, "runs": runs, "epoch": epoch, "epochs": epochs}
        with contextlib.suppress(StorageError):  # no more than information; training itself meets a full disk
            durable.publish(self._path, f"{json.dumps(facts)}\n".encode())

    def close(self) -> None:
        """Take the account back; a second call does nothing."""
        if self._lock >= 0:
            _clear(self._path)
            durable.unlock(self._lock)
            self._lock = -1


def read_beats(folder: Path) -> list[BeatState]:
    """Return what the living workers of a sweep say, by name; what dead ones left is ignored and removed."""
    found = []
    for lock in sorted((folder / BOOKS).glob("worker-*.lock")):
        path = lock.with_suffix(".json")
        with contextlib.suppress(OSError):  # somebody else's folder, or no file: then there is nothing to tell
            if lock.is_symlink() or not lock.is_file():
                continue
            if lock_is_taken(lock):
                found.append(_read(path))
            else:
                _bury(path)
    return [beat for beat in found if beat is not None]


def _read(path: Path) -> BeatState | None:
    try:
        facts = read_json(path, LARGEST_BEAT)
    except (FileNotFoundError, ValueError):
        return None  # it has said nothing yet
    if not isinstance(facts, dict):
        return None
    texts = [facts.get(key) for key in ("host", "label")]
    counts: list[Any] = [facts.get(key) for key in ("runs", "epoch", "epochs")]
    if not all(isinstance(text, str) for text in texts) or not all(type(n) is int and 0 <= n < 1 << 31 for n in counts):
        return None
    return BeatState(path.stem.removeprefix("worker-"), str(texts[0]), str(texts[1]), *counts)


def _own(lock: Path) -> int | None:
    """Take a worker's lock; None when another has it, or has removed the file that was locked."""
    descriptor = durable.lock(lock)
    if descriptor is not None and not (lock.exists() and os.path.samestat(os.fstat(descriptor), lock.stat())):
        os.close(descriptor)
        return None
    return descriptor


def _bury(path: Path) -> None:
    """Remove what a dead worker left, under its lock, so that a new worker of the name loses nothing."""
    descriptor = _own(path.with_suffix(".lock"))
    if descriptor is not None:
        _clear(path)
        durable.unlock(descriptor)


def _clear(path: Path) -> None:
    with contextlib.suppress(StorageError):
        durable.remove(path, path.with_name(f".{path.name}.tmp"), path.with_suffix(".lock"))
