"""Models of scikit-learn on the rows of a network: a yardstick that says how much of the target can be learned.

Boosting is GradientBoosting, each split looking at the square root of the columns, below 1,000 training rows, where the
leaves of 20 rows of HistGradientBoosting are too coarse, and HistGradientBoosting from there on. Besides it there are
extra trees, and logistic regression or ridge on standardised inputs. All else is as scikit-learn has it: models that
were tuned would say a little more, and take longer than the networks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Floats, Labels, Part, Rows, Split
from regbench.errors import ConfigError
from regbench.studies.scoring import measure_constant, measure_error, score_outputs
from regbench.tasks import Task

BOOSTING, TREES, LINEAR = "boosting", "extra trees", "linear"
MOST_ROWS, FEWEST_ROWS, MOST_CELLS = 20_000, 2_000, 4_000_000
"""Training rows beyond which a fixed part is drawn: at most so many, and so many numbers, but not fewer than these."""
MOST_COLUMNS = 5_000
"""Columns above which boosting is left out."""
COARSE_ROWS = 1_000
"""Training rows below which boosting splits at values instead of bins."""
FEW_CLASSES = 4
"""Classes up to which HistGradientBoosting grows 100 trees for each; of more, 50."""
SMALLEST = 1e-12
"""Least probability of which a logarithm is taken."""

Array: TypeAlias = NDArray[Any]
Predict: TypeAlias = Callable[[Array], Floats]
"""From inputs `[N, D]` to outputs as a network has them: logits `[N, C]`, or numbers in the unit it learns."""


class Reference(NamedTuple):
    """What one model reaches: its score on validation rows, and on test rows if there are any.

    `error` is its validation error over that of the constant prediction.
    """

    name: str
    val: float
    test: float | None
    error: float


def measure_references(split: Split, metric: str, seed: int) -> list[Reference]:
    """Return what models reach that are fitted to the training rows of a split.

    Args:
        split: the rows.
        metric: name of the figure, one of those of the task.
        seed: of the models, and of the rows that are drawn where there are many.

    Raises:
        ConfigError: there are no validation rows.
    """
    from threadpoolctl import threadpool_limits

    if not len(split.val.x):
        raise ConfigError("reference models need validation rows; take dataset.split.val in (0, 1)")
    constant = measure_constant(split, split.val, metric)
    found = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a linear model that has not converged is a yardstick all the same
        rows = _choose_rows(split, seed)
        inputs, targets = _flatten(split, split.train, rows), split.train.y[rows]
        weights = None if split.train.weights is None else split.train.weights[rows]
        for name, fit in _list_models(split, inputs.shape, seed):
            predict = fit(inputs, targets, weights)
            outputs = predict(_flatten(split, split.val))
            tests = predict(_flatten(split, split.test)) if len(split.test.x) else None
            error = measure_error(split, split.val, metric, outputs)
            found.append(
                Reference(
                    name=name,
                    val=score_outputs(split, split.val, metric, outputs),
                    test=None if tests is None else score_outputs(split, split.test, metric, tests),
                    error=error / constant if constant > 0 else float("nan"),
                )
            )
    return found


def note_limits(split: Split) -> list[str]:
    """Return what has to be known of the references of a split: rows that were drawn, a model left out."""
    rows, columns = len(split.train.x), _count_columns(split)
    said = []
    if rows > _limit_rows(columns):
        said.append(f"reference models are fitted to {_limit_rows(columns):,} of {rows:,} training rows")
    if columns > MOST_COLUMNS and split.task != Task.MULTILABEL:
        said.append(f"no boosting among the reference models: {columns:,} columns, and at most {MOST_COLUMNS:,}")
    return said


def choose_reference(measured: Sequence[Sequence[Reference]]) -> tuple[str, Floats]:
    """Return the name and the errors `[R]` of the best model, by its mean over the replicates.

    The best of each replicate would be better than any model is: the least of several noisy figures.
    """
    errors = {
        name: np.array([next((own.error for own in each if own.name == name), np.nan) for each in measured])
        for name in dict.fromkeys(own.name for each in measured for own in each)
    }
    sound = {name: values for name, values in errors.items() if np.isfinite(values).all()}
    if not sound:
        return "", np.full(len(measured), np.nan)
    name = min(sound, key=lambda name: float(sound[name].mean()))
    return name, sound[name]


def _list_models(
    split: Split, shape: tuple[int, ...], seed: int
) -> Iterator[tuple[str, Callable[[Array, Labels, Floats | None], Predict]]]:
    """Yield what fits each model."""
    from sklearn import ensemble, linear_model
    from sklearn.multioutput import MultiOutputRegressor

    few = shape[0] < COARSE_ROWS
    if split.task == Task.CLASSIFICATION:
        trees = ensemble.ExtraTreesClassifier(random_state=seed, n_jobs=1)
        linear = linear_model.LogisticRegression(max_iter=100)
        boosting = (
            ensemble.GradientBoostingClassifier(max_features="sqrt", random_state=seed)
            if few
            else ensemble.HistGradientBoostingClassifier(
                max_iter=100 if len(split.classes) <= FEW_CLASSES else 50, early_stopping=False, random_state=seed
            )
        )
    else:
        trees = ensemble.ExtraTreesRegressor(random_state=seed, n_jobs=1)
        linear = linear_model.Ridge()
        boosting = (
            ensemble.GradientBoostingRegressor(max_features="sqrt", random_state=seed)
            if few
            else ensemble.HistGradientBoostingRegressor(early_stopping=False, random_state=seed)
        )
        if split.train.y.ndim > 1:
            boosting = MultiOutputRegressor(boosting)
    if split.task == Task.MULTILABEL:
        yield TREES, partial(_fit_shares, trees)
        yield LINEAR, partial(_fit_labels, linear_model.LogisticRegression(max_iter=100))
        return
    fit = partial(_fit_classes, len(split.classes)) if split.task == Task.CLASSIFICATION else _fit_numbers
    if shape[1] <= MOST_COLUMNS:
        yield BOOSTING, partial(fit, boosting)
    yield TREES, partial(fit, trees)
    yield LINEAR, partial(_fit_standardised, partial(fit, linear))


def _fit_classes(classes: int, model: Any, inputs: Array, labels: Labels, weights: Floats | None) -> Predict:
    model.fit(inputs, labels, sample_weight=weights)

    def predict(x: Array) -> Floats:
        shares = np.zeros((len(x), classes))
        shares[:, model.classes_] = model.predict_proba(x)
        return _take_logarithm(shares)

    return predict


def _fit_numbers(model: Any, inputs: Array, targets: Labels, weights: Floats | None) -> Predict:
    model.fit(inputs, targets, sample_weight=weights)

    def predict(x: Array) -> Floats:
        return np.asarray(model.predict(x), dtype=np.float64).reshape(len(x), -1)

    return predict


def _fit_shares(model: Any, inputs: Array, labels: Labels, weights: Floats | None) -> Predict:
    """Fit the share of each label in the leaves, which is the probability that trees of classes have."""
    fitted = _fit_numbers(model, inputs, labels, weights)

    def predict(x: Array) -> Floats:
        shares = fitted(x)
        return _take_logarithm(shares) - _take_logarithm(1 - shares)

    return predict


def _fit_labels(model: Any, inputs: Array, labels: Labels, weights: Floats | None) -> Predict:
    """Fit a linear model to each label, on standardised inputs; a label that all rows or none have stays constant."""
    from sklearn.base import clone

    def fit(inputs: Array, labels: Labels, weights: Floats | None) -> Predict:
        constant = (labels == labels[:1]).all(0)
        each = [
            None if same else clone(model).fit(inputs, column, sample_weight=weights)
            for same, column in zip(constant, labels.T, strict=True)
        ]
        always = np.where(labels[0] > 0.5, 1.0, -1.0) * -np.log(SMALLEST)

        def predict(x: Array) -> Floats:
            columns = [
                np.full(len(x), logit) if own is None else own.decision_function(x)
                for own, logit in zip(each, always, strict=True)
            ]
            return np.stack(columns, axis=1)

        return predict

    return _fit_standardised(fit, inputs, labels, weights)


def _fit_standardised(
    fit: Callable[[Array, Labels, Floats | None], Predict], inputs: Array, targets: Labels, weights: Floats | None
) -> Predict:
    """Fit to inputs of mean 0 and deviation 1 over the training rows."""
    mean, deviation = inputs.mean(0, dtype=np.float64), inputs.std(0, dtype=np.float64)
    scale = np.where(deviation > 0, deviation, 1.0)
    fitted = fit((inputs - mean) / scale, targets, weights)
    return lambda x: fitted((x - mean) / scale)


def _take_logarithm(shares: Floats) -> Floats:
    found: Floats = np.log(np.clip(shares, SMALLEST, None))
    return found


def _choose_rows(split: Split, seed: int) -> Rows:
    """Return numbers of the training rows that are fitted to, sorted."""
    rows, most = len(split.train.x), _limit_rows(_count_columns(split))
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def _limit_rows(columns: int) -> int:
    return min(MOST_ROWS, max(FEWEST_ROWS, MOST_CELLS // columns))


def _count_columns(split: Split) -> int:
    return split.preprocessing.width if split.layout == "tokens" else int(np.prod(split.train.x.shape[1:]))


def _flatten(split: Split, part: Part, rows: Rows | None = None) -> Array:
    """Return inputs as rows of numbers `[N, D]`; tokens as the number of times that each occurs."""
    x = part.x if rows is None else part.x[rows]
    if split.layout != "tokens":
        return x.reshape(len(x), -1)
    width = split.preprocessing.width
    places = x.astype(np.int64) + width * np.arange(len(x))[:, None]
    counts = np.bincount(places.ravel(), minlength=width * len(x)).reshape(len(x), width)
    return counts.astype(np.float32)
