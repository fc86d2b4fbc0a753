"""Work is driven beside the main thread, which goes on looking."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from regbench.sweeps.backends import WorkersLost
from regbench.sweeps.workers.dispatch import work_on


class Fake:
    """A backend of this thread that can be held up and can fail after so many pieces."""

    workers = 1
    local = True

    def __init__(self, fail_after: int | None = None, error: Exception | None = None) -> None:
        self.fail_after, self.error = fail_after, error
        self.threads: list[str] = []

    def start(self) -> None:
        """Be ready."""

    def run(self, function: Callable[[Any], Any], pieces: Sequence[Any]) -> Iterator[Any]:
        for number, piece in enumerate(pieces):
            self.threads.append(threading.current_thread().name)
            if number == self.fail_after and self.error is not None:
                raise self.error
            yield function(piece)

    def recall(self) -> None:
        """Tell nobody."""

    def stop(self) -> None:
        """Have nothing to end."""


def test_results_come_back_and_the_main_thread_looks_meanwhile() -> None:
    looks: list[str] = []
    begun = threading.Event()

    def wait(piece: int) -> int:
        begun.wait(30)
        return piece * piece

    def tick() -> None:
        looks.append(threading.current_thread().name)
        begun.set()

    backend = Fake()
    done = work_on(backend, wait, [1, 2, 3], tick)
    assert (done.results, done.lost) == ([1, 4, 9], None)
    assert set(looks) == {"MainThread"}
    assert "MainThread" not in backend.threads


def test_nothing_to_do_ends_at_once() -> None:
    assert work_on(Fake(), str, [], lambda: None).results == []


def test_what_came_back_before_a_loss_is_kept() -> None:
    done = work_on(Fake(2, WorkersLost("killed")), lambda piece: piece, [7, 8, 9], lambda: None)
    assert (done.results, done.lost) == ([7, 8], "killed")


def test_an_error_of_a_piece_is_raised_in_the_main_thread() -> None:
    with pytest.raises(ValueError, match="a defect"):
        work_on(Fake(1, ValueError("a defect")), str, [1, 2], lambda: None)


def test_an_interruption_of_the_main_thread_is_not_held_up_by_the_work() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    release = threading.Event()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work_on(Fake(), lambda piece: release.wait(30), [1], interrupt)
    release.set()
    assert time.monotonic() - started < 30
