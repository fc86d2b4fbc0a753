"""Files of a data set as they were when they were read, so that a later command can tell whether they are the same.

A file whose path, size and times are those recorded is trusted unread, as git does. Its change time is among them: a
person can put back the modification time of a file, but not that one. Otherwise its bytes are hashed.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    from regbench.data.dataset import Dataset

Rows = TypeVar("Rows")

RACY_NS = 2 * 10**9
"""Nanoseconds: the coarsest clock of a file system. A file that was younger than this when it was recorded may have
been written again within the same tick, so its times prove nothing."""

TEXTS = ("given", "path", "sha256")
NUMBERS = ("size", "mtime_ns", "ctime_ns", "recorded_ns")


@dataclass(frozen=True)
class FileRecord:
    """One file of a data set, as it was when a run read it; `*_ns` are nanoseconds since 1970."""

    given: str
    """Path as the settings name it; a relative one starts at the current folder."""
    path: str
    """The same, absolute, at that time."""
    size: int
    mtime_ns: int
    ctime_ns: int
    recorded_ns: int
    """Time at which the file was looked at."""
    sha256: str
    """Of the file's bytes, in hex."""

    def to_json(self) -> dict[str, object]:
        """Return the record as JSON values."""
        return asdict(self)

    def is_unchanged(self, hash_file: Callable[[Path], str]) -> bool:
        """Tell whether the file that the settings name now, from this folder, has the bytes that were recorded.

        Args:
            hash_file: `hash_file` below, or the same with a memory.

        Raises:
            OSError: the file is missing or cannot be read.
        """
        place = locate(self.given)
        facts = os.stat(place)
        if facts.st_size != self.size:
            return False
        settled = max(self.mtime_ns, self.ctime_ns) < self.recorded_ns - RACY_NS
        same_times = (facts.st_mtime_ns, facts.st_ctime_ns) == (self.mtime_ns, self.ctime_ns)
        if settled and same_times and str(place) == self.path:
            return True
        return stat.S_ISREG(facts.st_mode) and hash_file(place) == self.sha256


def read_file_record(facts: object) -> FileRecord | None:
    """Return the record that `to_json` wrote; None for anything else."""
    if not isinstance(facts, Mapping) or set(facts) != {*TEXTS, *NUMBERS}:
        return None
    sound = all(isinstance(facts[name], str) for name in TEXTS) and all(type(facts[name]) is int for name in NUMBERS)
    return FileRecord(**facts) if sound else None


def read_recorded(dataset: Dataset, read: Callable[[], Rows]) -> tuple[Rows, tuple[FileRecord, ...] | None]:
    """Read a data set and record the files that it is read from.

    Args:
        dataset: the data set.
        read: reads it.

    Returns:
        What `read` returns, and the files: none at all for a data set that settings and installed packages decide; None
        where it is not known what the rows were read from, or where that can be read only once (a pipe).

    Raises:
        ConfigError: the data set cannot be read, or a file changed while it was read.
    """
    before = _record_all(dataset.files())
    rows = read()
    for record in before or ():
        facts = os.stat(record.path)
        if (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns) != (record.size, record.mtime_ns, record.ctime_ns):
            raise ConfigError(f"{escape(record.given)} changed while it was read; give the command again")
    return rows, before


def locate(given: str) -> Path:
    """Return the absolute path of a file that a setting names, seen from the current folder."""
    return Path(given).expanduser().absolute()


def _record_all(paths: tuple[str, ...] | None) -> tuple[FileRecord, ...] | None:
    if paths is None:
        return None
    records: list[FileRecord] = []
    for given in paths:
        try:
            records.append(_record(given))
        except (OSError, ValueError, RuntimeError):
            return None  # missing, a pipe, an impossible name: reading it will say so, or do with it
    return tuple(records)


def _record(given: str) -> FileRecord:
    place = locate(given)
    facts = os.stat(place)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(f"{given} is not a regular file")
    return FileRecord(
        given=given,
        path=str(place),
        size=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
        ctime_ns=facts.st_ctime_ns,
        recorded_ns=time.time_ns(),  # before the bytes are read: what is written from here on must look young
        sha256=hash_file(place),
    )


def hash_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
