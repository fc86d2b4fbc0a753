"""Result of a run: figures at the best and at the last epoch, measured on all rows of every part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from regbench.data.memory import release_memory
from regbench.metrics import PARTS, list_metrics
from regbench.tasks import Task
from regbench.training.evaluation import measure_outputs, measure_rows, predict, score_rows
from regbench.training.inputs import list_inputs
from regbench.training.networks import Networks
from regbench.training.spec import TrainingSpec
from regbench.training.tracking import Ending, Track
from regbench.training.training_set import Labelled, TrainingSet

MOST_CLASSES = 100
"""Classes above which a result has no confusion matrix: it would be most of the file."""


def describe_results(
    last: Networks, best: Networks, sets: Sequence[TrainingSet], tracks: Sequence[Track], endings: Sequence[Ending]
) -> list[dict[str, object]]:
    """Return the content of result.json for each run: its best weights restored, evaluated again, and its last.

    `sets` are the runs' own cuts; those of one cut are measured together.
    """
    found: dict[int, dict[str, object]] = {}
    numbers = best.spec.by_run(torch.arange(len(best.members)))
    for data in {id(own): own for own in sets}.values():
        places = [place for place, own in enumerate(sets) if own is data]
        chosen = numbers[places].flatten()
        whole = len(places) == len(sets)
        networks = (last, best) if whole else (last.select(chosen), best.select(chosen))
        described = _describe_results(*networks, data, [tracks[p] for p in places], [endings[p] for p in places])
        found |= dict(zip(places, described, strict=True))
    return [found[place] for place in range(len(sets))]


def _describe_results(
    last: Networks, best: Networks, data: TrainingSet, tracks: Sequence[Track], endings: Sequence[Ending]
) -> list[dict[str, object]]:
    """Return the content of result.json for runs of one cut."""
    spec = best.spec
    parts = measure_all(best, last, data)
    return [
        {
            "status": ending.state.value,
            "stopping": {"rule": spec.schedule.stop.name, "reason": ending.reason},
            "best_epoch": track.best_epoch,
            "epochs": track.epoch,
            "rolled_back_to": track.best_epoch if ending.ranked or track.best_epoch != track.epoch else None,
            "best": _figures(parts, place),
            "last": _figures(parts, place + len(tracks)),
            "rows": _count_rows(data),
            **_name_outputs(spec, parts, place),
            **_name_classes(data, parts, place),
            **list_inputs(best, data, place),
            "parameters": best.layout.total * spec.ensemble_size,
            "seconds": track.seconds,
            "effects": {name: _effects(name, track) for name in spec.regularizers},
        }
        for place, (track, ending) in enumerate(zip(tracks, endings, strict=True))
    ]


@dataclass(frozen=True)
class PartFigures:
    """Figures of all runs at the best epoch, then of all at the last, on one part of the data.

    `figures` are `[2R]` each, by name; `by_output` `[R, C]` is the task's own figure of each of several numbers or
    labels; `confusion` `[R, C, C]` counts rows by true class and predicted class. None where there are none.
    """

    name: str
    figures: Mapping[str, list[float]]
    by_output: list[list[float]] | None
    confusion: list[list[list[float]]] | None


def measure_all(best: Networks, last: Networks, data: TrainingSet) -> list[PartFigures]:
    """Return all figures of the task on train, validation and test.

    Each part is measured by itself, as whoever has only the rows of one part will: a product with other rows beside
    them may be rounded otherwise.
    """
    names = {0: (), 1: PARTS[:1], 2: ("train", "test"), 3: PARTS}[len(data.parts)]
    return [_measure_part(name, best, last, part) for name, part in zip(names, data.parts, strict=True)]


def _measure_part(name: str, best: Networks, last: Networks, part: Labelled) -> PartFigures:
    spec, part = best.spec, part.to(best.flat.device)
    release_memory()
    both = torch.cat([predict(best, part.x), predict(last, part.x)])
    release_memory()
    (figures,) = measure_rows(spec, both, part, [len(part.x)], list_metrics(spec.facts.task))
    at_best = both[: len(both) // 2]
    by_output = measure_outputs(spec, at_best, part).tolist() if spec.facts.outputs else None
    confusion = None
    if spec.facts.task == Task.CLASSIFICATION and part.y.shape[1] <= MOST_CLASSES:
        confusion = score_rows(spec.facts.task, at_best, part).confusion.tolist()
    return PartFigures(name, {key: values.tolist() for key, values in figures.items()}, by_output, confusion)


def _figures(parts: Sequence[PartFigures], place: int) -> dict[str, dict[str, float] | None]:
    """Return the figures of one run by part; without a validation part its entry is None."""
    named = {part.name: {key: values[place] for key, values in part.figures.items()} for part in parts}
    return {name: named.get(name) for name in PARTS}


def _name_outputs(spec: TrainingSpec, parts: Sequence[PartFigures], place: int) -> dict[str, object]:
    """Return the metric at the best epoch of each of several numbers or labels, by name and part."""
    named = {part.name: part.by_output[place] for part in parts if part.by_output is not None}
    if not named:
        return {}
    return {
        "targets": {
            output: {part: {spec.metric.name: values[number]} for part, values in named.items()}
            for number, output in enumerate(spec.facts.outputs)
        }
    }


def _name_classes(data: TrainingSet, parts: Sequence[PartFigures], place: int) -> dict[str, object]:
    """Return, at the best epoch, rows by true and predicted class, and the share of each class that is recognised."""
    named = {part.name: part.confusion[place] for part in parts if part.confusion is not None}
    if not named:
        return {}
    recall = {
        name: [row[number] / sum(row) if sum(row) else None for number, row in enumerate(table)]
        for name, table in named.items()
    }
    counts = named if data.weighted else {name: [list(map(int, row)) for row in table] for name, table in named.items()}
    return {"classes": list(data.classes), "confusion": counts, "recall": recall}


def _count_rows(data: TrainingSet) -> dict[str, int]:
    """Return the rows of each part; without a validation part it has none."""
    counts = [len(part.x) for part in data.parts] or [len(data.rows.weight), *_count_watched(data), 0]
    if len(counts) == 1:  # every row trains
        return {"train": counts[0], "val": 0, "test": 0}
    return {"train": counts[0], "val": counts[1] if len(counts) == 3 else 0, "test": counts[-1]}


def _count_watched(data: TrainingSet) -> list[int]:
    """Return the number of validation rows, if there are any, of a set whose parts are not measured at the end."""
    ends = data.watched_ends
    return [ends[1] - ends[0]] if len(ends) > 1 else []


def _effects(name: str, track: Track) -> dict[str, float | None]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in track.effects.items() if key.startswith(prefix)}
