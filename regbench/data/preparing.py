"""From all rows of a source to the split of a run: cut, choose, encode, standardise, disturb, in this order.

Everything that is fitted (medians, categories, means, deviations) sees the training rows only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from regbench.data.blocks import (
    Divided,
    Encoded,
    ReadRows,
    measure_spread,
    prepare_array,
    prepare_columns,
    refuse_too_large,
)
from regbench.data.dataset import Dataset
from regbench.data.describing import describe_reading
from regbench.data.encoding import Encodings, NumberColumn, fit_encodings
from regbench.data.imbalance import thin_classes
from regbench.data.memory import release_memory
from regbench.data.multilabel import describe_constant_labels, refuse_misnamed
from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Floats, Labels, Part, Raw, Rows, Split, compute_checksum, compute_rows_checksum
from regbench.data.splitting import RowParts, choose_training_rows, disturb_labels, split_rows
from regbench.data.target_scale import measure_targets
from regbench.data.unseen import check_unseen
from regbench.data.weights import check_weights, scale_weights
from regbench.errors import ConfigError

FEWEST_ROWS = 10


class Cut(NamedTuple):
    """A source, the numbers of its training, validation and test rows, and what the person should know of them."""

    raw: Raw
    parts: tuple[Rows, Rows, Rows]
    notes: tuple[str, ...]


CutRows: TypeAlias = Callable[[Dataset, Raw], Cut]
"""Cuts the rows of a source, or those of them that may be seen, into parts."""


def cut_all(dataset: Dataset, raw: Raw) -> Cut:
    """Cut all rows of a source as the settings ask for.

    Raises:
        ConfigError: the rows cannot be used, or not cut so.
    """
    refuse_unusable(dataset, raw)
    parts = choose_rows(dataset, raw)
    return Cut(raw, parts[:3], (*raw.test_notes, *parts.notes))


def prepare(dataset: Dataset, raw: Raw, dtype: DTypeLike = np.float64, cut: CutRows = cut_all) -> Split:
    """Return the split that the settings of a data set ask for.

    Args:
        dataset: the settings.
        raw: all rows of the source. Whoever keeps no other hold on them has large data in memory about twice at most.
        dtype: type of the prepared inputs.
        cut: cuts the rows into parts; everything else sees only what it returns.

    Raises:
        ConfigError: the rows are too few or not finite, there is one class only, or a setting does not fit them.
    """
    release_memory()
    raw, rows, notes = cut(dataset, raw)
    release_memory()
    rows_checksum = compute_rows_checksum(raw)
    raw = _check_parts(raw, rows, notes)
    fitted = fit_preprocessing(raw, rows[0], standardize=dataset.standardize)
    release_memory()
    labels = prepare_targets(dataset, raw, fitted, rows)
    checksum = compute_checksum(rows_checksum, [*rows, *labels], fitted.to_json())
    reading = describe_reading(raw, fitted, [len(part) for part in rows])
    x, raw = raw.x, dataclasses.replace(raw, x=(), aside=())
    if isinstance(x, np.ndarray):
        arrays = [prepare_array(Divided(x, raw.divisor), fitted, part, dtype, raw.origin) for part in rows]
    else:
        columns = list(x)
        del x
        arrays = prepare_columns(columns, fitted, rows, dtype, raw.origin)
    release_memory()
    own = [None if raw.weights is None else raw.weights[part] for part in rows]
    parts = [Part(*each) for each in zip(arrays, labels, own, strict=True)]
    return Split(
        task=raw.task,
        layout=raw.layout,
        train=parts[0],
        val=parts[1],
        test=parts[2],
        classes=raw.classes,
        features=fitted.features,
        target_scale=fitted.target_scale,
        target_mean=fitted.target_mean,
        checksum=checksum,
        rows_checksum=rows_checksum,
        preprocessing=fitted,
        reading=reading,
    )


def _check_parts(raw: Raw, rows: Sequence[Rows], notes: Sequence[str]) -> Raw:
    """Return a source with its weights scaled to the parts, and with all notes: `notes` are those on the cut."""
    weights = None if raw.weights is None else scale_weights(raw.weights, rows, raw.origin)
    unseen = () if isinstance(raw.x, np.ndarray) else check_unseen(raw.x, rows[0], np.concatenate(rows[1:]), raw.origin)
    notes = (*raw.notes, *notes, *unseen, *describe_constant_labels(raw, rows[0]))
    return dataclasses.replace(raw, weights=weights, notes=notes)


def prepare_targets(dataset: Dataset, raw: Raw, fitted: Preprocessing, parts: Sequence[Rows]) -> list[Labels]:
    """Return the targets of each part, standardised where that was fitted, those of training with their label noise.

    Raises:
        ConfigError: a number to predict is beyond the range of float32.
    """
    y = fitted.scale_target(raw.y)
    if raw.task == "regression":
        refuse_too_large(y, (), f"{raw.origin}: target")
    train, *others = (y[rows] for rows in parts)
    if dataset.label_noise:
        train = disturb_labels(train, len(raw.classes), dataset.label_noise, dataset.split.seed)
    return [train, *others]


def choose_rows(dataset: Dataset, raw: Raw) -> RowParts:
    """Return the numbers of the training, validation and test rows that the settings ask for."""
    parts = split_rows(raw, dataset)
    train = thin_classes(raw, parts.train, dataset.imbalance, dataset.split.seed)
    return parts._replace(train=choose_training_rows(raw, train, dataset.train_size, dataset.split.seed))


def refuse_unusable(dataset: Dataset, raw: Raw) -> None:
    """Refuse rows that no split can help: too few, one class only, values that are not finite."""
    refuse_few(raw)
    refuse_unfit(dataset, raw)


def refuse_few(raw: Raw) -> None:
    """Refuse a source of too few rows, whatever they hold."""
    if len(raw.y) < FEWEST_ROWS:
        raise ConfigError(f"{raw.origin}: {len(raw.y)} row(s) are too few; at least {FEWEST_ROWS} are needed")


def refuse_unfit(dataset: Dataset, raw: Raw) -> None:
    """Refuse rows of one class only, values that are not finite, and settings that do not fit the task."""
    if raw.task == "classification" and len(np.unique(raw.y)) < 2:
        raise ConfigError(
            f"{raw.origin}: every row is of class {raw.classes[raw.y[0]]!r}; at least 2 classes are needed"
        )
    if raw.task != "classification" and dataset.label_noise:
        raise ConfigError(
            f"dataset.label_noise={dataset.label_noise:g} is not allowed; {raw.origin} is a {raw.task} task, "
            "and label noise replaces classes: it takes 0"
        )
    if raw.weights is not None:
        check_weights(raw.weights, f"{raw.origin}: weights")
    refuse_misnamed(raw)
    if isinstance(raw.x, np.ndarray):
        refuse_not_finite(raw.x, f"{raw.origin}: x")
    if raw.task == "regression":
        refuse_not_finite(raw.y, f"{raw.origin}: y")


def refuse_not_finite(array: Floats, what: str) -> None:
    """Refuse NaN and infinity, naming the first place (row and further axes, counted from 0)."""
    if not np.isfinite(array).all():
        place = tuple(int(axis) for axis in np.argwhere(~np.isfinite(array))[0])
        where = ", ".join(str(axis) for axis in place)
        raise ConfigError(f"{what}[{where}] is {array[place]}; every value must be a finite number")


def fit_preprocessing(raw: Raw, train: Rows, *, standardize: bool) -> Preprocessing:
    """Fit everything that is fitted on the training rows.

    Raises:
        ConfigError: a column has no value in the training rows, or a variance overflows or is 0 where it must not.
    """
    read: ReadRows
    if isinstance(raw.x, np.ndarray):
        columns: Encodings = tuple(NumberColumn(name, "number", None) for name in raw.features)
        shape, read = raw.x.shape[1:], Divided(raw.x, raw.divisor).take
    else:
        columns = fit_encodings(raw.x, train, raw.origin)
        shape, read = (sum(len(column.features) for column in columns),), Encoded(raw.x, columns).take
    fitted = Preprocessing(
        task=raw.task,
        layout=raw.layout,
        shape=shape,
        classes=raw.classes,
        outputs=raw.outputs,
        columns=columns,
        ignored=tuple(raw.left_out),
        missing=raw.missing,
        text_form=raw.text_form,
    )
    if standardize:
        mean, deviation = measure_spread(read, train, shape, raw.weights)
        _refuse_overflow(deviation, fitted.features, raw.origin)
        fitted = dataclasses.replace(fitted, mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))
    if raw.task == "regression":
        centre, scale = measure_targets(raw, train)
        fitted = dataclasses.replace(fitted, target_mean=centre, target_scale=scale)
    return fitted


def _refuse_overflow(deviation: Floats, features: tuple[str, ...], origin: str) -> None:
    """Refuse columns or channels whose variance does not fit a float64."""
    if not np.isfinite(deviation).all():
        number = int(np.flatnonzero(~np.isfinite(deviation))[0])
        name = features[number] if features else str(number)
        raise ConfigError(f"{origin}: the values of {name!r} are too large to standardise; rescale or drop it")
