"""A whole study: plan, search, choose, train anew, test, judge; each stage goes on where an earlier command left it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.config.study_settings import ALL, FIGURES
from regbench.config.sweep_settings import build_settings
from regbench.errors import ConfigError, escape
from regbench.signals import StopSignal, stop_requests
from regbench.studies.choices import Choice, choose_all, read_choices, write_choices
from regbench.studies.curve_figures import describe_curves, find_halved, list_row_notes
from regbench.studies.curve_runs import Curves, CurvesAsked, train_curves
from regbench.studies.curve_table import describe_curve_runs, write_curves
from regbench.studies.final import list_final_words
from regbench.studies.findings import describe_findings
from regbench.studies.fresh import FreshRun, list_fresh, train_fresh
from regbench.studies.fresh_table import describe_runs, tabulate_fresh
from regbench.studies.judging import Evidence, Judged, Tested, judge_study
from regbench.studies.keeping import discard_study, drop_kept, keep_figures, train_all
from regbench.studies.kept import NOTHING, Kept, Row, read_kept
from regbench.studies.observer import StudyObserver
from regbench.studies.plan import StudyPlan
from regbench.studies.plan_file import describe_plan, extend_looks, extend_plan, follow_curves, restore_plan
from regbench.studies.planning import default_workers, make_plan
from regbench.studies.request import StudyRequest
from regbench.studies.search_stage import search
from regbench.studies.study_folder import (
    CURVES,
    FRESH,
    FRESH_TIMING,
    PLAN,
    TIMING,
    TRIALS,
    VERDICT,
    StudyFolder,
    claim,
    shorten_floats,
)
from regbench.studies.survey import Survey, survey_data
from regbench.studies.testing import find_complete, predict_all, write_references, write_rows
from regbench.studies.trial_table import collect_trials
from regbench.studies.verdict_file import describe_verdict
from regbench.sweeps.backends import Backend, LocalProcesses

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class StudyResult:
    """What became of a study: its folder, study.json, and verdict.json where it could be judged.

    `failed` counts fresh runs that failed; `signal` is the one that ended the command, if any.
    `unkept` is true where trials still lack the folders that `study.keep=all` asks for.
    """

    folder: Path
    plan: Mapping[str, Any]
    verdict: Mapping[str, Any] | None
    failed: int
    signal: int | None
    unkept: bool = False


@dataclass(frozen=True)
class Stages:
    """What all stages of a study need."""

    plan: StudyPlan
    stored: Mapping[str, Any]
    survey: Survey
    folder: StudyFolder
    backend: Backend
    stop: StopSignal
    observer: StudyObserver


def run_study(request: StudyRequest, observer: StudyObserver, more: int = 0) -> StudyResult:
    """Make a study, or go on with it; nothing is trained twice.

    Args:
        request: as `make_request` returns.
        observer: follows it.
        more: further replicates of a study that is complete.

    Raises:
        ConfigError: something cannot be used; nothing was written.
        RegbenchError: it cannot go on: a full disk, or workers that are lost again and again.
    """
    path = request.base.runs / request.name
    backend = open_workers(request)
    with stop_requests() as stop:
        try:
            plan, stored, survey = find_plan(request, backend, more)
            if stop.requested():
                return StudyResult(path, stored, None, 0, stop.number)
            with claim(path) as folder:
                if request.base.resume == "fresh":
                    discard_study(folder)
                found = folder.read_json(PLAN)
                if found is not None and found["pilot"] != stored["pilot"]:
                    raise ConfigError(
                        f"{escape(str(path))}: a study was planned here meanwhile; give the command again"
                    )
                if found != stored:
                    folder.write_json(PLAN, stored)
                observer.begin(stored)
                return _make(Stages(plan, stored, survey, folder, backend, stop, observer))
        finally:
            backend.stop()


def plan_study(request: StudyRequest, more: int = 0) -> dict[str, Any]:
    """Return what study.json would hold; a short pilot of each arm is all that is trained, and nothing is written.

    Raises:
        ConfigError: as `run_study`.
    """
    backend = open_workers(request)
    with stop_requests():
        try:
            return find_plan(request, backend, more)[1]
        finally:
            backend.stop()


def open_workers(request: StudyRequest) -> Backend:
    """Return the processes of this machine that train a study.

    Raises:
        ConfigError: another backend was asked for.
    """
    settings = build_settings(request.base.sweep)
    if settings.backend != "local":
        raise ConfigError(f"sweep.backend={settings.backend} is not for a study; it trains on this machine")
    if request.base.device != "cpu":
        raise ConfigError(f"device={request.base.device!r} is not for a study; it takes cpu")
    return LocalProcesses(settings.workers or default_workers())


def find_plan(request: StudyRequest, backend: Backend, more: int = 0) -> tuple[StudyPlan, dict[str, Any], Survey]:
    """Return the plan of a study with the content of study.json: as its folder holds it, or made now.

    Raises:
        ConfigError: there is no plan, it does not fit the budget, or the folder holds another study.
    """
    stored = None
    if request.base.resume != "fresh":
        stored = StudyFolder(request.base.runs / request.name).read_json(PLAN)
    if more and stored is None:
        raise ConfigError(f"--more {more}: there is no study in {request.base.runs / request.name} yet; leave it out")
    if stored is None:
        backend.start(request.base)
    survey = survey_data(request.base, request.settings)
    if stored is None:
        plan = make_plan(request, survey, backend)
        return plan, describe_plan(plan, request, survey), survey
    plan = restore_plan(stored, request, survey)
    stored = follow_curves(stored, plan)
    if more:
        verdict = StudyFolder(request.base.runs / request.name).read_json(VERDICT)
        if verdict is None or not verdict["complete"] or verdict["look"] < len(stored["looks"]):
            raise ConfigError(f"--more {more}: the study is not complete yet; give its command without --more first")
        looks = extend_looks(plan, more)
        plan = replace(plan, looks=looks)
        stored = extend_plan(stored, plan)
    return plan, stored, survey


def _make(stages: Stages) -> StudyResult:
    plan, folder = stages.plan, stages.folder
    if not search(plan, folder, stages.backend, stages.stop, stages.observer):
        return _end(stages, None, 0)
    choices = _choose(plan, folder)
    runs = list_fresh(plan, choices)
    kept = read_kept(folder, runs) if plan.settings.keep == FIGURES else NOTHING
    errors = _confirm(stages, [run for run in runs if run.replicate not in kept.replicates], len(runs))
    tested = _judge(stages, runs, kept)
    if tested is None:
        return _end(stages, None, len(errors))
    curves = _make_curves(stages, tested.judged, CurvesAsked(runs, kept))
    rows = {} if curves is None else describe_curve_runs(curves.runs, plan.metric, kept)
    verdict = _conclude(stages, tested, curves, rows)
    failed = len(errors) + len(curves.errors if curves else ())
    if verdict["complete"] and not failed:
        again = [] if curves is None else [made.run for made in curves.runs]
        _settle_folders(
            stages, [*runs, *again], Kept(tested.rows, tested.outputs, kept.trained, {**kept.curves, **rows})
        )
    return _end(stages, verdict, failed)


def _settle_folders(stages: Stages, runs: Sequence[FreshRun], found: Kept) -> None:
    """Remove the folders of a study that is complete, or make those of its trials, as `study.keep` says."""
    plan, folder = stages.plan, stages.folder
    if plan.settings.keep == FIGURES:
        keep_figures(folder, runs, found)
        return
    drop_kept(folder)
    if plan.settings.keep == ALL and not stages.stop.requested():
        train_all(plan, folder, stages.backend, stages.stop, (stages.observer.keep, stages.observer.note))


def _confirm(stages: Stages, runs: Sequence[FreshRun], total: int) -> Mapping[str, str]:
    """Train the fresh runs that are left, of so many in all, and return the errors by run id."""
    if not runs:
        stages.observer.confirm(total, total)
        return {}
    tell: tuple[Callable[[int, int], None], Callable[[str], None]] = (stages.observer.confirm, stages.observer.note)
    errors = train_fresh(stages.plan, runs, stages.backend, stages.stop, tell)
    for line in sorted(set(errors.values())):
        stages.observer.note(f"a fresh run failed: {line}")
    return errors


def _choose(plan: StudyPlan, folder: StudyFolder) -> list[Choice]:
    """Return the winners, written before anybody may look at a test row."""
    stored = read_choices(folder)
    if len(stored) == len(plan.arms) * plan.replicates:
        return stored
    choices = choose_all(plan, folder)
    winners = {(choice.arm, choice.replicate): choice.trial for choice in choices}
    trials, timing = collect_trials(plan, folder, lambda arm, replicate: winners[arm, replicate])
    folder.write_table(TRIALS, trials)
    folder.write_table(TIMING, timing)
    write_choices(folder, choices)
    return choices


def _judge(stages: Stages, runs: Sequence[FreshRun], kept: Kept) -> Tested | None:
    """Test and judge the replicates that are complete, with other models; None where they are fewer than two."""
    plan, folder = stages.plan, stages.folder
    complete = find_complete(runs, plan.replicates, kept.replicates)
    if len(complete) < 2:
        return None
    outputs = predict_all(plan, runs, complete, stages.backend, kept)
    rows = describe_runs(plan, [run for run in runs if run.replicate in set(complete)], kept.rows)
    table, timing = tabulate_fresh(plan, rows.values())
    folder.write_table(FRESH, table)
    folder.write_table(FRESH_TIMING, timing)
    write_rows(folder, outputs)
    references = write_references(folder, outputs, plan.settings.reference)
    trials, fresh = folder.read_table(TRIALS), folder.read_table(FRESH)
    assert trials is not None
    assert fresh is not None
    judged = judge_study(plan, Evidence(trials, fresh, outputs, stages.survey.task))
    return Tested(judged, references, rows)


def _make_curves(stages: Stages, judged: Judged, asked: CurvesAsked) -> Curves | None:
    """Train baseline and leader again on fewer rows and with wrong labels; None where that was not asked for."""
    if not stages.plan.points:
        stages.folder.remove(CURVES)
        return None
    observer = stages.observer
    tell = (observer.curves, observer.note)
    curves = train_curves(judged, asked, stages.survey, stages.backend, stages.stop, tell)
    for line in sorted(set(curves.errors.values())):
        observer.note(f"a run on fewer rows or with wrong labels failed: {line}")
    return curves


def _conclude(
    stages: Stages, tested: Tested, curves: Curves | None, rows: Mapping[tuple[str, str], Row]
) -> dict[str, Any]:
    """Write the verdict, and return it; `rows` are those of the curves."""
    plan, folder, judged, references = stages.plan, stages.folder, tested.judged, tested.references
    complete = len(judged.evidence.outputs) == plan.replicates and (curves is None or curves.complete)
    found = describe_verdict(judged, str(stages.stored["hash"]), complete)
    if curves is None:
        found |= describe_findings(judged, references)
    else:
        table = write_curves(folder, rows.values())
        found |= describe_findings(judged, references, find_halved(table, plan.baseline))
        found |= describe_curves(judged, table)
        found["notes"] += [*curves.notes, *list_row_notes(judged, found)]
    found["final"] = list_final_words(judged, stages.stored["command"])
    verdict: dict[str, Any] = shorten_floats(found)
    folder.write_json(VERDICT, verdict)
    return verdict


def _end(stages: Stages, verdict: Mapping[str, Any] | None, failed: int) -> StudyResult:
    unkept = stages.plan.settings.keep == ALL and stages.stop.requested()
    return StudyResult(stages.folder.path, stages.stored, verdict, failed, stages.stop.number, unkept)
