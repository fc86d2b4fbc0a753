"""The fitted preprocessing of a run: how rows of the source become the numbers that its network sees.

Fitted on the training rows, applied to all parts of the split, and stored with the run: the same code prepares the rows
that a run is trained on and those that its network predicts later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from regbench.data.encoding import CategoryColumn, Encoding, Encodings, NumberColumn, encode
from regbench.data.records import Columns, Floats, Labels
from regbench.data.words import TextColumn


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Everything that turns raw rows into a network's input, and its output into the target's own unit.

    `shape` is that of one prepared row. `columns` are those of a table, in order, and empty for series and images;
    `ignored` are columns that a raw table may have besides them: the target and the dropped ones.
    `mean` and `deviation` belong to each column of a prepared table or to each channel, and are empty where nothing is
    standardised; deviation 0 marks what was constant over the training rows, which becomes 0.
    `outputs` names the numbers to predict where there are several, and the labels of a multilabel task; `target_mean`
    and `target_scale` belong to each number to predict.
    """

    task: str
    layout: str
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    columns: Encodings = ()
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Texts that stand for a missing value in a table, besides the empty cell."""
    text_form: Mapping[str, str] = field(default_factory=dict)
    """What the person said of how the text of a table is written: `separator`, `quote`, `encoding`."""
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    outputs: tuple[str, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_scale: tuple[float, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of a prepared table's columns."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def categories(self) -> tuple[tuple[int, int], ...]:
        """Ranges `(first, end)` of a prepared table's columns that encode one category or one truth value each."""
        ends = np.cumsum([len(column.features) for column in self.columns], dtype=np.int64).tolist()
        return tuple(
            (end - len(column.features), end)
            for column, end in zip(self.columns, ends, strict=True)
            if isinstance(column, CategoryColumn) or (isinstance(column, NumberColumn) and column.kind == "truth")
        )

    @property
    def width(self) -> int:
        """Number of outputs of a network: one for each class, label or number to predict."""
        return len(self.classes) or len(self.outputs) or 1

    @property
    def takes_arrays(self) -> bool:
        """Whether the source gives arrays, `[N, *shape]`, and not a table whose columns are encoded."""
        return all(isinstance(column, NumberColumn) and column.fill is None for column in self.columns)

    def apply(self, x: Floats | Columns) -> Floats:
        """Return prepared rows `[N, *shape]` from arrays, or from columns in the order of `columns`."""
        return self.standardise(x if isinstance(x, np.ndarray) else encode(self.columns, x))

    def standardise(self, x: Floats, own: slice = slice(None)) -> Floats:
        """Return encoded rows with mean 0 and deviation 1 over the training rows; `own` says which columns they are."""
        if not self.mean:
            return x
        along = (1, -1, *(1,) * (x.ndim - 2))
        mean, deviation = (np.array(values[own]).reshape(along) for values in (self.mean, self.deviation))
        constant = deviation == 0.0
        with np.errstate(over="ignore"):  # what is too large is refused afterwards
            return np.where(constant, 0.0, (x - mean) / np.where(constant, 1.0, deviation))

    def scale_target(self, y: Labels) -> Labels:
        """Return targets `[N]` or `[N, K]`, standardised where that was fitted."""
        if all(pair == (0.0, 1.0) for pair in zip(self.target_mean, self.target_scale, strict=True)):
            return y
        with np.errstate(over="ignore"):
            scaled: Labels = (y.reshape(len(y), -1) - self.target_mean) / self.target_scale
        return scaled.reshape(y.shape)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, floats exact; a plain number's column is its name and kind alone."""
        return {**asdict(self), "columns": [_describe_column(column) for column in self.columns]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Return the record that `to_json` described."""
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, (list, tuple))}
        return cls(**{**values, **lists, "columns": tuple(_read_column(column) for column in values["columns"])})


def _describe_column(column: Encoding) -> dict[str, Any]:
    if isinstance(column, NumberColumn) and column.fill is None and not column.written:
        return {"name": column.name, "kind": column.kind}
    return asdict(column)


def _read_column(values: Mapping[str, Any]) -> Encoding:
    if "words" in values:
        lists = {name: tuple(values[name]) for name in ("words", "idf")}
        return TextColumn(**{**values, **lists})
    if "levels" in values:
        return CategoryColumn(values["name"], tuple(values["levels"]), values["missing"])
    return NumberColumn(values["name"], values["kind"], values.get("fill"), tuple(values.get("written", ())))
