"""Files of a data set as they were when they were read, so that a later command can tell whether they are the same.

A file whose path, size and times are those recorded is trusted unread, as git does. Its change time is among them: a
person can put back the modification time of a file, but not that one. Otherwise its bytes are hashed.

A folder is recorded as one file is, because thousands of records would be larger than the results: its size is that of
all files below it, its times are the latest of any file or folder. Whatever is written, added, removed or renamed there
moves one of these.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    from regbench.data.dataset import Dataset

Result = TypeVar("Result")

RACY_NS = 2 * 10**9
"""Nanoseconds: the coarsest clock of a file system. A file that was younger than this when it was recorded may have
been written again within the same tick, so its times prove nothing."""

TEXTS = ("given", "path", "sha256")
NUMBERS = ("size", "mtime_ns", "ctime_ns", "recorded_ns")


class Facts(NamedTuple):
    """Size in bytes and times of a file or of all below a folder; a pipe cannot be hashed, it is read only once."""

    size: int
    mtime_ns: int
    ctime_ns: int
    can_be_hashed: bool


@dataclass(frozen=True)
class FileRecord:
    """One file or folder of a data set, as it was when a run read it; `*_ns` are nanoseconds since 1970."""

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
        facts = look(place)
        if facts.size != self.size:
            return False
        settled = max(self.mtime_ns, self.ctime_ns) < self.recorded_ns - RACY_NS
        same_times = (facts.mtime_ns, facts.ctime_ns) == (self.mtime_ns, self.ctime_ns)
        if settled and same_times and str(place) == self.path:
            return True
        return facts.can_be_hashed and hash_file(place) == self.sha256


def read_file_record(facts: object) -> FileRecord | None:
    """Return the record that `to_json` wrote; None for anything else."""
    if not isinstance(facts, Mapping) or set(facts) != {*TEXTS, *NUMBERS}:
        return None
    sound = all(isinstance(facts[name], str) for name in TEXTS) and all(type(facts[name]) is int for name in NUMBERS)
    return FileRecord(**facts) if sound else None


def read_recorded(dataset: Dataset, read: Callable[[], Result]) -> tuple[Result, tuple[FileRecord, ...] | None]:
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
        if look(Path(record.path))[:3] != (record.size, record.mtime_ns, record.ctime_ns):
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
    facts = look(place)
    if not facts.can_be_hashed:
        raise OSError(f"{given} is not a regular file")
    return FileRecord(
        given=given,
        path=str(place),
        size=facts.size,
        mtime_ns=facts.mtime_ns,
        ctime_ns=facts.ctime_ns,
        recorded_ns=time.time_ns(),  # before the bytes are read: what is written from here on must look young
        sha256=hash_file(place),
    )


def look(place: Path) -> Facts:
    """Return size and times of a file, or of all files and folders below a folder.

    Raises:
        OSError: something is missing or cannot be read.
    """
    facts = os.stat(place)
    if not stat.S_ISDIR(facts.st_mode):
        return Facts(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, stat.S_ISREG(facts.st_mode))
    size, modified, changed = 0, facts.st_mtime_ns, facts.st_ctime_ns
    for path, is_file in _walk(place):
        own = os.stat(path)
        size += own.st_size if is_file else 0
        modified, changed = max(modified, own.st_mtime_ns), max(changed, own.st_ctime_ns)
    return Facts(size, modified, changed, True)


def hash_file(path: Path) -> str:
    """Return the sha256, in hex, of a file's bytes, or of the names and hashes of all files below a folder."""
    if path.is_dir():
        files = sorted(found for found, is_file in _walk(path) if is_file)
        lines = "".join(f"{hash_file(file)} {file.relative_to(path)}\n" for file in files)
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the path of each folder and each regular file below a folder, and whether it is a file."""
    for place, folders, names in os.walk(folder, onerror=_raise):
        yield from ((Path(place) / name, False) for name in folders)
        yield from ((path, True) for name in names if (path := Path(place) / name).is_file())


def _raise(reason: OSError) -> NoReturn:
    raise reason
