"""Work on a backend, while the calling thread looks at the sweep and handles signals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from regbench.sweeps.backends import Backend, WorkersLost

TICK_SECONDS = 0.1

Piece = TypeVar("Piece")
Done = TypeVar("Done")


@dataclass
class Round(Generic[Done]):
    """The results that the workers returned."""

    results: list[Done]
    lost: str | None = None
    """The reason why some are missing: a worker was lost."""


def work_on(
    backend: Backend,
    function: Callable[[Piece], Done],
    pieces: Sequence[Piece],
    tick: Callable[[], None] = lambda: None,
) -> Round[Done]:
    """Have the workers apply a function to all pieces; call `tick` again and again until they have.

    The backend is driven from a thread of its own: only the main thread handles signals, and it must not be waiting.

    Raises:
        Exception: what a piece raised in its worker.
    """
    done: Round[Done] = Round([])
    errors: list[BaseException] = []

    def drive() -> None:
        try:
            for result in backend.run(function, pieces):
                done.results.append(result)
        except WorkersLost as loss:
            done.lost = str(loss)
        except BaseException as error:  # handed to the calling thread, which raises it
            errors.append(error)

    thread = threading.Thread(target=drive, name="regbench-workers", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(TICK_SECONDS)
        tick()
    if errors:
        raise errors[0]
    return done
