"""The figures by which networks are judged: name, direction and unit of each, in one table."""

from __future__ import annotations

from dataclasses import dataclass

from regbench.tasks import Task

PARTS = ("train", "val", "test")
"""The parts of a data set, as columns and results name them."""


@dataclass(frozen=True)
class Metric:
    """One figure: `unit` is what it is counted in, empty for a share of rows in [0, 1]."""

    name: str
    higher_is_better: bool
    unit: str = ""


LOSS = Metric("loss", higher_is_better=False, unit="nats, or squared standardised target")
ACCURACY = Metric("accuracy", higher_is_better=True)
MSE = Metric("mse", higher_is_better=False, unit="target squared")
LABEL_ACCURACY = Metric("label_accuracy", higher_is_better=True)

METRICS = {metric.name: metric for metric in (LOSS, ACCURACY, MSE, LABEL_ACCURACY)}
"""Every figure by name."""

BY_TASK = {Task.CLASSIFICATION: ACCURACY, Task.REGRESSION: MSE, Task.MULTILABEL: LABEL_ACCURACY}
"""The figure besides the loss of each task."""

MONITORED = ("val_loss", *(f"val_{metric.name}" for metric in BY_TASK.values()))
"""Columns of metrics.csv by which training may be stopped and the best epoch chosen; the first is the default."""


def find_metric(column: str) -> Metric:
    """Return the figure that a column holds: of `val_loss`, the loss.

    Raises:
        KeyError: the column holds none.
    """
    part, _, name = column.partition("_")
    return METRICS[name if part in PARTS and name else column]
