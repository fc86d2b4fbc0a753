"""The data of a search: the split of a run without its test rows, which nothing of it depends on.

A search chooses settings, and what it chooses is scored on test rows later. So these are dropped before anything is
fitted, encoded or hashed, and a test part in files of its own is not even opened. The cut itself is made from all rows
that were read: which of them are tested may depend on their classes, groups and times, and on which are equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from regbench.data.dataset import Dataset
from regbench.data.key_columns import find_torn_keys
from regbench.data.preparing import Cut, choose_rows, prepare, refuse_few, refuse_unfit
from regbench.data.records import TEST, Categorical, Column, Raw, Rows, Split
from regbench.data.splitting import RowParts


def has_published_test(dataset: Dataset, raw: Raw | None = None) -> bool:
    """Tell whether a source has a test part of its own.

    Args:
        dataset: the settings; they tell of a test part in files of its own, and nothing is opened.
        raw: the rows; they tell of any other (arrays `x_test`, a column of parts). None: of that nothing is known.

    Raises:
        ConfigError: the folder of a data set is missing, or is not one of classes or parts.
    """
    return bool(dataset.published_test()) or (raw is not None and raw.roles is not None and bool(TEST in raw.roles))


def without_published_test(dataset: Dataset) -> Dataset | None:
    """Return the data set without the files of its test part: reading or recording it opens none of them.

    All its rows are for training and validation, and they have the numbers and parts that they have with the test part.
    What a reader finds out by looking at all rows (the task, the kind of a column, how many features LIBSVM's rows
    have) it finds out without those of the test.

    Returns:
        None where no test part is in files of its own. Rows that a source marks as tested are dropped after reading.

    Raises:
        ConfigError: the folder of a data set is missing, or is not one of classes or parts.
    """
    return dataclasses.replace(dataset, reads_test=False) if dataset.published_test() else None


def list_parts(dataset: Dataset, raw: Raw) -> RowParts:
    """Return the numbers of the rows of each part, in the order in which the split of a run has them.

    They count the rows of `raw`, from 0: those of the source that can be used. `notes` are on the cut.

    Raises:
        ConfigError: there are too few rows, or they cannot be cut as the settings say.
    """
    refuse_few(raw)
    return choose_rows(dataset, raw)


def prepare_search(dataset: Dataset, raw: Raw, dtype: DTypeLike = np.float64, parts: RowParts | None = None) -> Split:
    """Return the split that `prepare` returns, with an empty test part and without a trace of the test rows.

    Rows of training and validation, their order, their values and what was fitted are the same. The checksums are
    those of a source that has no other rows. Notes say nothing of test rows; `list_parts` has those on the cut.

    Args:
        dataset: the settings, or what `without_published_test` made of them.
        raw: the rows that it reads. They are not changed, and those of a table or of scattered rows are copied once.
        dtype: type of the prepared inputs.
        parts: what `list_parts` returned; None: the rows are cut here.

    Raises:
        ConfigError: the rows cannot be cut as the settings say, or those that are left cannot be used.
    """
    split = prepare(dataset, raw, dtype, partial(_cut_without_test, parts=parts))
    return dataclasses.replace(split, reading=dataclasses.replace(split.reading, origin=raw.origin))


def _cut_without_test(dataset: Dataset, raw: Raw, parts: RowParts | None) -> Cut:
    """Cut the rows of a source and drop all that neither train nor validate, with what is left of it."""
    train, val, _, _ = list_parts(dataset, raw) if parts is None else parts
    kept = np.union1d(train, val)
    raw = _keep_rows(raw, kept)
    refuse_unfit(dataset, raw)
    train, val = np.searchsorted(kept, train), np.searchsorted(kept, val)
    return Cut(raw, (train, val, np.empty(0, dtype=np.int64)), tuple(find_torn_keys(raw, train, val)))


def _keep_rows(raw: Raw, rows: Rows) -> Raw:
    """Return a source of some of the rows, which have no part yet; messages on rows say that others are missing."""
    return dataclasses.replace(
        raw,
        origin=f"{raw.origin}, without the test rows",
        x=take_rows(raw.x, rows) if isinstance(raw.x, np.ndarray) else _take_columns(raw.x, rows),
        y=take_rows(raw.y, rows),
        weights=None if raw.weights is None else take_rows(raw.weights, rows),
        roles=None,
        groups=None,
        times=None,
        aside=_take_columns(raw.aside, rows),
    )


def take_rows(values: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """Return some rows of an array; those that follow each other are not copied."""
    first, last = int(rows[0]), int(rows[-1])
    return values[first : last + 1] if last - first + 1 == len(rows) else values[rows]


def _take_columns(columns: Sequence[Column], rows: Rows) -> tuple[Column, ...]:
    """Return some rows of columns; a category knows no name that only others have."""
    return tuple(
        _take_names(column, rows) if isinstance(column, Categorical) else column.take(rows) for column in columns
    )


def _take_names(column: Categorical, rows: Rows) -> Categorical:
    codes = column.codes[rows]
    used = np.unique(codes[codes >= 0])
    return Categorical(
        column.name,
        np.where(codes < 0, -1, np.searchsorted(used, codes)),
        tuple(column.levels[code] for code in used.tolist()),
    )
