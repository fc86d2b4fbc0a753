"""The data sets that come with scikit-learn. Their files are inside that package: no network is used.

They are read without importing it, which takes as long as importing torch does.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np

from regbench.config.fields import choice, flag
from regbench.data.dataset import Computed
from regbench.data.records import Floats, Raw
from regbench.errors import ConfigError

MEASURED = ("radius", "texture", "perimeter", "area", "smoothness")
SHAPED = ("compactness", "concavity", "concave points", "symmetry", "fractal dimension")

WINE = (
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "color_intensity",
    "hue",
    "od280/od315_of_diluted_wines",
    "proline",
)


@dataclass(frozen=True, kw_only=True)
class Digits(Computed):
    """Handwritten digits: 1,797 images of 8 x 8 pixels, 10 classes; pixels 0 to 16 are divided by 16.

    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits (UCI), its test part.
    """

    layout: str = choice("table", "image", help="64 columns, or one channel of 8 x 8")
    standardize: bool = flag(False, help="pixels are scaled to [0, 1] already")

    def read(self) -> Raw:
        """Return x `[1797, 64]` or `[1797, 1, 8, 8]` in [0, 1]."""
        rows = _read_numbers("digits.csv.gz", ",")
        x = rows[:, :-1] / 16.0
        if self.layout == "image":
            x = x.reshape(-1, 1, 8, 8)
        return Raw(
            origin="digits",
            task="classification",
            layout=self.layout,
            x=x,
            y=rows[:, -1].astype(np.int64),
            classes=tuple(str(digit) for digit in range(10)),
            features=tuple(f"pixel_{row}_{column}" for row, column in product(range(8), range(8)))
            if self.layout == "table"
            else (),
        )


@dataclass(frozen=True, kw_only=True)
class BreastCancer(Computed):
    """Breast cancer Wisconsin (diagnostic): 569 rows, 30 measurements, 2 classes (Street et al. 1993)."""

    def read(self) -> Raw:
        """Return x `[569, 30]`."""
        parts = (*MEASURED, *SHAPED)
        features = [
            *(f"mean {part}" for part in parts),
            *(f"{part} error" for part in parts),
            *(f"worst {part}" for part in parts),
        ]
        return _read_classes("breast_cancer", "breast_cancer.csv", features)


@dataclass(frozen=True, kw_only=True)
class Wine(Computed):
    """Wine recognition: 178 rows, 13 chemical measurements, 3 growers (Aeberhard and Forina 1991)."""

    def read(self) -> Raw:
        """Return x `[178, 13]`."""
        return _read_classes("wine", "wine_data.csv", WINE)


@dataclass(frozen=True, kw_only=True)
class Iris(Computed):
    """Iris: 150 rows, 4 lengths and widths in cm, 3 species (Fisher 1936)."""

    def read(self) -> Raw:
        """Return x `[150, 4]`."""
        features = [f"{part} {size} (cm)" for part, size in product(("sepal", "petal"), ("length", "width"))]
        return _read_classes("iris", "iris.csv", features)


@dataclass(frozen=True, kw_only=True)
class Diabetes(Computed):
    """Diabetes progression after one year: 442 rows, 10 measurements, regression (Efron et al. 2004).

    The measurements are read in their own units: the usual scaled form is standardised over all rows, test included.
    """

    standardize_target: bool = flag(True, help="target of mean 0 and deviation 1, measured on the training rows")

    def read(self) -> Raw:
        """Return x `[442, 10]` and the progression score, 25 to 346."""
        return Raw(
            origin="diabetes",
            task="regression",
            layout="table",
            x=_read_numbers("diabetes_data_raw.csv.gz"),
            y=_read_numbers("diabetes_target.csv.gz"),
            features=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
            standardize_target=self.standardize_target,
        )


def _read_classes(origin: str, name: str, features: Sequence[str]) -> Raw:
    """Return a table with a class number in the last column; its first line has counts and the names of the classes."""
    lines = _find(name).read_text("utf-8").splitlines()
    rows = np.loadtxt(lines[1:], delimiter=",", ndmin=2)
    return Raw(
        origin=origin,
        task="classification",
        layout="table",
        x=rows[:, :-1].copy(),
        y=rows[:, -1].astype(np.int64),
        classes=tuple(lines[0].split(",")[2:]),
        features=tuple(features),
    )


def _read_numbers(name: str, delimiter: str | None = None) -> Floats:
    """Return the numbers of a compressed table, `[rows, columns]`, or `[rows]` where it has one column."""
    with gzip.open(_find(name), "rt", encoding="utf-8") as file:
        return np.loadtxt(file, delimiter=delimiter)


def _find(name: str) -> Path:
    """Return the path of one of scikit-learn's files.

    Raises:
        ConfigError: scikit-learn is not installed, or this version of it has no such file.
    """
    found = find_spec("sklearn")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    for path in (Path(folder, "datasets", "data", name) for folder in folders):
        if path.exists():
            return path
    raise ConfigError(f"scikit-learn, as it is installed, has no file {name}: this data set cannot be read")
