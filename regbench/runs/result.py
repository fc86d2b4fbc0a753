"""The result of one run, as the Python API returns it and as the run's folder holds it."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from regbench.errors import ConfigError, escape
from regbench.formatting import format_figure
from regbench.metrics import METRICS, PARTS, main_metric
from regbench.statuses import RunState, read_state
from regbench.store.json_file import read_json
from regbench.store.run_files import RESULT_SCHEMA, check_schema

if TYPE_CHECKING:
    from pandas import DataFrame

Figures: TypeAlias = Mapping[str, Mapping[str, float]]
"""Figures by part (train, val, test) and name, `figures["val"]["accuracy"]`; a part that the data lack has no entry."""

LARGEST_RESULT = 1 << 24


@dataclass(frozen=True, kw_only=True, repr=False)
class RunResult:
    """A run that has ended: complete, stopped early or diverged.

    `best` are the figures at the best epoch, whose weights the folder keeps, and `last` those at the last one, each
    measured on all rows of every part. A figure that is not finite is NaN.
    """

    folder: Path
    status: RunState
    reason: str
    """Why it ended, in words."""
    best: Figures
    last: Figures
    best_epoch: int
    epochs: int
    """Epochs trained."""
    rolled_back_to: int | None
    """Epoch whose weights are kept, 0 for the initial ones; None where nothing chose between epochs."""
    parameters: int
    """Number of weights, those of all networks of an ensemble."""
    seconds: float
    """Time of training and measuring."""
    effects: Mapping[str, Mapping[str, float | int | None]]
    """Last figures that each regularizer reported, by its name."""
    classes: tuple[str, ...] = ()
    """Names of the classes; empty for other tasks, and where there are too many for a confusion matrix."""
    confusion: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    """Rows at the best epoch by part, true class and predicted class, `confusion["test"][true][predicted]`."""
    recall: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """Share of each class's rows that is recognised, by part; None for a class without rows."""
    idle: Mapping[str, str] = field(default_factory=dict)
    """Regularizers that change nothing on these data, with the reason."""
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the columns `kept` and `dropped`, where a regularizer sets weights to exactly zero; else empty."""
    notes: tuple[str, ...] = ()
    """Sentences on what was chosen for the person."""
    reused: bool = field(default=False, compare=False)
    """Whether the run had ended before, so that nothing was trained now."""
    note: str | None = field(default=None, compare=False)
    """Something to know of a reused run, such as the version of regbench that made it."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the figures: the loss, the task's own, then the others."""
        parts = (figures.get(part, {}) for figures in (self.best, self.last) for part in PARTS)
        found = {name for own in parts for name in own}
        main = main_metric(found)
        return tuple(dict.fromkeys(["loss", *([main] if main else []), *(name for name in METRICS if name in found)]))

    @cached_property
    def history(self) -> DataFrame:
        """The run's `metrics.csv` as a DataFrame: a row an epoch, every figure to its last digit.

        Raises:
            ConfigError: the file is not there any more, or damaged.
        """
        from pandas import DataFrame

        path = self.folder / "metrics.csv"
        try:
            with path.open(newline="", encoding="utf-8") as lines:
                header, *rows = csv.reader(lines)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is empty'}") from error
        # Python's own conversion: pandas' may be off by the last bit.
        columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(header, ())
        return DataFrame({name: _parse_column(name, cells) for name, cells in columns.items()})

    @cached_property
    def config(self) -> Mapping[str, object]:
        """The run's whole configuration, from its `config.yaml`.

        Raises:
            ConfigError: the file is not there any more, or not a mapping in YAML.
        """
        import yaml

        path = self.folder / "config.yaml"
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, yaml.YAMLError):
            values = None
        if not isinstance(values, dict):
            raise ConfigError(f"{path} is not a configuration")
        return values

    def __repr__(self) -> str:
        name = self.metrics[:2][-1]
        figures = (f"{part} {name} {format_figure(self.best[part].get(name))}" for part in PARTS if part in self.best)
        best = ", ".join((f"best epoch {self.best_epoch} of {self.epochs}", *figures))
        return f"<RunResult {self.status}: {best}; {self.folder}>"


def read_result(folder: Path, values: Mapping[str, object]) -> RunResult:
    """Return the result that a run's `result.json` holds.

    Raises:
        ValueError: it is not the result of a run that has ended; the text continues a sentence that begins with the
            file's name.
    """
    status, best = read_state(values.get("status")), values.get("best")
    if status is None or not status.ended or not isinstance(best, Mapping):
        raise ValueError("is not a whole result")
    rolled_back = values.get("rolled_back_to")
    stopping = _mapping(values.get("stopping"))
    return RunResult(
        folder=folder,
        status=status,
        reason=str(stopping.get("reason") or ""),
        best=_read_figures(best),
        last=_read_figures(_mapping(values.get("last"))),
        best_epoch=_count(values.get("best_epoch")),
        epochs=_count(values.get("epochs")),
        rolled_back_to=None if rolled_back is None else _count(rolled_back),
        parameters=_count(values.get("parameters")),
        seconds=_number(values.get("seconds")),
        effects={
            str(name): {
                str(key): value if isinstance(value, (int, float)) else None for key, value in _mapping(own).items()
            }
            for name, own in _mapping(values.get("effects", values.get("techniques"))).items()
        },
        classes=tuple(map(str, _list(values.get("classes")))),
        confusion={str(part): _list(table) for part, table in _mapping(values.get("confusion")).items()},
        recall={str(part): _list(shares) for part, shares in _mapping(values.get("recall")).items()},
        idle={str(name): str(reason) for name, reason in _mapping(values.get("idle")).items()},
        inputs={str(key): tuple(map(str, _list(names))) for key, names in _mapping(values.get("inputs")).items()},
        notes=_read_notes(values.get("notes")),
    )


def load_run(folder: str | os.PathLike[str]) -> RunResult:
    """Return the result of a run that has ended, from its folder.

    Raises:
        ConfigError: the folder does not hold a run that has ended.
    """
    path = Path(folder)
    where = escape(str(path))
    try:
        values = _mapping(read_json(path / "result.json", LARGEST_RESULT))
        check_schema(values, RESULT_SCHEMA)
        if read_state(values.get("status")) is RunState.FAILED:
            raise ConfigError(f"{where}: this run failed: {escape(str(values.get('error') or 'no reason given'))}")
        return replace(read_result(path, values), reused=True)
    except FileNotFoundError:
        raise ConfigError(f"{where} {_explain_missing(path)}") from None
    except ValueError as error:
        raise ConfigError(f"{where}: result.json {error}") from None


def _explain_missing(path: Path) -> str:
    """Say what a folder without a result is; the text continues a sentence that begins with its name."""
    if not path.is_dir():
        return "is not a folder; load_run takes the folder of one run, runs/NAME/RUN"
    if (path / "config.yaml").exists():
        return "holds a run that has not ended; give its command again to resume it"
    return "holds no run; load_run takes the folder of one run, runs/NAME/RUN"


def _read_figures(parts: Mapping[str, object]) -> Figures:
    return {
        str(part): {str(name): _number(value) for name, value in own.items()}
        for part, own in parts.items()
        if isinstance(own, Mapping)
    }


def _read_notes(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _parse_column(name: str, cells: Sequence[str]) -> list[float] | list[int]:
    if name == "epoch":
        return [int(cell) for cell in cells]
    return [float(cell) if cell else math.nan for cell in cells]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    """Return a figure; JSON holds null where it is not finite."""
    return float(value) if isinstance(value, (int, float)) else math.nan


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
