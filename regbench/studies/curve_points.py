"""Points of a study's curves: on which parts of its training rows, and with how many wrong labels, it trains again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from regbench.config.run_config import RunConfig
from regbench.studies.survey import Survey
from regbench.tasks import Task

SHARES = (0.125, 0.25, 0.5)
"""Parts of the training rows, each among the next; the whole is the fresh run."""

NOISES = (0.1, 0.2)
"""Shares of the training labels that are wrong; the share as typed is the fresh run's."""

HALF = 0.5
BY_FIGURE = "metric"
"""The stopping rule that waits for a figure on validation rows."""


@dataclass(frozen=True)
class CurvePoint:
    """A part of the training rows, and the share of their labels that is wrong."""

    share: float
    label_noise: float


def list_points(task: str, noise: float) -> list[CurvePoint]:
    """Return the points at which baseline and leader are trained again.

    >>> [(point.share, point.label_noise) for point in list_points("classification", 0.2)]
    [(0.125, 0.2), (0.25, 0.2), (0.5, 0.2), (1.0, 0.1)]

    Args:
        task: labels of a classification alone can be wrong.
        noise: the share of wrong labels as typed.
    """
    noises = NOISES if task == Task.CLASSIFICATION else ()
    rows = [CurvePoint(share, noise) for share in SHARES]
    return rows + [CurvePoint(1.0, other) for other in noises if not math.isclose(other, noise)]


def read_noise(survey: Survey) -> float:
    """Return the share of wrong labels as typed."""
    return float(survey.card["label_noise"])


def count_points(asked: bool, survey: Survey) -> int:
    """Return how often an arm with curves is trained again in each replicate."""
    return len(list_points(survey.task, read_noise(survey))) if asked else 0


def tell_apart(points: Sequence[CurvePoint], whole: int, classes: int) -> list[CurvePoint]:
    """Return the points without those parts that, for a row of each class, have to be as large as a larger one.

    >>> [point.share for point in tell_apart(list_points("regression", 0.0), 30, 10)]
    [0.25, 0.5]
    """
    found: dict[tuple[int, float], CurvePoint] = {}
    for point in points:  # of equal ones the largest share is the last
        found[count_rows(point.share, whole, classes), point.label_noise] = point
    return [point for (rows, _), point in found.items() if rows < whole or point.share == 1.0]


def count_rows(share: float, whole: int, classes: int) -> int:
    """Return the rows of a part of the training rows, one of each class at least.

    >>> count_rows(0.125, 90, 3), count_rows(0.125, 90, 20)
    (11, 20)
    """
    return min(whole, max(1, classes, round(share * whole)))


def move_to(config: RunConfig, point: CurvePoint, whole: int, classes: int) -> RunConfig:
    """Return a run at a point: on fewer rows it makes as many updates at most, and is as patient in updates.

    Otherwise it would be fewer updates, not fewer rows, that make it worse.

    Args:
        config: the fresh run.
        point: where.
        whole: its training rows.
        classes: of the data, 0 for numbers.
    """
    dataset = {**config.dataset, "label_noise": point.label_noise}
    if point.share == 1.0:
        return replace(config, dataset=dataset)
    rows = count_rows(point.share, whole, classes)
    schedule = _fit_batch(config.schedule, rows)
    factor = _count_updates(config.schedule, whole) / _count_updates(schedule, rows)
    return replace(config, dataset={**dataset, "train_size": rows}, schedule=_lengthen(schedule, factor))


def _fit_batch(schedule: Mapping[str, object], rows: int) -> dict[str, object]:
    """Return a schedule whose batch holds no more than all rows."""
    batch = schedule.get("batch_size")
    return {**schedule, "batch_size": rows} if isinstance(batch, int) and batch > rows else dict(schedule)


def _count_updates(schedule: Mapping[str, object], rows: int) -> int:
    """Return the updates of an epoch on so many rows."""
    from regbench.schedules.schedule import build_schedule

    return math.ceil(rows / build_schedule(schedule).count_batch(rows))


def _lengthen(schedule: Mapping[str, object], factor: float) -> dict[str, object]:
    """Return a schedule of so many times the epochs, that waits so many times as long for an improvement."""
    found = {**schedule, "epochs": _multiply(schedule["epochs"], factor)}
    stop = schedule.get("stop")
    if isinstance(stop, Mapping) and stop.get("name") == BY_FIGURE:
        found["stop"] = {**stop, "patience": _multiply(stop["patience"], factor)}
    return found


def _multiply(number: object, factor: float) -> object:
    return math.ceil(number * factor) if isinstance(number, int) else number
