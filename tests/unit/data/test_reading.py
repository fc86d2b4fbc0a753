"""How a source was read, as the two lines on the screen and the record in run.json say it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regbench.data.loading import load
from regbench.data.reading import Reading

ROWS = [f"{row % 7},{'ab'[row % 2]},2020-01-{row % 28 + 1:02d},{row * 0.5}" for row in range(40)]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    rows = list(ROWS)
    rows[3] = ",a,2020-01-04,1.5"  # one missing number
    path = tmp_path / "rows.csv"
    path.write_text("size,kind,day,y\n" + "\n".join(rows) + "\n")
    return load({"name": "csv", "path": str(path), "target": "y", "drop": ["day"]}).reading


def test_the_record_counts_rows_columns_and_missing_values(reading: Reading) -> None:
    assert (reading.task, reading.rows) == ("regression", {"training": 24, "validation": 8, "test": 8})
    size, kind = reading.columns
    assert (size.kind, size.missing, kind.kind, kind.levels) == ("number", 1, "category", 2)
    assert isinstance(size.filled, float)
    assert 0.0 <= size.filled <= 6.0
    assert kind.filled is None
    assert reading.left_out == {"y": "target", "day": "dataset.drop"}
    assert reading.shape == (3,)  # the number, and a column for each of two names


def test_two_lines_say_it_all(reading: Reading) -> None:
    first, second = reading.lines()
    assert first.endswith("rows.csv: regression; rows: 24 training, 8 validation and 8 test")
    assert second.startswith("2 columns (1 number and 1 category) -> 3 inputs; missing: size 1 (median ")
    assert second.endswith("left out: y (target), day (dataset.drop)")


def test_the_record_survives_json(reading: Reading) -> None:
    again = Reading.from_json(json.loads(json.dumps(reading.to_json())))
    assert (again, again.lines()) == (reading, reading.lines())


def test_arrays_have_a_shape_and_no_columns(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.zeros((30, 2, 5)), y=np.arange(30) % 3)
    reading = load({"name": "npz", "path": str(tmp_path / "rows.npz"), "task": "classification"}).reading
    assert reading.columns == ()
    assert reading.lines()[0].endswith("classification, 3 classes; rows: 18 training, 6 validation and 6 test")
    assert reading.lines()[1] == "inputs: 2 x 5"
