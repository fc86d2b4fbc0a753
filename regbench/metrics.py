"""The figures by which networks are judged: name, direction and unit of each, in one table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from regbench.errors import ConfigError, suggest
from regbench.tasks import Task

PARTS = ("train", "val", "test")
"""The parts of a data set, as columns and results name them."""

CLASSES, NUMBERS, LABELS = (Task.CLASSIFICATION,), (Task.REGRESSION,), (Task.MULTILABEL,)


@dataclass(frozen=True)
class Metric:
    """One figure: `unit` is what it is counted in, empty for a share in [0, 1]; `tasks` are those that have it."""

    name: str
    higher_is_better: bool
    unit: str = ""
    tasks: tuple[Task, ...] = tuple(Task)


LOSS = Metric("loss", higher_is_better=False, unit="nats, or squared standardised target")
ACCURACY = Metric("accuracy", higher_is_better=True, tasks=CLASSES)
MSE = Metric("mse", higher_is_better=False, unit="target squared", tasks=NUMBERS)
LABEL_ACCURACY = Metric("label_accuracy", higher_is_better=True, tasks=LABELS)

METRICS = {
    metric.name: metric
    for metric in (
        LOSS,
        ACCURACY,
        Metric("balanced_accuracy", higher_is_better=True, tasks=CLASSES),
        Metric("macro_f1", higher_is_better=True, tasks=(*CLASSES, *LABELS)),
        Metric("auc", higher_is_better=True, tasks=CLASSES),
        Metric("log_loss", higher_is_better=False, unit="nats", tasks=CLASSES),
        Metric("brier", higher_is_better=False, unit="squared probability", tasks=CLASSES),
        Metric("calibration_error", higher_is_better=False, tasks=CLASSES),
        MSE,
        Metric("mae", higher_is_better=False, unit="target", tasks=NUMBERS),
        Metric("rmse", higher_is_better=False, unit="target", tasks=NUMBERS),
        Metric("r2", higher_is_better=True, tasks=NUMBERS),
        LABEL_ACCURACY,
    )
}
"""Every figure by name; docs/measures.md has the formulas."""

BY_TASK = {Task.CLASSIFICATION: ACCURACY, Task.REGRESSION: MSE, Task.MULTILABEL: LABEL_ACCURACY}
"""The figure besides the loss that each task is judged by unless another is asked for."""

MONITORED = tuple(f"val_{name}" for name in METRICS)
"""Columns of metrics.csv by which training may be stopped and the best epoch chosen; the first is the default."""


BY_METRIC = "metric"
"""What a stopping rule watches if it is to watch the figure that the setting `metric` names."""


def monitored_column(monitor: str, metric: str | None) -> str:
    """Return the column that a stopping rule watches: its own, or the validation figure of the setting `metric`."""
    return f"val_{metric or LOSS.name}" if monitor == BY_METRIC else monitor


def list_metrics(task: Task) -> tuple[Metric, ...]:
    """Return all figures of a task."""
    return tuple(metric for metric in METRICS.values() if task in metric.tasks)


def main_metric(names: Collection[str]) -> str | None:
    """Return the figure, among those of a result, that its task is judged by unless another is asked for."""
    return next((metric.name for metric in BY_TASK.values() if metric.name in names), None)


def check_metric(name: str, task: Task) -> None:
    """Refuse a figure that a task does not have.

    Raises:
        ConfigError: it is not a figure of this task.
    """
    known = [metric.name for metric in list_metrics(task)]
    if name not in known:
        raise ConfigError(f"metric={name} is not measured on a {task.value}; {suggest(name, known)}")


def find_metric(column: str) -> Metric:
    """Return the figure that a column holds: of `val_loss`, the loss.

    Raises:
        KeyError: the column holds none.
    """
    part, _, name = column.partition("_")
    return METRICS[name if part in PARTS and name else column]
