"""The Python API: what `regbench run` does, as functions that return results, raise errors and print nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from regbench.compose.loader import PRIMARY, CheckedLoader, open_loader, shadowed
from regbench.compose.single_run import compose_run
from regbench.compose.spelling import keep_names, spell_override
from regbench.compose.sweep_runs import compose_sweep
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.execute import run_one
from regbench.runs.observer import SILENT_RUN
from regbench.runs.result import RunResult
from regbench.signals import deliver
from regbench.sweeps.execute import run_sweep
from regbench.sweeps.observer import SILENT_SWEEP
from regbench.sweeps.result import SweepResult

if TYPE_CHECKING:
    from regbench.studies.bench import StudyResult
    from regbench.studies.request import StudyRequest
    from regbench.studies.verdict_result import StudyVerdict

LOGGER = logging.getLogger("regbench")
"""Takes warnings, each a line: shown by a program that sets up logging, and by no other."""

LOGGER.addHandler(logging.NullHandler())


def run(overrides: Sequence[str] = (), /, *, progress: bool = False, **settings: object) -> RunResult:
    """Train one network as `regbench run` does: resume it where it was interrupted, reuse it where it has ended.

    Ctrl-C ends the run at its next commit and raises KeyboardInterrupt; the same call resumes it.

    Args:
        overrides: as on the command line, such as `["regularizer=l2", "regularizer.l2.strength=1e-3"]`.
        progress: whether the epochs are shown as on the command line.
        settings: further overrides by name: `seed=3`, `name="mine"`, `runs=folder`, `regularizer=["l2", "dropout"]`.

    Returns:
        Its figures, history and folder.

    Raises:
        ConfigError: something cannot be used; nothing was started and no folder made.
        RegbenchError: the run cannot be trained: a full disk, or too little memory.
    """
    words = _list_overrides(overrides, settings)
    with _open_loader(words) as loader:
        config = compose_run(loader, PRIMARY, words)
    if not progress:
        return run_one(config, SILENT_RUN)
    from regbench.display.run_progress import open_progress

    return run_one(config, open_progress())


def sweep(
    overrides: Sequence[str] = (),
    /,
    *,
    parts: Sequence[Sequence[str]] = (),
    progress: bool = False,
    **settings: object,
) -> SweepResult:
    """Train every combination as `regbench run -m` does; what has ended already is reused.

    A run that fails touches no other: see `failed` of the result. Ctrl-C ends the sweep once all runs are committed
    and raises KeyboardInterrupt; the same call trains what is left.

    Args:
        overrides: as on the command line; those with several values, such as `"seed=0,1,2"`, are swept.
        parts: overrides of sweeps of their own, besides those above that hold for all: what `--` begins on the command
            line.
        progress: whether progress is shown as on the command line.
        settings: further overrides by name; a list is one value, not several.

    Returns:
        The table of all runs, the best configurations, and each run's result.

    Raises:
        ConfigError: something cannot be used; nothing was started and no folder made.
        RegbenchError: the sweep cannot be executed: a full disk, or a cluster that has gone.
    """
    words = _list_overrides(overrides, settings)
    with _open_loader(words) as loader:
        configs = compose_sweep(loader, PRIMARY, [words, *_list_parts(parts)])
    if progress:
        from regbench.display.sweep_progress import open_sweep_view

        result = run_sweep(configs, open_sweep_view())
    else:
        result = run_sweep(configs, SILENT_SWEEP)
    if result.signal is not None:
        deliver(result.signal)
    return result


def study(
    overrides: Sequence[str] = (), /, *, more: int = 0, progress: bool = False, **settings: object
) -> StudyVerdict:
    """Make a study as `regbench bench` does, or go on with it: search, fresh runs and the verdict.

    Ctrl-C ends it once what is in training is committed and raises KeyboardInterrupt; the same call goes on.

    Args:
        overrides: as on the command line, such as `["dataset=digits", "study.arms=[l2,dropout]"]`.
        more: further replicates of a study that is complete.
        progress: whether progress and verdict are shown as on the command line.
        settings: further overrides by name.

    Returns:
        The verdict, with the tables of the study as DataFrames.

    Raises:
        ConfigError: something cannot be used; nothing was written.
        RegbenchError: the study cannot be made: a full disk, or workers that are lost again and again.
    """
    from regbench.studies.bench import run_study
    from regbench.studies.observer import SilentStudy
    from regbench.studies.request import make_request
    from regbench.studies.verdict_result import StudyVerdict

    words = _list_overrides(overrides, settings)
    with _open_loader([]) as loader:
        request = make_request(loader, PRIMARY, words)
    result = _show_study(request, more) if progress else run_study(request, SilentStudy(), more)
    if result.signal is not None:
        deliver(result.signal)
    if result.verdict is None:
        raise RegbenchError("fewer than two replicates could be trained, so nothing can be judged")
    return StudyVerdict(result.folder, result.plan, result.verdict)


def _show_study(request: StudyRequest, more: int) -> StudyResult:
    """Make a study with progress and verdict as on the command line."""
    from regbench.display.study import StudyDisplay
    from regbench.studies.bench import run_study

    display = StudyDisplay()
    result = run_study(request, display, more)
    if result.verdict is not None:
        display.end(result.plan, result.verdict, None, result.folder)
    return result


@contextmanager
def _open_loader(words: list[str]) -> Iterator[CheckedLoader]:
    """Provide a loader of configurations that has warned of those it will not read."""
    with open_loader(None, None, LOGGER.warning) as loader:
        for line in shadowed(loader, PRIMARY, words):
            LOGGER.warning(line)
        yield loader


def _list_parts(parts: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the overrides of each part.

    Raises:
        ConfigError: they are not a list of lists of texts.
    """
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        raise ConfigError(f"parts={parts!r} is not allowed; it takes a list of lists of overrides")
    return [_list_overrides(part, {}) for part in parts]


def _list_overrides(overrides: Sequence[str], settings: dict[str, object]) -> list[str]:
    """Return all overrides as texts.

    Raises:
        ConfigError: they are not a list of texts, or a setting cannot be spelled as one.
    """
    listed = isinstance(overrides, Sequence) and not isinstance(overrides, str)
    if not listed or not all(isinstance(word, str) for word in overrides):
        raise ConfigError(
            f"{overrides!r} is not a list of overrides; it takes a list of texts, as in ['regularizer=l2']"
        )
    return [*map(keep_names, overrides), *(spell_override(key, value) for key, value in settings.items())]
