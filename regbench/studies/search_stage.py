"""The stage of a study in which trials are trained: parts handed to workers until all are committed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from regbench.errors import RegbenchError
from regbench.signals import StopSignal
from regbench.store import durable
from regbench.studies.observer import StudyObserver
from regbench.studies.plan import StudyPlan
from regbench.studies.search import Part, count_stages, is_committed, list_parts, make_tasks, train_part
from regbench.studies.study_folder import StudyFolder
from regbench.sweeps.backends import Backend
from regbench.sweeps.workers.dispatch import work_on

ATTEMPTS = 3
"""Times that parts are handed out whose workers were lost."""


def search(plan: StudyPlan, folder: StudyFolder, backend: Backend, stop: StopSignal, observer: StudyObserver) -> bool:
    """Train all trials that are not committed, stage by stage; False where a signal came first.

    Raises:
        RegbenchError: an arm cannot be trained, or workers were lost again and again.
    """
    stages = range(count_stages(plan))
    return all(
        _train_parts(list_parts(plan, folder, stage), (plan, folder), backend, stop, observer) for stage in stages
    )


def _train_parts(
    parts: Sequence[Part],
    study: tuple[StudyPlan, StudyFolder],
    backend: Backend,
    stop: StopSignal,
    observer: StudyObserver,
) -> bool:
    plan, folder = study
    total, last = sum(len(part.trials) for part in parts), ""

    def tell() -> None:
        done = [part for part in parts if part.trials and is_committed(folder, part)]
        nonlocal last
        last = done[-1].arm.name if done else last
        observer.search(sum(len(part.trials) for part in done), total, last)

    if not total:
        return not stop.requested()
    for attempt in range(ATTEMPTS):
        if stop.requested():
            return False
        with stop_file_in(folder.path) as stop_file:
            tasks = make_tasks(plan, parts, folder, stop_file, os.getpid())
            if not tasks:
                break

            def tick(path: Path = stop_file) -> None:
                if stop.requested() and not path.exists():
                    durable.publish(path, b"")
                tell()

            done = work_on(backend, train_part, tasks, tick)
        errors = [report.error for report in done.results if report.error is not None]
        if errors:
            raise RegbenchError(errors[0])
        if done.lost and attempt == ATTEMPTS - 1:
            raise RegbenchError(f"workers were lost again and again ({done.lost}); the same command resumes from here")
    tell()
    return not stop.requested()


@contextmanager
def stop_file_in(folder: Path) -> Iterator[Path]:
    """Provide the path of a file that, once it exists, tells workers to stop; it is removed at the end."""
    path = folder.resolve() / f".stop-{secrets.token_hex(6)}"
    try:
        yield path
    finally:
        with suppress(RegbenchError):
            durable.remove(path)
