"""SIGINT and SIGTERM as requests, so that training can leave at a point where its state is whole."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


class StopSignal:
    """Remembers that SIGINT or SIGTERM came."""

    def __init__(self) -> None:
        self._number: int | None = None

    def requested(self) -> bool:
        """Tell whether a signal came."""
        return self._number is not None

    @property
    def exit_code(self) -> int:
        """Exit code of a command that the signal ended: 130 for SIGINT, 143 for SIGTERM."""
        return INTERRUPTED if self._number == signal.SIGINT else TERMINATED

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; the second ends the command at once, at the last commit."""
        again = self.requested()
        self._number = number
        if again:
            self.end()

    def end(self) -> NoReturn:
        """End the command as the signal asks: KeyboardInterrupt for SIGINT, exit code 143 for SIGTERM."""
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(TERMINATED)


@contextmanager
def asked_to_stop() -> Iterator[StopSignal]:
    """Take SIGINT and SIGTERM as requests while training; afterwards they act as before."""
    stop = StopSignal()
    before: dict[signal.Signals, Any] = {
        number: signal.signal(number, stop.receive) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
