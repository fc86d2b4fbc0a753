"""The data sets that come with scikit-learn. Their files are inside that package: no network is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regbench.config.fields import choice, flag
from regbench.data.dataset import Computed
from regbench.data.records import Raw


@dataclass(frozen=True, kw_only=True)
class Digits(Computed):
    """Handwritten digits: 1,797 images of 8 x 8 pixels, 10 classes; pixels 0 to 16 are divided by 16.

    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits (UCI), its test part.
    """

    layout: str = choice("table", "image", help="64 columns, or one channel of 8 x 8")
    standardize: bool = flag(False, help="pixels are scaled to [0, 1] already")

    def read(self) -> Raw:
        """Return x `[1797, 64]` or `[1797, 1, 8, 8]` in [0, 1]."""
        from sklearn.datasets import load_digits

        found = load_digits()
        x = np.asarray(found.data, dtype=np.float64) / 16.0
        if self.layout == "image":
            x = x.reshape(-1, 1, 8, 8)
        return Raw(
            origin="digits",
            task="classification",
            layout=self.layout,
            x=x,
            y=found.target.astype(np.int64),
            classes=tuple(str(digit) for digit in range(10)),
            features=tuple(found.feature_names) if self.layout == "table" else (),
        )


@dataclass(frozen=True, kw_only=True)
class BreastCancer(Computed):
    """Breast cancer Wisconsin (diagnostic): 569 rows, 30 measurements, 2 classes (Street et al. 1993)."""

    def read(self) -> Raw:
        """Return x `[569, 30]`."""
        from sklearn.datasets import load_breast_cancer

        return _read_classes("breast_cancer", load_breast_cancer())


@dataclass(frozen=True, kw_only=True)
class Wine(Computed):
    """Wine recognition: 178 rows, 13 chemical measurements, 3 growers (Aeberhard and Forina 1991)."""

    def read(self) -> Raw:
        """Return x `[178, 13]`."""
        from sklearn.datasets import load_wine

        return _read_classes("wine", load_wine())


@dataclass(frozen=True, kw_only=True)
class Iris(Computed):
    """Iris: 150 rows, 4 lengths and widths in cm, 3 species (Fisher 1936)."""

    def read(self) -> Raw:
        """Return x `[150, 4]`."""
        from sklearn.datasets import load_iris

        return _read_classes("iris", load_iris())


@dataclass(frozen=True, kw_only=True)
class Diabetes(Computed):
    """Diabetes progression after one year: 442 rows, 10 measurements, regression (Efron et al. 2004).

    The measurements are read in their own units: the usual scaled form is standardised over all rows, test included.
    """

    standardize_target: bool = flag(True, help="target of mean 0 and deviation 1, measured on the training rows")

    def read(self) -> Raw:
        """Return x `[442, 10]` and the progression score, 25 to 346."""
        from sklearn.datasets import load_diabetes

        found = load_diabetes(scaled=False)
        return Raw(
            origin="diabetes",
            task="regression",
            layout="table",
            x=np.asarray(found.data, dtype=np.float64),
            y=np.asarray(found.target, dtype=np.float64),
            features=tuple(found.feature_names),
            standardize_target=self.standardize_target,
        )


def _read_classes(origin: str, found: Any) -> Raw:
    return Raw(
        origin=origin,
        task="classification",
        layout="table",
        x=np.asarray(found.data, dtype=np.float64),
        y=found.target.astype(np.int64),
        classes=tuple(str(name) for name in found.target_names),
        features=tuple(str(name) for name in found.feature_names),
    )
