"""Large data of two kinds, made up and written to a file: a table of a million rows, and 60,000 images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BATCH = 64


@dataclass(frozen=True)
class Scale:
    """A file, who writes it, the network's units from inputs to classes, and what regbench is told besides its path."""

    what: str
    file: str
    write: Callable[[Path], None]
    units: tuple[int, ...]
    dataset: tuple[str, ...]


def write_table(path: Path) -> None:
    """Write a table of 20 columns of numbers with six decimals, and a class that they decide in part."""
    import pyarrow as pa
    from pyarrow import csv

    rng = np.random.default_rng(0)
    x = rng.standard_normal((1_000_000, 20)).round(6)
    y = (x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + rng.standard_normal(len(x)) > 0).astype(np.int64)
    table = pa.table({**{f"x{column}": x[:, column] for column in range(x.shape[1])}, "y": y})
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="none"))


def write_images(path: Path) -> None:
    """Write images of 28 x 28 random brightnesses as rows of float32, and a class that a few of them decide."""
    rng = np.random.default_rng(0)
    x = rng.random((60_000, 784), dtype=np.float32)
    y = x[:, :10].argmax(1)
    np.savez(path, x=x, y=y)


TASKS = {
    "table": Scale("1,000,000 x 20 CSV", "rows.csv", write_table, (20, 64, 64, 2), ("dataset=csv", "dataset.target=y")),
    "images": Scale(
        "60,000 x 784 npz", "images.npz", write_images, (784, 128, 10), ("dataset=npz", "dataset.task=classification")
    ),
}
