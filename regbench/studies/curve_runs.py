"""Runs of a study's curves: fresh runs of baseline and leader again, on fewer rows or with wrong labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from regbench.errors import ConfigError, escape
from regbench.runs.prepare import build_records, prepare_from
from regbench.signals import StopSignal
from regbench.studies.curve_points import CurvePoint, list_points, move_to, read_noise, tell_apart
from regbench.studies.cut_reader import CutReader
from regbench.studies.fresh import FreshRun, train_fresh
from regbench.studies.judging import Judged
from regbench.studies.keeping import find_trained
from regbench.studies.kept import Kept
from regbench.studies.survey import Survey
from regbench.studies.testing import is_missing
from regbench.sweeps.backends import Backend

Tell = tuple[Callable[[int, int], None], Callable[[str], None]]


@dataclass(frozen=True)
class CurveRun:
    """A run at a point of the curves; the fresh run itself where that is on all rows, with the labels as typed."""

    point: CurvePoint
    run: FreshRun
    anew: bool


@dataclass(frozen=True)
class CurvesAsked:
    """The fresh runs that curves are made from, and what is kept of runs without folders."""

    fresh: Sequence[FreshRun]
    kept: Kept


@dataclass(frozen=True)
class Curves:
    """The runs of the curves, errors of those that failed by run id, and what could not be trained.

    `complete` says that none is still to be trained.
    """

    runs: tuple[CurveRun, ...]
    errors: dict[str, str]
    notes: tuple[str, ...]
    complete: bool


def name_curve_arms(judged: Judged) -> list[str]:
    """Return the arms that have curves: the baseline, and the leader of the verdict."""
    return list(dict.fromkeys((judged.verdict.baseline, judged.verdict.leader)))


def train_curves(
    judged: Judged, asked: CurvesAsked, survey: Survey, backend: Backend, stop: StopSignal, tell: Tell
) -> Curves:
    """Train the runs of the curves that have not ended; they are ordinary runs, as the fresh runs are.

    Args:
        judged: the study; its replicates have the curves.
        asked: all fresh runs, and what is kept of those without folders.
        survey: of the data.
        backend: trains.
        stop: ends it.
        tell: is told how many runs have ended, and what a person has to know.

    Raises:
        ConfigError: what is there of some was made from other data or by other code.
    """
    names, replicates = name_curve_arms(judged), set(judged.scores.replicates)
    kept_runs = asked.kept
    own = [run for run in asked.fresh if run.arm in names and run.replicate in replicates]
    found = [made for run in own for made in _list_runs(run, survey, kept_runs)]
    refused = find_refused([made for made in found if made.anew and not is_kept(made, kept_runs)])
    kept = [made for made in found if (made.run.arm, made.point) not in refused]
    anew = [made.run for made in kept if made.anew and not is_kept(made, kept_runs)]
    errors = train_fresh(judged.plan, anew, backend, stop, tell) if anew else {}
    notes = [_say_refused(arm, point, why) for (arm, point), why in refused.items()]
    complete = not any(is_missing(run.config) for run in anew)
    return Curves(tuple(kept), errors, tuple(notes), complete)


def is_kept(made: CurveRun, kept: Kept) -> bool:
    """Tell whether the figures of a run are kept, so that it needs no folder."""
    return (made.run.arm, made.run.config.run_id()) in kept.curves


def find_refused(runs: Sequence[CurveRun]) -> dict[tuple[str, CurvePoint], str]:
    """Return the points at which an arm does not fit the data, with the reason: a technique may need more rows.

    One replicate tells: all have as many rows. What is trained already is not asked again.
    """
    reader, refused, seen = CutReader(), {}, set()
    for made in runs:
        key = (made.run.arm, made.point)
        if key in seen or not is_missing(made.run.config):
            continue
        seen.add(key)
        config = made.run.config
        try:
            prepare_from(config, build_records(config), reader.split(config))
        except ConfigError as refusal:
            refused[key] = str(refusal)
    return refused


def _list_runs(fresh: FreshRun, survey: Survey, kept: Kept) -> Iterator[CurveRun]:
    """Yield the runs of one fresh run, itself the last; none where it never began."""
    whole = find_trained([fresh], kept).get(fresh.config.run_id())
    if whole is None:
        return
    noise, classes = read_noise(survey), len(survey.card["classes"])
    for point in tell_apart(list_points(survey.task, noise), whole, classes):
        config = move_to(fresh.config, point, whole, classes)
        yield CurveRun(point, replace(fresh, config=config), anew=True)
    yield CurveRun(CurvePoint(1.0, noise), fresh, anew=False)


def _say_refused(arm: str, point: CurvePoint, why: str) -> str:
    where = f"{point.share:g} of the training rows" if point.share < 1.0 else f"label_noise={point.label_noise:g}"
    return f"{escape(arm)} was not trained with {where}: {why}"
