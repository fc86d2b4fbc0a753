"""Requests to stop that a worker obeys: the stop file, the end of the command that started it, a cluster's SIGTERM."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

LOOK_SECONDS = 0.3
"""Pause between two looks of a worker for a request to stop."""

OPEN_FILES, SPARE_FILES = 4, 100
"""Files that each run in training has open, with one to spare, and files for everything else."""


class StopRequests:
    """Tells whether a worker is to stop.

    Args:
        stop_file: exists once the sweep is to stop.
        parent: process without which this one stops; None where there is none to watch.
    """

    def __init__(self, stop_file: Path, parent: int | None) -> None:
        self._stop_file = stop_file
        self._parent = parent
        self._stop = False
        self._next_look = 0.0

    def requested(self) -> bool:
        """Tell whether the worker is to stop; asked at every step, so it looks only now and then."""
        now = time.monotonic()
        if not self._stop and now >= self._next_look:
            orphaned = self._parent is not None and os.getppid() != self._parent
            self._stop = orphaned or self._stop_file.exists()
            self._next_look = now + LOOK_SECONDS
        return self._stop

    def terminate(self, number: int, frame: FrameType | None) -> None:
        """Take SIGTERM, which a cluster sends before it takes the machine away."""
        self._stop = True


@contextmanager
def prepared_process(stop_file: Path, parent: int | None) -> Iterator[StopRequests]:
    """Let this process open many folders and ignore Ctrl-C.

    Ctrl-C reaches every process of a terminal, but the command decides when to stop: it makes the stop file.

    Args:
        stop_file: exists once the sweep is to stop.
        parent: the command's process on this machine; None elsewhere. It may be this process itself.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    own_process = os.getpid() != parent and threading.current_thread() is threading.main_thread()
    requests = StopRequests(stop_file, parent if own_process else None)
    if not own_process:
        yield requests
        return
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, requests.terminate),
    }
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def most_folders() -> int:
    """Return how many run folders this process may hold open at once."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (most - SPARE_FILES) // OPEN_FILES) if most != resource.RLIM_INFINITY else 1 << 20
