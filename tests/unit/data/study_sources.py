"""Data sets of every kind, cut in every way, and the garbage that a search must not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regbench.data.dataset import Dataset
from regbench.data.loading import build_dataset
from regbench.data.records import Categorical, Column, Numeric, Part, Raw, Rows, Split, Texts

BUNDLED = ("digits", "breast_cancer", "wine", "iris", "diabetes", "polynomial", "moons", "circles", "spirals")
FOLDS: Mapping[str, Any] = {"method": "folds", "fold": 3, "equal": True, "seed": 4, "val_seed": 9}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given(Dataset):
    """Rows that the test gives: the features of each, its class, and its group."""

    x: tuple[tuple[float, ...], ...]
    y: tuple[int, ...]
    groups: tuple[int, ...] | None = None

    def read(self) -> Raw:
        """Return the rows."""
        return Raw(
            origin="given",
            task="classification",
            layout="table",
            x=np.array(self.x),
            y=np.array(self.y),
            classes=tuple("abcdef"[: max(self.y) + 1]),
            features=tuple(f"x{number}" for number in range(len(self.x[0]))),
            groups=None if self.groups is None else np.array(self.groups),
        )


def make(name: str, split: Mapping[str, Any], **options: Any) -> Dataset:
    return build_dataset({"name": name, "split": dict(split), **options})


def make_frame() -> pd.DataFrame:
    """Return 240 rows with numbers, categories, empty cells, copies, weights, patients, days and parts."""
    rng, rows = np.random.default_rng(5), 240
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=rows).round(3),
            "count": rng.integers(0, 9, rows).astype(float),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "shape": rng.choice(["round", "flat"], rows),
            "weight": rng.integers(1, 4, rows),
            "patient": np.repeat(np.arange(60), 4),
            "day": rng.permutation(rows),
            "part": np.resize(["train", "train", "test", "train"], rows),
            "y": rng.choice(["ill", "well", "unsure"], rows),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::11, "colour"] = np.nan
    frame.loc[200:215, ["size", "count", "colour", "shape"]] = frame.loc[
        20:35, ["size", "count", "colour", "shape"]
    ].to_numpy()
    return frame


METHODS: Mapping[str, Mapping[str, Any]] = {
    "random": {"method": "random"},
    "folds": FOLDS,
    "groups": {"method": "groups", "groups": "patient"},
    "group folds": {**FOLDS, "groups": "patient"},
    "time": {"method": "time", "time": "day"},
    "given": {"method": "given", "column": "part"},
}
KEYS = ("patient", "day", "part")


def table(folder: Path, method: str, frame: pd.DataFrame | None = None, **split: Any) -> Dataset:
    rule = {**METHODS[method], **split}
    path = folder / "rows.csv"
    (make_frame() if frame is None else frame).to_csv(path, index=False)
    drop = [name for name in KEYS if name not in rule.values()]
    values = {"path": str(path), "target": "y", "weight": "weight", "drop": drop}
    return make("csv", rule, **values)


def images(folder: Path, parts: bool) -> Dataset:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (90, 1, 4, 4), dtype=np.uint8), np.resize([0, 1, 2], 90)
    x[60:70] = x[:10]
    arrays = {"x_train": x[:60], "y_train": y[:60], "x_test": x[60:], "y_test": y[60:]} if parts else {"x": x, "y": y}
    np.savez(folder / "images.npz", **arrays)
    return make("npz", {}, path=str(folder / "images.npz"))


def texts(folder: Path) -> Dataset:
    rng = np.random.default_rng(2)
    words = [" ".join(rng.choice(["sun", "rain", "wind", "ice", "fog"], 6)) for _ in range(80)]
    pd.DataFrame({"text": words, "y": np.resize(["a", "b"], 80)}).to_csv(folder / "texts.csv", index=False)
    return make("text", {}, path=str(folder / "texts.csv"), target="y", standardize=True)


def forecast(folder: Path) -> Dataset:
    rows = np.arange(120)
    frame = pd.DataFrame({"t": rows, "load": np.sin(rows / 5), "heat": np.cos(rows / 3)})
    frame.to_csv(folder / "load.csv", index=False)
    return make("forecast", {"method": "time"}, path=str(folder / "load.csv"), target="load", time="t", lookback=5)


def sources(folder: Path) -> dict[str, Dataset]:
    """Return data sets of every kind, cut in every way."""
    bundled = {name: make(name, {}) for name in BUNDLED}
    folds = {f"{name}, folds": make(name, FOLDS) for name in ("digits", "diabetes")}
    tables = {}
    for method in METHODS:
        place = folder / method
        place.mkdir()
        tables[f"table, {method}"] = table(place, method)
    for kind in ("images", "parts"):
        (folder / kind).mkdir()
    return {
        **bundled,
        **folds,
        **tables,
        "digits, few and noisy": make("digits", FOLDS, train_size=150, label_noise=0.2, imbalance=2.0),
        "mnist1d": make("mnist1d", {"val_seed": 1}),
        "images": images(folder / "images", parts=False),
        "images in parts": images(folder / "parts", parts=True),
        "texts": texts(folder),
        "forecast": forecast(folder),
    }


def list_arrays(split: Split) -> tuple[Part, Part, Part]:
    return split.train, split.val, split.test


def assert_equal_parts(one: Part, two: Part) -> None:
    for first, second in ((one.x, two.x), (one.y, two.y), (one.weights, two.weights)):
        if first is None or second is None:
            assert first is second
        else:
            assert (first.dtype, first.tobytes()) == (second.dtype, second.tobytes())


def assert_identical(one: Split, two: Split) -> None:
    for first, second in zip(list_arrays(one), list_arrays(two), strict=True):
        assert_equal_parts(first, second)
    for field in dataclasses.fields(Split):
        if field.name not in ("train", "val", "test"):
            assert getattr(one, field.name) == getattr(two, field.name), field.name


def spoil(raw: Raw, tested: Rows, *, keeps_classes: bool) -> Raw:
    """Return a source whose test rows hold garbage: extreme numbers, names and words that no other row has."""
    spoiled = np.zeros(len(raw.y), dtype=bool)
    spoiled[tested] = True
    y = raw.y.copy()
    if raw.task == "classification":
        y[tested] = np.roll(y[tested], 1) if keeps_classes else 10**6
    else:
        y[tested] = -1.7e308
    if isinstance(raw.x, np.ndarray):
        x: Any = raw.x.copy()
        x[tested] = np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).max
    else:
        x = tuple(_spoil_column(column, spoiled) for column in raw.x)
    weights = None if raw.weights is None else np.where(spoiled, 1e300, raw.weights)
    aside = tuple(_spoil_column(column, spoiled) for column in raw.aside)
    return dataclasses.replace(raw, x=x, y=y, weights=weights, aside=aside)


def _spoil_column(column: Column, spoiled: np.ndarray) -> Column:
    if isinstance(column, Numeric):
        garbage = np.where(np.arange(len(spoiled)) % 2, 1.7e308, np.nan)
        return dataclasses.replace(column, values=np.where(spoiled, garbage, column.values))
    if isinstance(column, Texts):
        return dataclasses.replace(column, texts=tuple(np.where(spoiled, "zebra sun", column.texts).tolist()))
    codes = np.where(column.codes < 0, -1, column.codes + 1)  # a name before all others
    return Categorical(column.name, np.where(spoiled, 0, codes), ("!!", *column.levels))
