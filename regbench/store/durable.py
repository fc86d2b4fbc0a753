"""The only module that writes files during a run, so that every durable step can be counted, failed and killed.

A file is either *replaced* (written aside, synced, renamed over the old one, folder synced: a reader sees the old or
the new content and nothing between) or *appended to* (rows become durable with the next `sync`). A rename without the
sync of its folder, or a sync that failed, is never reported as done. What means nothing without a later file may be
*published* (as replaced, without the syncs) and *settled* before that file: a kill loses nothing that was published.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from regbench.errors import RegbenchError

Data: TypeAlias = "bytes | memoryview"

NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
"""What a file system without hard links (FAT, some shared folders of virtual machines) answers to `link`."""


class StorageError(RegbenchError):
    """The operating system refused to store or to return something; what was committed before is intact."""


def make_folder(path: Path, *, synced: bool = True) -> None:
    """Make a folder and its missing parents, and make their names durable.

    Args:
        path: the folder.
        synced: False leaves the names to a later `settle` of the folders that they are in.

    Raises:
        OSError: a parent is a file, is not writable, or the name is too long.
    """
    missing: list[Path] = []
    for folder in (path, *path.parents):
        if folder.is_dir():
            break
        missing.append(folder)
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not folder.is_dir():
                raise
            # otherwise another process was first
        if synced:
            _sync_folder(folder.parent)


def replace(path: Path, *parts: Data, keep: Path | None = None) -> None:
    """Give a file new content, durably and all or nothing.

    Args:
        path: the file; it need not exist.
        parts: the content, in pieces.
        keep: where the present content of `path`, if any, is kept. It is durable there before `path` changes, and
            neither file is touched before the new content is durable in the same folder.

    Raises:
        StorageError: a step failed; `path` has its old or its new content, and no temporary file is left.
    """
    temporary = _temporary(path)
    with _undone(temporary, f"cannot write {sum(map(len, parts))} bytes to {path}"):
        _write_new(temporary, parts)
        if keep is not None and path.exists():
            _duplicate(path, keep)
        os.replace(temporary, path)
        _sync_folder(path.parent)


def stage(path: Path, data: Data) -> None:
    """Make new content of a file durable beside it: `show` puts it in the file's place, which takes no time.

    Raises:
        StorageError: a step failed; nothing is left.
    """
    with _undone(_temporary(path), f"cannot write {len(data)} bytes to {path}"):
        _write_new(_temporary(path), [data])


def show(path: Path) -> None:
    """Put the staged content of a file in its place; durable once its folder is settled.

    Raises:
        StorageError: the file has its old content.
    """
    with _undone(_temporary(path), f"cannot replace {path}"):
        os.replace(_temporary(path), path)


def publish(path: Path, data: Data) -> None:
    """Give a file new content all or nothing, but not durably: `settle` does that, where a power failure matters.

    Raises:
        StorageError: a step failed; `path` has its old content.
    """
    with _undone(_temporary(path), f"cannot write {len(data)} bytes to {path}"):
        _write_new(_temporary(path), [data], durable=False)
        os.replace(_temporary(path), path)


def settle(*paths: Path) -> None:
    """Make those of the files and folders that exist durable, however they were written.

    Raises:
        StorageError: one may not be durable.
    """
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _failure(f"cannot open {path}", error) from error
        try:
            sync(descriptor, path)
        finally:
            os.close(descriptor)


def duplicate(source: Path, target: Path) -> None:
    """Make `target` hold the content of `source`, durably and all or nothing.

    Raises:
        StorageError: a step failed; `target` has its old or its new content.
    """
    try:
        _duplicate(source, target)
    except OSError as error:
        raise _failure(f"cannot copy {source} to {target}", error) from error


def open_appending(path: Path) -> int:
    """Open a file for reading and appending and return its descriptor; one that is made has no durable name yet.

    Raises:
        StorageError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _failure(f"cannot open {path}", error) from error
    return descriptor


def append(descriptor: int, data: Data, path: Path) -> None:
    """Write at the end of an open file; durable only after `sync`.

    Raises:
        StorageError: not all of it could be written; the file may end in a part of it.
    """
    try:
        write_all(descriptor, data)
    except OSError as error:
        raise _failure(f"cannot append {len(data)} bytes to {path}", error) from error


def cut(descriptor: int, length: int, path: Path) -> None:
    """Cut an open file to `length` bytes, or raise StorageError."""
    try:
        os.ftruncate(descriptor, length)
    except OSError as error:
        raise _failure(f"cannot cut {path} to {length} bytes", error) from error


def sync(descriptor: int, path: Path) -> None:
    """Make everything written to an open file durable.

    Raises:
        StorageError: it may not be durable. Do not try again: the kernel may have dropped the pages that it could not
            write and call the second attempt a success.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise _failure(f"cannot make {path} durable", error) from error


def append_text(path: Path, text: str) -> None:
    """Append to a log file, opened for this one write, or raise StorageError."""
    descriptor = open_appending(path)
    try:
        append(descriptor, text.encode("utf-8", "backslashreplace"), path)
    finally:
        os.close(descriptor)


def remove(*paths: Path) -> None:
    """Remove those of the files that exist, in this order, and make that durable.

    Raises:
        StorageError: one cannot be removed; the ones after it are still there.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        try:
            os.unlink(path)
            folders[path.parent] = None
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _failure(f"cannot remove {path}", error) from error
    for folder in folders:
        try:
            _sync_folder(folder)
        except OSError as error:
            raise _failure(f"cannot make {folder} durable", error) from error


def drop(*paths: Path) -> None:
    """Remove files that nothing needs any more, as far as that goes; after a power failure they may be back."""
    for path in paths:
        _forget(path)


def leftovers(folder: Path) -> list[Path]:
    """Return the temporary files that a killed `replace` left in a folder."""
    return sorted(folder.glob(".*.tmp"))


def _write_new(path: Path, parts: Iterable[Data], *, durable: bool = True) -> None:
    # NOFOLLOW: a temporary that somebody made a link must not lead to another file.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        for part in parts:
            write_all(descriptor, part)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: Data) -> None:
    """Write all of some data to an open file, or raise OSError."""
    rest = memoryview(data)
    while rest:
        written = os.write(descriptor, rest)  # a disk that fills up takes a part first and refuses the rest
        if written <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]


def _duplicate(source: Path, target: Path) -> None:
    if target.exists() and os.path.samefile(source, target):  # rename between two names of one file does nothing
        return
    temporary = _temporary(target)
    try:
        try:
            os.link(source, temporary)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            _write_new(temporary, [source.read_bytes()])
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except BaseException:
        _forget(temporary)
        raise


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


@contextlib.contextmanager
def _undone(temporary: Path, what: str) -> Iterator[None]:
    """Remove a temporary file where a step fails, and say what could not be done."""
    try:
        yield
    except BaseException as error:
        _forget(temporary)
        if isinstance(error, OSError):
            raise _failure(what, error) from error
        raise


def _failure(what: str, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(f"{what}: {reason}; what was committed before is intact, the same command resumes from there")
