"""Published parts and counts of public data sets, from files that a person has; regbench ships none of them.

REGBENCH_UCR is a folder with NAME/NAME_TRAIN.ts and NAME/NAME_TEST.ts, as in the UCR and UEA archives and in aeon;
REGBENCH_KEEL one with NAME/NAME-5-1tra.dat and so on, as in KEEL's repository and software; REGBENCH_MNIST and
REGBENCH_FASHION_MNIST one with train-images-idx3-ubyte.gz and the other three files. A part without its images is
skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from regbench.data import load
from regbench.data.loading import build_dataset
from regbench.data.records import FREE, TEST, Raw

SERIES = {
    "GunPoint": (50, 150, 1, 150, 2),
    "ItalyPowerDemand": (67, 1029, 1, 24, 2),
    "ArrowHead": (36, 175, 1, 251, 3),
    "OSULeaf": (200, 242, 1, 427, 6),
    "ACSF1": (100, 100, 1, 1460, 10),
    "BasicMotions": (40, 40, 6, 100, 4),
    "JapaneseVowels": (270, 370, 12, 26, 9),
}
"""Training and test series, channels, length and classes: Dau et al. (2018) and Bagnall et al. (2018)."""

FOLDS = {
    "abalone19": (4174, 8, 32),
    "ecoli1": (336, 7, 77),
    "glass1": (214, 9, 76),
    "iris0": (150, 4, 50),
    "page-blocks0": (5472, 10, 559),
    "vehicle2": (846, 18, 218),
    "yeast5": (1484, 8, 44),
}
"""Rows, inputs and rows of the smaller class: KEEL's page of imbalanced data sets, Alcala-Fdez et al. (2011)."""

DIGITS = {
    "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "t10k": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}
"""Images of each class: LeCun et al. (1998)."""

CLOTHES = {"train": (6000,) * 10, "t10k": (1000,) * 10}
"""Images of each class: Xiao et al. (2017)."""

IMAGES = {"REGBENCH_MNIST": DIGITS, "REGBENCH_FASHION_MNIST": CLOTHES}


def folder(variable: str) -> Path:
    """Return the folder that an environment variable names; without it the test is skipped."""
    found = os.environ.get(variable)
    if not found:
        pytest.skip(f"{variable} names no folder with the files")
    return Path(found)


def read(name: str, path: Path, **options: object) -> Raw:
    return build_dataset({"name": name, "path": str(path), **options}).read()


@pytest.mark.reproduce
@pytest.mark.parametrize("name", SERIES)
def test_published_series(name: str) -> None:
    path = folder("REGBENCH_UCR") / name / f"{name}_TRAIN.ts"
    train, test, channels, length, classes = SERIES[name]
    raw = read("series", path, lengths="resample" if name == "JapaneseVowels" else "refuse")
    assert raw.roles is not None
    assert (np.sum(raw.roles == FREE), np.sum(raw.roles == TEST)) == (train, test)
    assert isinstance(raw.x, np.ndarray)
    assert raw.x.shape[1:] == (channels, length)
    assert len(raw.classes) == classes


@pytest.mark.reproduce
@pytest.mark.parametrize("name", ["GunPoint", "ArrowHead"])
def test_every_kind_of_file_gives_the_same_series(name: str) -> None:
    base = folder("REGBENCH_UCR") / name / f"{name}_TRAIN"
    ts, tsv, arff = (read("series", base.with_suffix(kind)) for kind in (".ts", ".tsv", ".arff"))
    assert isinstance(ts.x, np.ndarray)
    for other in (tsv, arff):
        assert np.array_equal(other.x, ts.x[: len(other.y)])
        assert other.classes == ts.classes
        assert other.y.tolist() == ts.y[: len(other.y)].tolist()


@pytest.mark.reproduce
@pytest.mark.parametrize("name", FOLDS)
def test_published_folds(name: str) -> None:
    base = folder("REGBENCH_KEEL") / name
    rows, inputs, fewer = FOLDS[name]
    whole = read("keel", base / f"{name}.dat")
    assert (len(whole.y), len(whole.x)) == (rows, inputs)
    assert np.bincount(whole.y).min() == fewer
    tested: list[tuple[float, ...]] = []
    for fold in range(1, 6):
        split = load(
            {"name": "keel", "path": str(base / f"{name}-5-{fold}tra.dat"), "standardize": False, "split": {"val": 0.0}}
        )
        assert len(split.train.y) + len(split.test.y) == rows
        tested += [tuple(row) for row in np.column_stack([split.test.x, split.test.y]).tolist()]
    everything = load({"name": "keel", "path": str(base / f"{name}.dat"), "standardize": False})
    parts = (everything.train, everything.val, everything.test)
    rows_of_file = [tuple(row) for part in parts for row in np.column_stack([part.x, part.y]).tolist()]
    assert sorted(tested) == sorted(rows_of_file)


@pytest.mark.reproduce
@pytest.mark.parametrize("part", ["train", "t10k"])
@pytest.mark.parametrize("variable", IMAGES)
def test_published_images(variable: str, part: str) -> None:
    images, labels = (folder(variable) / f"{part}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    if not images.exists():
        pytest.skip(f"{images.name} is not there")
    raw = build_dataset({"name": "idx", "train_images": str(images), "train_labels": str(labels)}).read()
    assert isinstance(raw.x, np.ndarray)
    assert raw.x.shape == (sum(IMAGES[variable][part]), 1, 28, 28)
    assert tuple(np.bincount(raw.y)) == IMAGES[variable][part]
