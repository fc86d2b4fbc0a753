"""How a source was read: what a person checks to see that the program understood the data as they do.

Without numpy: a finished sweep shows it from what its runs recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from regbench.errors import escape
from regbench.formatting import count_noun, join_words
from regbench.tasks import Task

SHOWN = 4
"""Columns that a line names before it says how many more there are."""

UNNAMED = "the column without a name"
NOUNS = {
    "number": "number",
    "truth": "truth value",
    "date": "date",
    "duration": "duration",
    "category": "category",
    "text": "text",
}
PARTS = ("training", "validation", "test")
TUPLES = ("outputs", "shape", "notes")


@dataclass(frozen=True, kw_only=True)
class ColumnReading:
    """How one column was read.

    `kind` is number, truth, date, duration or category; `read_as` says how texts became numbers. `missing` counts the
    rows of the source without a value, and `filled` is what stands there (numbers: the median of the training rows).
    `levels` is the number of names among the training rows, None for numbers.
    """

    name: str
    kind: str
    read_as: str
    missing: int
    filled: float | str | None
    levels: int | None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a source was read.

    `classes` is their number, `outputs` the names of several targets or of labels. `rows` counts those of training,
    validation and test. `columns` are a table's, empty for arrays; `left_out` are columns that are no features, with
    the reason. `shape` is that of a row as the network sees it. `notes` are sentences on what was guessed.
    """

    origin: str
    task: str
    classes: int
    outputs: tuple[str, ...]
    rows: Mapping[str, int]
    columns: tuple[ColumnReading, ...]
    left_out: Mapping[str, str]
    shape: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return {**asdict(self), "rows": dict(self.rows), "left_out": dict(self.left_out)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Reading:
        """Return the record that `to_json` described."""
        columns = tuple(ColumnReading(**column) for column in values["columns"])
        return cls(**{**values, "columns": columns, **{name: tuple(values[name]) for name in TUPLES}})

    def lines(self) -> tuple[str, str]:
        """Return two lines for the screen: task and rows; columns, what was filled in, and what was left out."""
        task = self.task
        if self.classes:
            task = f"{task}, {self.classes} classes"
        elif self.outputs:
            task = f"{task}, {count_noun(len(self.outputs), 'label' if task == Task.MULTILABEL else 'target')}"
        rows = join_words([f"{self.rows[part]} {part}" for part in PARTS])
        return f"{escape(self.origin)}: {task}; rows: {rows}", self._describe_inputs()

    def _describe_inputs(self) -> str:
        sizes = " x ".join(str(size) for size in self.shape)
        left_out = _describe(
            "left out", [f"{escape(name) or UNNAMED} ({escape(why)})" for name, why in self.left_out.items()]
        )
        if not self.columns:
            return "; ".join([f"inputs: {sizes}", *left_out])
        counts = Counter(column.kind for column in self.columns)
        kinds = join_words([count_noun(count, NOUNS[kind]) for kind, count in counts.items()])
        told = [f"{count_noun(len(self.columns), 'column')} ({kinds}) -> {count_noun(self.shape[0], 'input')}"]
        told += _describe("read", [f"{escape(c.name)} as {escape(c.read_as)}" for c in self.columns if c.read_as])
        told += _describe("missing", [_describe_missing(column) for column in self.columns if column.missing])
        return "; ".join([*told, *left_out])


def _describe_missing(column: ColumnReading) -> str:
    how = f"median {column.filled:g}" if isinstance(column.filled, float) else "a level of its own"
    how = "no word" if column.kind == "text" else how
    return f"{escape(column.name)} {column.missing} ({how})"


def _describe(what: str, found: Sequence[str]) -> list[str]:
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return [f"{what}: {', '.join(found[:SHOWN])}{more}"] if found else []
