"""SIGINT and SIGTERM as requests, so that training can leave at a point where its state is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | None
"""A value of `signal.getsignal`: a function, SIG_DFL or SIG_IGN, or None for a handler that C code installed."""


class StopSignal:
    """Remembers that SIGINT or SIGTERM came, until the work in progress can be left."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that came; None as long as none did."""
        self._before: dict[int, Handler] = {}

    def requested(self) -> bool:
        """Tell whether a signal came."""
        return self.number is not None

    def install(self) -> None:
        """Receive SIGINT and SIGTERM in place of the program's own handlers."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._receive)

    def restore(self) -> None:
        """Give the signals back to the program's own handlers; a second call does nothing."""
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; a second one ends the work at once, at its last commit."""
        again = self.requested()
        self.number = number
        if again:
            self.restore()
            deliver(number)


@contextmanager
def stop_requests() -> Iterator[StopSignal]:
    """Take SIGINT and SIGTERM as requests for as long as the context lasts; afterwards they act as before.

    Python lets only the main thread handle signals: in any other thread no request ever comes.
    """
    stop = StopSignal()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    stop.install()
    try:
        yield stop
    finally:
        stop.restore()


def deliver(number: int) -> NoReturn:
    """Let a signal that was held back act as the program wants it to: by its own handler, or by ending the process.

    Raises:
        KeyboardInterrupt: the signal is Python's Ctrl-C, or the program's handler returned or ignores the signal; what
            was to be done was not done, so nothing can be returned.
    """
    signal.raise_signal(number)
    raise KeyboardInterrupt
