"""The record of how a source was read, made from its rows and from what was fitted to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regbench.data.encoding import MISSING, CategoryColumn, Encoding, NumberColumn
from regbench.data.preprocessing import Preprocessing
from regbench.data.reading import PARTS, ColumnReading, Reading
from regbench.data.records import Column, Numeric, Raw, Texts
from regbench.data.words import TextColumn


def describe_reading(raw: Raw, fitted: Preprocessing, counts: Sequence[int]) -> Reading:
    """Return how a source was read; `counts` are the rows of training, validation and test."""
    columns = () if isinstance(raw.x, np.ndarray) else tuple(raw.x)
    return Reading(
        origin=raw.origin,
        task=raw.task,
        classes=len(raw.classes),
        outputs=raw.outputs,
        rows=dict(zip(PARTS, counts, strict=True)),
        columns=tuple(_describe_column(*pair) for pair in zip(columns, fitted.columns, strict=True)) if columns else (),
        left_out=raw.left_out,
        shape=fitted.shape,
        notes=raw.notes,
    )


def _describe_column(column: Column, encoding: Encoding) -> ColumnReading:
    if isinstance(column, Numeric):
        assert isinstance(encoding, NumberColumn)
        missing = int(np.isnan(column.values).sum())
        filled = encoding.fill if missing else None
        return ColumnReading(
            name=column.name, kind=column.kind, read_as=column.read_as, missing=missing, filled=filled, levels=None
        )
    if isinstance(column, Texts):
        assert isinstance(encoding, TextColumn)
        return ColumnReading(
            name=column.name,
            kind="text",
            read_as=encoding.describe(),
            missing=column.texts.count(""),
            filled="no word",
            levels=len(encoding.words),
        )
    assert isinstance(encoding, CategoryColumn)
    missing = int((column.codes < 0).sum())
    return ColumnReading(
        name=column.name,
        kind="category",
        read_as="",
        missing=missing,
        filled=MISSING if missing else None,
        levels=len(encoding.levels),
    )
