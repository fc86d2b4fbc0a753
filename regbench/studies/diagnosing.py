"""Diagnosis of a network: of ten replicates that are trained for it, of runs that exist, or as a study has found it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, escape
from regbench.formatting import count_noun, join_words
from regbench.store.json_file import read_json
from regbench.studies.cut_reader import CutReader
from regbench.studies.diagnosis import Diagnosis, Figure, Name
from regbench.studies.diagnosis_figures import CutBook, collect
from regbench.studies.diagnosis_groups import Subject, group_runs, list_subjects, make_subject
from regbench.studies.diagnosis_plan import REPLICATES, plan_diagnosis
from regbench.studies.diagnosis_words import Wording, diagnose
from regbench.studies.folders import read_statuses
from regbench.sweeps.execute import run_sweep
from regbench.sweeps.labels import label_groups, telling_keys
from regbench.sweeps.observer import SILENT_SWEEP, SweepObserver
from regbench.sweeps.ranking import rank
from regbench.sweeps.result import SweepResult
from regbench.sweeps.run_status import RunStatus

PLAN, VERDICT = "study.json", "verdict.json"
LARGEST_VERDICT = 1 << 27


@dataclass(frozen=True)
class Diagnosed:
    """One network with its diagnosis.

    `label` tells it from the other networks of the same folder, empty where it is alone. `data` and `network` describe
    what was trained. `missing` says what is not known, and `notes` what has to be known of what is.
    """

    diagnosis: Diagnosis
    wording: Wording
    label: str = ""
    data: str = ""
    network: str = ""
    replicates: int = 0
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Training:
    """What `diagnose_runs` trained, and the diagnosis; None where too little has ended for one."""

    result: SweepResult
    diagnosed: Diagnosed | None


def ignore(done: int) -> None:
    """Take no note of how many cuts have reference models."""


def diagnose_runs(
    config: RunConfig, observer: SweepObserver = SILENT_SWEEP, report: Callable[[int], None] = ignore
) -> Training:
    """Train ten replicates of a network, with and without stopping and with half the rows, and return its diagnosis.

    They are a sweep: what was trained before is used again.

    Args:
        config: the network.
        observer: follows the training.
        report: is told the number of cuts whose reference models are fitted.

    Raises:
        ConfigError: it cannot be trained, or has no validation part; nothing was started.
        RegbenchError: the sweep cannot be executed.
    """
    reader = CutReader()
    plan = plan_diagnosis(config, reader, REPLICATES)
    result = run_sweep(plan.configs, observer)
    if result.left or not any(status.state.ended for status in result.statuses):
        return Training(result, None)
    groups = group_runs(result.statuses)
    ids = {run.run_id() for run in plan.typed}
    typed = [group for group in groups if any(run.run.run_id in ids for run in group.runs.values())]
    if not typed:
        return Training(result, None)
    book = CutBook(result.folder, report, reader)
    diagnosed = _conclude(make_subject(typed[0], groups), book, "")
    kept = [line for line in diagnosed.missing if not plan.missing or "train with" not in line]
    lost = [f"{count_noun(len(result.failed), 'run')} failed, and left out"] if result.failed else []
    notes = (*diagnosed.notes, *lost)
    return Training(result, replace(diagnosed, missing=(*plan.missing, *kept), notes=notes))


def diagnose_folder(
    name: str, warn: Callable[[str], None] = lambda line: None, report: Callable[[int], None] = ignore
) -> list[Diagnosed]:
    """Return what can be said of the runs in a folder, a diagnosis for each network; of a study, what it has found.

    Args:
        name: a study's folder, a sweep's, one of runs, or that of one run.
        warn: takes a line for each plan of a sweep that cannot be used.
        report: is told the number of cuts whose reference models are fitted.

    Raises:
        ConfigError: there is no such folder, no run in it has ended, or the data cannot be read as they were.
        RegbenchError: the configuration of a run cannot be read.
    """
    if (Path(name) / PLAN).is_file():
        return [_read_study(Path(name))]
    statuses = read_statuses([name], warn)
    subjects = list_subjects(group_runs(statuses))
    if not subjects:
        raise ConfigError(f"{escape(name)}: no run has ended; there is nothing to diagnose")
    book = CutBook(Path(name), report, CutReader())
    labels = _label(subjects, statuses)
    left = sum(not status.state.ended for status in statuses)
    lost = (f"{count_noun(left, 'run')} failed or not ended, and left out",) if left else ()
    found = [_conclude(subject, book, label) for subject, label in zip(subjects, labels, strict=True)]
    return [replace(each, notes=(*each.notes, *lost)) for each in found]


def _conclude(subject: Subject, book: CutBook, label: str) -> Diagnosed:
    evidence = collect(subject, book)
    wording = Wording(metric=evidence.metric, constant=evidence.constant, reference=evidence.reference)
    return Diagnosed(
        diagnosis=diagnose(evidence.observed, wording),
        wording=wording,
        label=label,
        data=evidence.data,
        network=describe_network(book.config(next(iter(subject.own.runs.values())))),
        replicates=evidence.replicates,
        missing=evidence.missing,
        notes=evidence.notes,
    )


def _label(subjects: Sequence[Subject], statuses: Sequence[RunStatus]) -> list[str]:
    """Return what tells networks apart; nothing for one alone."""
    if len(subjects) == 1:
        return [""]
    ids = [{run.run.run_id for run in subject.own.runs.values()} for subject in subjects]
    groups = rank([status for status in statuses if any(status.run.run_id in own for own in ids)])
    names = label_groups(groups, telling_keys(groups))
    by_id = {run.run.run_id: name for group, name in zip(groups, names, strict=True) for run in group.statuses}
    return [by_id[min(own)] for own in ids]


def describe_network(config: RunConfig) -> str:
    """Return the network, its schedule and its regularizers in a line.

    >>> from regbench.config.run_config import RunConfig
    >>> schedule = {"optimizer": {"name": "adam", "lr": 0.001}, "epochs": 60, "stop": {"name": "none"}}
    >>> describe_network(RunConfig(dataset={}, model={"name": "mlp", "widths": [64, 32]}, schedule=schedule))
    'mlp 64-32, adam at 0.001, 60 epochs'
    """
    schedule, widths = config.schedule, config.model.get("widths")
    optimizer, stop = _mapping(schedule.get("optimizer")), _mapping(schedule.get("stop"))
    words = [str(config.model["name"])]
    if isinstance(widths, (list, tuple)) and widths:
        depth = config.model.get("depth")
        words.append("-".join(map(str, [widths[0]] * depth if isinstance(depth, int) else widths)))
    parts = [escape(" ".join(words)), f"{optimizer.get('name')} at {optimizer.get('lr')}"]
    if stop.get("name", "none") == "none":
        parts.append(f"{schedule.get('epochs')} epochs")
    else:
        parts.append(f"up to {schedule.get('epochs')} epochs, stopped on {stop.get('monitor', stop['name'])}")
    return ", ".join([*parts, f"with {join_words([*config.regularizers])}"] if config.regularizers else parts)


def _read_study(folder: Path) -> Diagnosed:
    """Return the diagnosis that a study's verdict holds.

    Raises:
        ConfigError: it has none, or cannot be read.
    """
    shown = escape(str(folder))
    try:
        verdict = read_json(folder / VERDICT, LARGEST_VERDICT)
    except FileNotFoundError:
        raise ConfigError(f"{shown} holds a study without a verdict yet; give its command again to go on") from None
    except ValueError as error:
        raise ConfigError(f"{shown}: {VERDICT} {error}") from error
    found = verdict.get("diagnosis") if isinstance(verdict, dict) else None
    if not isinstance(verdict, dict) or not isinstance(found, dict):
        raise ConfigError(f"{shown}: its {VERDICT} holds no diagnosis")
    try:
        diagnosis = read_diagnosis(found)
        metric, replicates = str(verdict["metric"]), int(verdict["replicates"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{shown}: the diagnosis in its {VERDICT} is damaged") from error
    return Diagnosed(diagnosis, Wording(metric=metric, compared=True), replicates=replicates)


def read_diagnosis(values: Mapping[str, Any]) -> Diagnosis:
    """Return the diagnosis that `Diagnosis.to_json` described.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    figures = {
        str(name): Figure(float(own["mean"]), _read_bound(own["low"]), _read_bound(own["high"]))
        for name, own in values["figures"].items()
    }
    names = tuple(Name(name) for name in values["names"])
    return Diagnosis(names, str(values["sentence"]), tuple(map(str, values["advice"])), figures)


def _read_bound(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
