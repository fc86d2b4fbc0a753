"""A first look at the data of a study: task, classes, the judged figure, and how the replicates are cut."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.config.run_config import RunConfig
from regbench.config.study_settings import StudySettings
from regbench.errors import ConfigError, escape, suggest
from regbench.formatting import count_noun
from regbench.metrics import BY_TASK, list_metrics
from regbench.runs.prepare import PreparedRun, build_records
from regbench.studies.cuts import FORWARD_FOLDS, FRESH, SEARCH, CutRule, choose_method, count_folds
from regbench.studies.search_data import SearchData, prepare_cut, read_search_data
from regbench.studies.variants import vary
from regbench.tasks import Task

if TYPE_CHECKING:
    from regbench.data.records import Raw

IMBALANCED = 0.75
"""Share of the largest class above which its share alone would be a high accuracy."""


@dataclass(frozen=True)
class Survey:
    """What is known of a study's data before anything is trained.

    `why` says why the figure is judged. `card` is what study.json says of the data, `network` of the network.
    """

    task: str
    rule: CutRule
    metric: str
    why: str
    checksum: str
    card: Mapping[str, Any]
    network: Mapping[str, Any]


def survey_data(config: RunConfig, settings: StudySettings) -> Survey:
    """Read the rows of a study's data set, but for a published test part, and decide how they are cut and judged.

    Raises:
        ConfigError: the data cannot be used, or not with these settings.
    """
    data = read_search_data(config)
    metric, why = _choose_metric(settings, data.raw)
    rule = _choose_rule(config, settings, data)
    if rule.method == "kfold":
        _check_folds(rule.folds, data.raw)
    if rule.method == "forward":
        _check_windows(config, rule, data)
    records = build_records(config)
    prepared = prepare_cut(data, config, records, rule, (0, SEARCH))
    published = _has_test(data)
    return Survey(
        task=data.raw.task,
        rule=rule,
        metric=metric,
        why=why,
        checksum=prepared.checksum,
        card=_describe_data(config, data, prepared, published),
        network=_describe_network(config, prepared),
    )


def _choose_metric(settings: StudySettings, raw: Raw) -> tuple[str, str]:
    """Return the judged figure and why it is."""
    task = Task(raw.task)
    if settings.metric != "auto":
        known = [metric.name for metric in list_metrics(task)]
        if settings.metric not in known:
            raise ConfigError(
                f"study.metric={settings.metric} is not measured on a {task.value}; {suggest(settings.metric, known)}"
            )
        return settings.metric, f"study.metric={settings.metric}"
    if task == Task.REGRESSION:
        return "r2", "for numbers"
    if task == Task.CLASSIFICATION:
        largest = float(np.bincount(raw.y).max() / len(raw.y))
        if largest > IMBALANCED:
            return "balanced_accuracy", f"imbalanced: the largest class holds {100 * largest:.0f} % of the rows"
    return BY_TASK[task].name, "for classes" if task == Task.CLASSIFICATION else "for labels"


def _choose_rule(config: RunConfig, settings: StudySettings, data: SearchData) -> CutRule:
    from regbench.data.records import VAL

    split = data.dataset.split
    roles = data.raw.roles
    own_val = roles is not None and bool((roles == VAL).any())
    free = (split.test is None or split.method == "time") and split.fold is None and split.folds is None
    method = choose_method(settings.cut, len(data.raw.y), _has_test(data), split.method, free)
    _check_method(method, data)
    if split.val == 0 and not own_val:
        raise ConfigError("dataset.split.val=0 is not allowed; a study chooses settings on validation rows")
    given = config.dataset.get("split")
    typed = given if isinstance(given, Mapping) else {}
    by_time = split.method == "time" and method != "forward"
    folds = count_folds(settings.folds, split.method)
    return CutRule(method, folds, settings.seed, own_val or by_time, typed)


def _check_method(method: str, data: SearchData) -> None:
    """Refuse folds where the test part is known, at random where rows have an order, or by time where they have none.

    Raises:
        ConfigError: names the cut to take.
    """
    own, by = data.dataset.split.method, f"dataset.split.method={data.dataset.split.method}"
    if method == "locked":
        return
    if _has_test(data):
        why, other = f"{escape(data.raw.origin)} has a test part of its own", "locked"
    elif own == "given":
        why, other = f"{by} says which rows are the test part", "locked"
    elif method == "kfold" and own == "time":
        why, other = f"{by} says that the rows have an order", "forward"
    elif method == "forward" and own != "time":
        why, other = "it takes dataset.split.method=time, which says the order of the rows", "kfold"
    else:
        return
    raise ConfigError(f"study.cut={method} is not allowed; {why}; take study.cut={other}")


def _check_windows(config: RunConfig, rule: CutRule, data: SearchData) -> None:
    """Refuse windows of the time that cannot be cut or lack a class, before any of them is trained on."""
    from regbench.data.forward import cut_window, find_scarce
    from regbench.data.loading import build_dataset
    from regbench.data.split_settings import check_source

    if rule.folds < FORWARD_FOLDS:
        raise ConfigError(
            f"study.folds={rule.folds} is not allowed with study.cut=forward; it takes {FORWARD_FOLDS} or more, "
            "because each fold counts once there"
        )
    dataset = build_dataset(vary(config, {}, config.seed, rule.settings(0, SEARCH)).dataset)
    check_source(dataset, data.raw)
    for replicate in range(rule.folds):
        for stage in (SEARCH, FRESH):
            own = vary(config, {}, config.seed, rule.settings(replicate, stage))
            cut_window(data.raw, build_dataset(own.dataset).split)
    name = find_scarce(data.raw, dataset.split)
    if name is not None:
        raise ConfigError(
            f"{escape(data.raw.origin)}: some stretch of the time that would train has no row of class {escape(name)}; "
            "leave the class out, lower dataset.split.test, or take study.cut=locked"
        )


def _has_test(data: SearchData) -> bool:
    from regbench.data.search_split import has_published_test

    return has_published_test(data.dataset, data.raw)


def _check_folds(folds: int, raw: Raw) -> None:
    """Refuse classes with fewer rows than folds: some fold would have none of them."""
    if raw.task != Task.CLASSIFICATION:
        return
    counts = np.bincount(raw.y, minlength=len(raw.classes))
    for number in np.flatnonzero((counts < folds) & (counts > 0)):
        raise ConfigError(
            f"{escape(raw.origin)}: class {raw.classes[number]!r} has {count_noun(int(counts[number]), 'row')}, fewer "
            f"than study.folds={folds}; leave the class out, lower study.folds, or take study.cut=locked"
        )


def _describe_data(config: RunConfig, data: SearchData, prepared: PreparedRun, published: bool) -> dict[str, Any]:
    raw, train = data.raw, len(prepared.data.rows.weight)
    shape = list(prepared.data.rows.x.shape[1:])
    ends = prepared.data.watched_ends
    val = ends[-1] - ends[0] if len(ends) > 1 else 0
    inputs = " x ".join(map(str, shape)) + " inputs"
    path = config.dataset.get("path")
    return {
        "name": os.path.basename(str(path)) if path else str(config.dataset["name"]),
        "rows": len(raw.y),
        "inputs": inputs,
        "input_shape": shape,
        "task": str(raw.task),
        "classes": list(raw.classes),
        "train": train,
        "val": val,
        "published_test": published,
        "label_noise": config.dataset.get("label_noise", 0.0),
        "train_size": config.dataset.get("train_size"),
        "checksum": prepared.checksum,
        "notes": list(prepared.reading.notes),
        "lines": list(prepared.reading.lines()[1:]),  # the first counts rows, of which the search has no test part
    }


def _describe_network(config: RunConfig, prepared: PreparedRun) -> dict[str, Any]:
    schedule, model = config.schedule, config.model
    widths = model.get("widths")
    words = [str(model["name"])]
    if isinstance(widths, (list, tuple)):
        words[0] += " " + "-".join(map(str, widths))
    optimizer, stop = schedule.get("optimizer"), schedule.get("stop")
    if isinstance(optimizer, Mapping):
        words.append(str(optimizer["name"]))
    words.append(f"up to {schedule.get('epochs')} epochs")
    if isinstance(stop, Mapping) and stop.get("monitor"):
        words.append(f"stopped on {stop['monitor']}")
    members = list(config.regularizers)
    if members:
        words.append(f"with {', '.join(members)} in every arm")
    return {"name": str(model["name"]), "text": ", ".join(words), "parameters": prepared.spec.parameters}
