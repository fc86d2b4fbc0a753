"""Locks: held for a moment, for a process's lifetime, or only asked about."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from regbench.store import durable

TRIES = 20
"""Times that a lock is tried, 1 ms apart: `lock_is_taken` holds that of a dead process for some microseconds."""


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Wait for the exclusive lock of a file and keep it for a while; the file stays.

    Raises:
        OSError: the file cannot be opened, or the file system has no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def take_lock(path: Path) -> int | None:
    """Take the exclusive lock of a file for as long as this process lives; None when another process has it.

    Raises:
        OSError: the file cannot be opened or written, or the file system has no locks.
    """
    for tried in range(TRIES):
        if tried:
            time.sleep(0.001)
        taken = lock(path)
        if taken is not None:
            return taken
    return None


def take_lock_or_name_owner(path: Path) -> tuple[int | None, str]:
    """Take the exclusive lock of a file; where another process has it, return None and who that is.

    Raises:
        OSError: the file cannot be opened or written, or the file system has no locks.
    """
    taken = take_lock(path)
    if taken is not None:
        return taken, ""
    owner = lock_owner(path)
    # Nobody's name stands there any more: the owner has ended since.
    return (None, owner) if owner is not None else (take_lock(path), "another process")


def lock(path: Path) -> int | None:
    """Take the exclusive lock of a file and write this process into it; None when another process has it.

    The kernel gives the lock back when the process ends, however it ends. The file itself is never removed: a second
    process could then lock the removed one and a third its successor.

    Raises:
        OSError: the file cannot be opened or written, or the file system has no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        durable.write_all(descriptor, f"{os.getpid()} {os.uname().nodename}\n".encode())
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def unlock(descriptor: int) -> None:
    """Give a lock back."""
    with contextlib.suppress(OSError):  # the name in the file is information; the lock is the kernel's
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


def lock_owner(path: Path) -> str | None:
    """Say who has a lock that was refused: `process 4711 on host`; None where nobody does any more."""
    for _ in range(50):  # the owner writes its name microseconds after it takes the lock
        words = path.read_text("utf-8", "replace").split()
        if len(words) == 2:
            return f"process {words[0]} on {words[1]}"
        time.sleep(0.01)
    return None


def lock_is_taken(path: Path) -> bool:
    """Tell whether a living process has the exclusive lock of a file; a file that is not there has none.

    Raises:
        OSError: the file cannot be opened, or the file system has no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at once do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
