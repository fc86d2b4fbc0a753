"""Runs of a sweep, each trained again alone: the same epoch of stopping and the same figures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.sweep.commands import alone, folders, printed, results, shape, sweep

RATES = ("0.05", "0.1", "0.2", "0.3", "0.4", "0.5")
STRENGTHS = ("1e-5", "1e-4", "1e-3", "1e-2")
SEEDS = [str(seed) for seed in range(16)]
COMMON = ("regularizer=[dropout,l2]", "schedule.epochs=100", "schedule.stop.patience=5", "quiet=true")
TEST_ROWS = 360


def sample(count: int) -> list[Sequence[str]]:
    """Return the words of so many runs of the sweep."""
    grid = list(product(RATES, STRENGTHS, SEEDS))
    return [
        (f"regularizer.dropout.rate={rate}", f"regularizer.l2.strength={strength}", f"seed={seed}")
        for rate, strength, seed in random.Random(3).sample(grid, count)
    ]


def train_twice(folder: Path, count: int, precision: str, wait: float) -> tuple[Path, list[Path]]:
    """Train the whole sweep, and some of its runs alone; return the sweep's folder and those of the latter."""
    words = (*COMMON, f"schedule.precision={precision}")
    grid = (
        f"regularizer.dropout.rate={','.join(RATES)}",
        f"regularizer.l2.strength={','.join(STRENGTHS)}",
        f"seed={','.join(SEEDS)}",
    )
    assert sweep(folder / "sweep", *words, *grid, seconds=wait).code == 0
    alone(folder / "alone", [(*words, *own) for own in sample(count)], seconds=wait)
    made = folders(folder / "alone")
    assert len(made) == count
    assert len(folders(folder / "sweep")) == len(RATES) * len(STRENGTHS) * len(SEEDS)
    return folder / "sweep/runs/default", made


@pytest.mark.reproduce
def test_in_float32_runs_stop_at_the_same_epoch_and_agree_within_an_example(tmp_path: Path) -> None:
    swept, made = train_twice(tmp_path, 200, "float32", 1800.0)
    theirs, ours = results(tmp_path / "alone"), results(tmp_path / "sweep")
    assert swept.is_dir()

    def differ(name: str, *keys: str) -> float:
        one: Any
        other: Any
        one, other = ours[name], theirs[name]
        for key in keys:
            one, other = one[key], other[key]
        return abs(float(one) - float(other))

    same = sum(differ(folder.name, "epochs") == 0 for folder in made) / len(made)
    examples = sum(differ(f.name, "best", "test", "accuracy") * TEST_ROWS for f in made) / len(made)
    print(f"\n{len(made)} runs: {100 * same:.1f} % stop at the same epoch; test sets differ by {examples:.3f} examples")
    assert len({theirs[folder.name]["epochs"] for folder in made}) > 10, "early stopping has much to decide"
    assert same >= 0.95
    assert examples <= 1.0


@pytest.mark.reproduce
def test_in_float64_every_printed_figure_is_the_same(tmp_path: Path) -> None:
    swept, made = train_twice(tmp_path, 30, "float64", 1800.0)
    for folder in made:
        assert shape(swept / folder.name) == shape(folder)
        assert printed(swept / folder.name) == printed(folder), folder.name
