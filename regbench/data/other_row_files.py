"""Rows to predict in the formats of the data sets arff, keel, libsvm and series, told by the ends of their names."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from regbench.data.attribute_files import parse_attributes
from regbench.data.libsvm import measure, parse_rows
from regbench.data.preprocessing import Preprocessing
from regbench.data.series_rows import make_array
from regbench.data.series_tables import parse_ucr
from regbench.data.series_ts import parse_ts
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd

DECLARED, SPARSE, SERIES = (".arff", ".dat"), (".svm", ".libsvm"), (".ts", ".tsv", ".txt")


def read_other_kind(content: bytes, path: str, fitted: Preprocessing) -> pd.DataFrame | NDArray[Any] | None:
    """Return the rows of a file in one of these formats; None where its name ends otherwise, or the model takes others.

    Raises:
        ConfigError: the file is not in its format, or its rows are not of the size that the model takes.
    """
    path_without = path.removesuffix(".gz").removesuffix(".bz2")
    kind, shown = PurePath(path_without).suffix.lower(), escape(path)
    if kind in DECLARED and fitted.columns:
        return parse_attributes(content, shown).frame
    if kind in SPARSE and fitted.columns and fitted.takes_arrays:
        return _read_sparse(content, shown, fitted)
    if kind in SERIES and fitted.layout == "series":
        return _read_series(content, kind, shown, fitted)
    return None


def _read_sparse(content: bytes, path: str, fitted: Preprocessing) -> NDArray[Any]:
    """Return rows whose features are numbered as those of training: from the number in the first one's name."""
    features = len(fitted.columns)
    first = 0 if fitted.columns[0].name == "x0" else 1
    extent = measure(content, path)
    last = first + features - 1
    if extent.highest > last or (first == 1 and extent.lowest == 0):
        raise ConfigError(f"{path}: features {extent.lowest} to {extent.highest}; the model knows {first} to {last}")
    return parse_rows([content], first, features)[0]


def _read_series(content: bytes, kind: str, path: str, fitted: Preprocessing) -> NDArray[Any]:
    found = parse_ts(content, path) if kind == ".ts" else parse_ucr(content, path)
    channels, length = fitted.shape
    for row, place in zip(found.rows, found.places, strict=True):
        lengths = {len(values) for values in row}
        if lengths != {length}:
            raise ConfigError(f"{path}: {place}: the series has {max(lengths)} values; the model takes {length}")
    return make_array(found, path, "refuse", (channels, length))[0]
