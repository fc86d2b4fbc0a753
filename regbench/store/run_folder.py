"""One run's folder: who owns it, what is committed, and what it came to.

The checkpoint is the commit record. A commit makes the rows durable, then writes `checkpoint/last.safetensors`, which
holds the tensors and the length and hash of the rows that belong to them; `prev.safetensors` is the commit before it.
On start the newest intact one is taken and the rows are cut to its length, so a run that was killed anywhere repeats
at most what came after its last commit, bit for bit. `result.json`, written last, is the only mark of completion; the
commits are of no use from then on and go.

What a run writes before its first commit is made durable with it, or with the result where a short run makes none.
"""

from __future__ import annotations

import errno
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from regbench.errors import ConfigError, RegbenchError
from regbench.statuses import ENDED, read_state
from regbench.store import durable
from regbench.store.checkpoint import (
    FRESH,
    Checkpoint,
    CheckpointError,
    DamagedCheckpointError,
    write_checkpoint,
)
from regbench.store.commits import read_newest
from regbench.store.durable import StorageError
from regbench.store.locks import take_lock_or_name_owner, unlock
from regbench.store.metrics_csv import Table
from regbench.store.run_files import format_json, format_result, read_optional, read_result, read_run
from regbench.store.staged_end import StagedEnd

if TYPE_CHECKING:
    from torch import Tensor

RESERVED = ("schema", "sha256", "config_hash", "metrics_bytes", "metrics_sha256", "timing_bytes")
BEGUN_WITH = ("config.yaml", "run.json", "preprocessing.json")
"""Files that are published when a run begins, and have to be durable with its first commit."""

DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class FolderInUse(ConfigError):
    """Another process, alive, is running this run."""


