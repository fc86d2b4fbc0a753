"""Thinning of the training classes to a long tail, to see what a technique does where some classes are rare."""

from __future__ import annotations

import numpy as np

from regbench.data.records import Raw, Rows
from regbench.errors import ConfigError

IMBALANCE_STREAM = 3


def thin_classes(raw: Raw, rows: Rows, ratio: float, seed: int) -> Rows:
    """Return the training rows with class c of C thinned to round(n · ratio^(−c / (C − 1))) rows.

    Class 0 is `ratio` times as large as the last one. n is the largest number that every class has the rows for: all
    of class 0 where the classes are equally large. The same seed leaves the same rows of a class, only more or fewer.

    Args:
        raw: all rows of the source.
        rows: the numbers of the training rows.
        ratio: rows of the first class to one of the last, at least 1; 1 leaves all rows as they are.
        seed: chooses the rows that stay.

    Raises:
        ConfigError: the source has no classes, or one would lose all its rows.

    Source: Cao, Wei, Gaidon, Arechiga & Ma (2019), section 4 (long-tailed imbalance).
    """
    if ratio == 1.0:
        return rows
    if raw.task != "classification":
        raise ConfigError(
            f"dataset.imbalance={ratio:g} is not allowed; {raw.origin} is a {raw.task}, and classes are thinned: "
            "it takes 1"
        )
    classes = len(raw.classes)
    counts = np.bincount(raw.y[rows], minlength=classes)
    share = ratio ** (-np.arange(classes) / (classes - 1))
    kept = np.rint((counts / share).min() * share).astype(np.int64)
    if kept.min() < 1:
        raise ConfigError(
            f"dataset.imbalance={ratio:g} is not allowed; it leaves no training row of class "
            f"{raw.classes[int(kept.argmin())]!r}: take a smaller ratio"
        )
    shuffled = np.random.default_rng([seed, IMBALANCE_STREAM]).permutation(rows)
    labels = raw.y[shuffled]
    return np.sort(np.concatenate([shuffled[labels == number][: kept[number]] for number in range(classes)]))
