"""Runs trained by the command, and their rows as a person has them: read again from the source, not from the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from regbench.cli.main import main
from regbench.config.fields import build
from regbench.data.loading import dataset_class
from regbench.data.splitting import split_rows

SHORT = ("-q", "threads=1", "schedule.epochs=4")


@dataclass(frozen=True)
class Trained:
    """A complete run: its folder, and what its files say."""

    folder: Path

    @property
    def result(self) -> dict[str, Any]:
        return json.loads((self.folder / "result.json").read_bytes())

    @property
    def preprocessing(self) -> dict[str, Any]:
        return json.loads((self.folder / "preprocessing.json").read_bytes())["preprocessing"]


def train(work: Path, *words: str) -> Trained:
    """Train a run with the command and return its folder."""
    before = set(work.glob("runs/default/*"))
    assert main(["run", f"runs={work / 'runs'}", *SHORT, *words]) == 0
    (folder,) = set(work.glob("runs/default/*")) - before
    return Trained(folder)


@dataclass(frozen=True)
class Source:
    """All rows of a data set in the order training, validation, test, and where these parts end."""

    rows: pd.DataFrame | NDArray[np.float64]
    y: NDArray[Any]
    ends: tuple[int, int, int]


def read_source(values: dict[str, Any]) -> Source:
    """Read a data set as a person would, and cut it by the rule of its settings."""
    dataset = build(dataset_class(values["name"]), values, "dataset")
    raw = dataset.read()
    parts = split_rows(raw, dataset)[:3]
    order = np.concatenate(parts)
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}.get(values["name"])
    rows = read(values["path"]).iloc[order] if read else raw.x[order]
    first, second, third = np.cumsum([len(part) for part in parts]).tolist()
    return Source(rows, raw.y[order], (first, second, third))


def measure(run: Trained, outputs: Tensor, source: Source) -> dict[str, dict[str, float]]:
    """Return loss and main metric of each part by their definitions, from log-probabilities or standardised numbers."""
    if run.preprocessing["task"] == "classification":
        losses = -outputs.gather(1, torch.from_numpy(source.y)[:, None])[:, 0]
        metric, metrics = "accuracy", (outputs.argmax(1) == torch.from_numpy(source.y)).to(outputs.dtype)
    else:
        (mean,), (scale,) = run.preprocessing["target_mean"], run.preprocessing["target_scale"]
        y = torch.from_numpy((source.y - mean) / scale).to(outputs.dtype)
        losses = (outputs[:, 0] - y).square()
        metric, metrics = "mse", losses.to(torch.float64) * scale**2
    figures, start = {}, 0
    for part, end in zip(("train", "val", "test"), source.ends, strict=True):
        figures[part] = {"loss": losses[start:end].mean().item(), metric: metrics[start:end].mean().item()}
        start = end
    return figures


def pick_main(best: Mapping[str, Mapping[str, float] | None]) -> dict[str, dict[str, float]]:
    """Return loss and main metric of each part of a result; the others are computed from the same outputs."""
    names = ("loss", "accuracy", "mse")
    return {part: {name: own[name] for name in names if name in own} for part, own in best.items() if own is not None}


def write_table(path: Path, rows: int = 240) -> pd.DataFrame:
    """Write a table with every kind of column and missing values, and return it as pandas reads it.

    Its targets are `kind` and `price`.
    """
    random = np.random.default_rng(8)
    income = random.lognormal(10.0, 1.0, rows)
    frame = pd.DataFrame(
        {
            "age": np.where(random.random(rows) < 0.1, np.nan, random.integers(18, 80, rows)),
            "constant": 3.5,
            "income": income,
            "member": random.random(rows) < 0.5,
            "town": np.array(["Aachen", "Bonn", "Celle"])[random.integers(0, 3, rows)],
            "code": np.array(["007", "x1"])[random.integers(0, 2, rows)],
            "since": pd.date_range("2020-01-01", periods=rows, freq="31h").strftime("%Y-%m-%d %H:%M:%S"),
            "colour": np.where(random.random(rows) < 0.2, None, np.array(["red", "blue"])[random.integers(0, 2, rows)]),
            "id": np.arange(rows),
        }
    )
    frame["kind"] = np.where(income > np.median(income), "rich", "poor")
    frame["price"] = 1e-3 * income + random.standard_normal(rows)
    frame.to_csv(path, index=False)
    return pd.read_csv(path)