class RunFolder:
    """The folder of one run, owned by this process until it is closed; a context manager."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._config_hash = ""
        self._settled = False
        self._newest: tuple[Checkpoint | None, DamagedCheckpointError | None] | None = None
        self._metrics: Table | None = None
        self._timing: Table | None = None
        self._last = path / "checkpoint" / "last.safetensors"
        self._prev = path / "checkpoint" / "prev.safetensors"
        self._best = path / "checkpoint" / "best.safetensors"
        self._result = path / "result.json"

    @classmethod
    def claim(cls, path: Path) -> RunFolder:
        """Make the folder if need be, and own it: no other process can claim it until this one ends or closes it.

        Raises:
            FolderInUse: another process owns it; the line has its pid and host.
            ConfigError: the folder cannot be made or written.
            StorageError: the disk is full or broken.
        """
        try:
            durable.make_folder(path.parent)
            durable.make_folder(path / "checkpoint", synced=False)
            lock, owner = take_lock_or_name_owner(path / ".lock")
            if lock is None:
                raise FolderInUse(f"{path} is in use by {owner}; wait until it ends, or stop it")
        except OSError as error:
            kind = StorageError if error.errno in DISK_FAULTS else ConfigError
            raise kind(f"{path} cannot be used as a run's folder: {error.strerror}") from error
        folder = cls(path, lock)
        try:
            durable.remove(*durable.leftovers(path), *durable.leftovers(path / "checkpoint"))
        except BaseException:
            folder.close()
            raise
        return folder

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the files and give the folder back."""
        for table in (self._metrics, self._timing):
            if table is not None:
                table.close()
        self._metrics = self._timing = None
        lock, self._lock = self._lock, -1
        if lock >= 0:
            unlock(lock)

    def result(self) -> dict[str, Any] | None:
        """Return the result of a run that has ended; None when there is none yet, or when the last attempt failed.

        Raises:
            StorageError: `result.json` cannot be read, or is not a result.
        """
        result = read_result(self._result) or {}
        return result if result.get("status") in ENDED else None

    def whole_result(self) -> dict[str, Any] | None:
        """Return the result of a run that has ended and whose folder is whole; None when there is none yet.

        Raises:
            StorageError: what is there is not a result, or not the whole run.
        """
        result = self.result()
        if result is None:
            return None
        if not isinstance(result.get("best"), dict) or not (self.path / "metrics.csv").exists():
            raise StorageError(f"{self.path} holds a result but not the whole run; put it back, {FRESH}")
        return result

    def recorded_run(self) -> dict[str, object] | None:
        """Return the content of `run.json`, None without it; CheckpointError where it cannot be read."""
        try:
            return read_run(self.path / "run.json")
        except StorageError as error:
            raise CheckpointError(str(error)) from error

    def recorded_config(self) -> bytes | None:
        """Return the content of `config.yaml`; None where there is none."""
        return read_optional(self.path / "config.yaml")

    def newest_commit(self) -> Checkpoint | None:
        """Return the newest intact commit, or None when nothing was committed yet. It is read once; nothing changes.

        Raises:
            CheckpointError: no generation is intact, or it is of another schema version.
        """
        if self._newest is None:
            self._newest = read_newest(self._last, self._prev)
        return self._newest[0]

    def resume(self, config_hash: str, header: Sequence[str]) -> Checkpoint | None:
        """Open the tables at the newest intact commit and return it; None when nothing was committed yet.

        Rows after the commit are cut off. If `last` is damaged, `prev` takes its place and `run.log` says so.

        Args:
            config_hash: identity of the run's configuration.
            header: columns of `metrics.csv`.

        Raises:
            CheckpointError: no generation is intact, or the folder belongs to another configuration, schema version
                or set of columns, or committed rows were edited. Nothing was changed.
        """
        self._config_hash = config_hash
        commit, damage = self._newest or read_newest(self._last, self._prev)
        self._newest = None  # its tensors are the caller's from here on
        self._settled = commit is not None
        if commit is None:
            self._metrics = Table.start(self.path / "metrics.csv", header)
            self._timing = Table.start(self.path / "timing.csv", None)
        else:
            facts = commit.facts
            if facts["config_hash"] != config_hash:
                owner = facts["config_hash"]
                raise CheckpointError(f"{self.path} belongs to configuration {owner}, not to {config_hash}; {FRESH}")
            length, sha256 = facts["metrics_bytes"], facts["metrics_sha256"]
            self._metrics = Table.reopen(self.path / "metrics.csv", header, length, sha256)
            self._timing = Table.reopen_unverified(self.path / "timing.csv", facts["timing_bytes"])
            if damage is not None:
                self.log(f"warning: {damage}; resuming from {self._prev.name}, the commit before")
                durable.duplicate(self._prev, self._last)  # before the rows after it are gone
            self._metrics.cut()
            self._timing.cut()
        if self.result() is None:
            durable.remove(self._result)  # the failure of an earlier attempt, which run.log keeps
        return commit

    def discard(self) -> None:
        """Remove what the run has written, so that it starts over; `config.yaml`, `run.json` and `run.log` stay.

        A kill in between leaves a folder that resumes or refuses, never one that passes for complete.
        """
        self._newest = None
        tables = (self.path / "metrics.csv", self.path / "timing.csv")
        durable.remove(self._result, self._last, self._prev, self._best, self.path / "curves.svg", *tables)

    def write_config(self, yaml_text: str) -> None:
        """Store the resolved configuration as `config.yaml`."""
        self.write("config.yaml", yaml_text.encode())

    def write_run(self, facts: Mapping[str, Any]) -> None:
        """Store what the run depends on besides its configuration (data, code, versions, device) as `run.json`."""
        self.write("run.json", format_json(facts))

    def write(self, name: str, data: bytes) -> None:
        """Store one of the files that a run begins with: durable from its first commit on, or from now on after it."""
        (durable.replace if self._settled else durable.publish)(self.path / name, data)

    def write_curves(self, svg: bytes) -> None:
        """Store the picture of the loss curves as `curves.svg`; it is not made durable, for it can be drawn again."""
        durable.publish(self.path / "curves.svg", svg)

    def append(self, metrics: Mapping[str, object], timing: Mapping[str, object]) -> None:
        """Add one epoch's row to `metrics.csv` and `timing.csv`; it counts from the next commit on.

        Raises:
            StorageError: the disk refused it; or ValueError, a key is not a column.
        """
        table, clock = self._tables()
        table.append(metrics)
        clock.append(timing)

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Make everything up to here durable: whatever happens from now on, the run resumes from this point.

        Args:
            tensors: all tensors that the run is resumed from.
            facts: all else that it is resumed from, as JSON values; the names in `RESERVED` are the folder's own.

        Raises:
            StorageError: nothing was committed; the commits before are intact. The run must end.
        """
        taken = sorted(set(facts) & set(RESERVED))
        if taken:
            raise ValueError(f"facts of the folder itself: {', '.join(taken)}")
        table, clock = self._tables()
        self._settle(self.path)
        table.sync()
        clock.sync()
        record = {
            "config_hash": self._config_hash,
            "metrics_bytes": table.length,
            "metrics_sha256": table.sha256,
            "timing_bytes": clock.length,
        }
        write_checkpoint(self._last, tensors, {**facts, **record}, keep=self._prev)

    def finish(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        """Mark the run as ended: the best epoch's tensors first, `result.json` last; then its commits go.

        Raises:
            StorageError: the disk refused; the run has not ended and resumes from its last commit.
        """
        end = self.stage(result, best)
        end.mark()
        end.settle()

    def stage(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> StagedEnd:
        """Make all of a run's end durable but the mark: as `finish`, for runs that are to end at the same moment."""
        if read_state(result.get("status")) not in ENDED:
            raise ValueError(f"status is {result.get('status')!r}, not one of {', '.join(ENDED)}")
        tables = self._tables()
        self._settle()
        for table in tables:
            table.sync()
        write_checkpoint(self._best, best, {"config_hash": self._config_hash})
        durable.stage(self._result, format_result(result))
        return StagedEnd(self._result, (self._last, self._prev))

    def fail(self, error: BaseException) -> None:
        """Record a failure: traceback into `run.log`, one line into `result.json`; the same command tries again.

        A complete result stays as it is. A disk that refuses the record is not reported: the failure itself matters.
        """
        line = str(error) if isinstance(error, RegbenchError) else f"{type(error).__name__}: {error}"
        with suppress(StorageError):
            self.log("".join(traceback.format_exception(error)).rstrip())
        with suppress(StorageError):  # also raised by a result that is not readable, which stays for inspection
            if self.result() is None:
                first = line.strip().splitlines()[:1]
                durable.replace(self._result, format_result({"status": "failed", "error": "".join(first)}))

    def log(self, line: str) -> None:
        """Append to `run.log`, with the time."""
        durable.append_text(self.path / "run.log", f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n")

    def _settle(self, *folders: Path) -> None:
        """Make durable what was written before the first commit, the run's own name, and the names in some folders."""
        if not self._settled:
            durable.settle(*(self.path / name for name in BEGUN_WITH), self.path.parent, *folders)
            self._settled = True

    def _tables(self) -> tuple[Table, Table]:
        if self._metrics is None or self._timing is None:
            raise RuntimeError("resume() opens the tables; call it first")
        return self._metrics, self._timing
