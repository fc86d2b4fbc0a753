"""The interface of whatever starts workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError

Work = TypeVar("Work")
Done = TypeVar("Done")


class WorkersLost(Exception):
    """A worker process ended without an answer; the work whose result it had not returned is to be done again."""


class Backend(Protocol):
    """Starts workers and hands them work."""

    workers: int
    """Pieces of work that are done at once."""
    local: bool
    """Whether workers are children of this process, or threads in it."""

    def start(self, first: RunConfig) -> None:
        """Begin to start the workers, without waiting for them; `first` is a run that they will get."""

    def run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        """Apply a function to all pieces, on the workers, and yield what it returns as it comes.

        Raises:
            WorkersLost: workers ended; pieces whose result has not come are not done.
            RegbenchError: a piece was refused, or the engine can no longer be reached.
        """

    def recall(self) -> None:
        """Take back the pieces that no worker has begun; those in work continue. It may be called from any thread."""

    def stop(self) -> None:
        """End all workers that this backend started, now, and let go of the engine."""


def missing_extra(name: str) -> ConfigError:
    """Return the refusal of a backend whose package is not installed."""
    return ConfigError(f"sweep.backend={name} needs the extra: pip install 'regbench[{name}]'")


def first_line(error: BaseException) -> str:
    """Return what an error of an engine says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
