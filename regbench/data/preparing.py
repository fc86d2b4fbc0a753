"""From all rows of a source to the split of a run: cut, choose, encode, standardise, disturb, in this order.

Everything that is fitted (medians, categories, means, deviations) sees the training rows only.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from regbench.data.dataset import Dataset
from regbench.data.encoding import Encodings, NumberColumn, encode, fit_encodings
from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Floats, Part, Raw, Split, compute_checksum
from regbench.data.splitting import Rows, choose_training_rows, disturb_labels, split_rows
from regbench.errors import ConfigError

FEWEST_ROWS = 10
LARGEST = float(np.finfo(np.float32).max)


def prepare(dataset: Dataset, raw: Raw) -> Split:
    """Return the split that the settings of a data set ask for.

    Raises:
        ConfigError: the rows are too few or not finite, there is one class only, or a setting does not fit them.
    """
    refuse_unusable(dataset, raw)
    rule = dataset.split
    train, val, test = split_rows(raw, rule)
    train = choose_training_rows(raw, train, dataset.train_size, rule.seed)
    preprocessing = fit_preprocessing(raw, train, standardize=dataset.standardize)
    x, y, features = preprocessing.apply(raw.x), preprocessing.scale_target(raw.y), preprocessing.features
    refuse_too_large(x, features, raw.origin)
    if raw.task == "regression":
        refuse_too_large(y, (), f"{raw.origin}: target")
    parts = Part(x[train], y[train]), Part(x[val], y[val]), Part(x[test], y[test])
    if dataset.label_noise:
        noisy = disturb_labels(parts[0].y, len(raw.classes), dataset.label_noise, rule.seed)
        parts = (dataclasses.replace(parts[0], y=noisy), *parts[1:])
    return Split(
        task=raw.task,
        layout=raw.layout,
        train=parts[0],
        val=parts[1],
        test=parts[2],
        classes=raw.classes,
        features=features,
        target_scale=preprocessing.target_scale,
        target_mean=preprocessing.target_mean,
        checksum=compute_checksum(parts, preprocessing.to_json()),
        preprocessing=preprocessing,
    )


def refuse_unusable(dataset: Dataset, raw: Raw) -> None:
    """Refuse rows that no split can help: too few, one class only, values that are not finite."""
    if len(raw.y) < FEWEST_ROWS:
        raise ConfigError(f"{raw.origin}: {len(raw.y)} row(s) are too few; at least {FEWEST_ROWS} are needed")
    if raw.task == "classification" and len(np.unique(raw.y)) < 2:
        raise ConfigError(
            f"{raw.origin}: every row is of class {raw.classes[raw.y[0]]!r}; at least 2 classes are needed"
        )
    if raw.task == "regression" and dataset.label_noise:
        raise ConfigError(
            f"dataset.label_noise={dataset.label_noise:g} is not allowed; {raw.origin} is a regression, "
            "and label noise replaces classes: it takes 0"
        )
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


def refuse_too_large(values: Floats, features: tuple[str, ...], what: str) -> None:
    """Refuse prepared values beyond the range of float32, naming the row (counted from 1) and the column, if any."""
    if max(values.max(), -values.min()) <= LARGEST:
        return
    place = tuple(int(axis) for axis in np.argwhere(~(np.abs(values) <= LARGEST))[0])
    column = f", column {features[place[1]]!r}" if features else "".join(f", {axis}" for axis in place[1:])
    raise ConfigError(
        f"{what}, row {place[0] + 1}{column}: {values[place]:.3g} is too large; "
        f"once prepared, a value may be {LARGEST:.2g} at most: rescale it"
    )


def fit_preprocessing(raw: Raw, train: Rows, *, standardize: bool) -> Preprocessing:
    """Fit everything that is fitted on the training rows.

    Raises:
        ConfigError: a column has no value in the training rows, or a variance overflows or is 0 where it must not.
    """
    if isinstance(raw.x, np.ndarray):
        columns: Encodings = tuple(NumberColumn(name, "number", None) for name in raw.features)
        seen = raw.x[train]
    else:
        columns = fit_encodings(raw.x, train, raw.origin)
        seen = encode(columns, raw.x)[train]
    fitted = Preprocessing(
        task=raw.task,
        layout=raw.layout,
        shape=seen.shape[1:],
        classes=raw.classes,
        columns=columns,
        ignored=tuple(raw.left_out),
    )
    if standardize:
        mean, deviation = measure_spread(seen, fitted.features, raw.origin)
        fitted = dataclasses.replace(fitted, mean=mean, deviation=deviation)
    if raw.standardize_target:
        centre, scale = measure_target(raw, train)
        fitted = dataclasses.replace(fitted, target_mean=centre, target_scale=scale)
    return fitted


def measure_spread(seen: Floats, features: tuple[str, ...], origin: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each column `[N, D]` or channel `[N, C, ...]` over the training rows.

    The deviation is the population's (divisor N), and 0 for what is constant.

    Raises:
        ConfigError: the values of a column are so large that their variance overflows.
    """
    axes = (0, *range(2, seen.ndim))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = seen.mean(axes), seen.std(axes)
    if not np.isfinite(deviation).all():
        number = int(np.flatnonzero(~np.isfinite(deviation))[0])
        name = features[number] if features else str(number)
        raise ConfigError(f"{origin}: the values of {name!r} are too large to standardise; rescale or drop it")
    # The rounded mean of equal values may differ from them, so that their computed deviation need not be 0.
    deviation = np.where(seen.max(axes) == seen.min(axes), 0.0, deviation)
    return tuple(mean.tolist()), tuple(deviation.tolist())


def measure_target(raw: Raw, train: Rows) -> tuple[float, float]:
    """Return mean and deviation of the target over the training rows.

    Raises:
        ConfigError: the target has one value in all training rows, or values so large that their variance overflows.
    """
    seen = raw.y[train]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = float(seen.mean()), float(seen.std())
    if not np.isfinite(scale):
        raise ConfigError(f"{raw.origin}: the values of the target are too large to standardise; rescale it")
    if seen.max() == seen.min() or scale == 0.0:
        raise ConfigError(
            f"{raw.origin}: the target cannot be standardised, its deviation over the training rows is {scale:g}"
        )
    return mean, scale
