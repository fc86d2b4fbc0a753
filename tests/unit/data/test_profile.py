"""What `regbench data` knows of a table: duplicates over the split, columns that leak the target, distributions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regbench.data.loading import build_dataset
from regbench.data.profile import Profile, count_duplicates, profile

N = 200
RNG = np.random.default_rng(0)
NOISE, LABELS = RNG.normal(size=N), RNG.integers(0, 2, size=N)


def describe(folder: Path, columns: dict[str, list[str]], **settings: object) -> Profile:
    path = folder / "rows.csv"
    lines = [",".join(columns), *(",".join(cells) for cells in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return profile(build_dataset({"name": "csv", "path": str(path), "target": "y", **settings}))


def numbers(values: np.ndarray) -> list[str]:
    return [f"{value:.6f}" for value in values]


LEAKS = {
    "the label as a number": numbers(LABELS * 3.0 + 1.0 + 0.1 * NOISE),
    "the label in words": [("yes please", "no thanks")[label] for label in LABELS],
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_column_that_alone_tells_the_class_is_suspected(tmp_path: Path, leak: list[str]) -> None:
    columns = {"noise": numbers(NOISE), "leak": leak, "y": ["ab"[label] for label in LABELS]}
    found = {column.name: column for column in describe(tmp_path, columns).columns}
    assert (found["noise"].leaks, found["leak"].leaks) == (False, True)
    assert found["leak"].alone == 1.0


def test_a_column_that_alone_tells_the_number_is_suspected(tmp_path: Path) -> None:
    columns = {"noise": numbers(RNG.normal(size=N)), "leak": numbers(2.0 * NOISE), "y": numbers(NOISE)}
    found = {column.name: column for column in describe(tmp_path, columns).columns}
    assert (found["noise"].leaks, found["leak"].leaks) == (False, True)


def test_where_nearly_all_rows_are_of_one_class_no_column_is_suspected(tmp_path: Path) -> None:
    rare = ["b" if row % 50 == 0 else "a" for row in range(N)]
    settings = {"split": {"val": 0.2, "test": 0.2, "stratify": False, "seed": 1}}
    found = describe(tmp_path, {"noise": numbers(NOISE), "y": rare}, **settings)
    assert not any(column.leaks for column in found.columns)
    assert found.classes == (("a", 196), ("b", 4))


def test_held_out_rows_that_equal_a_training_row_are_counted(tmp_path: Path) -> None:
    x = np.array([[0.0, 1.0], [2.0, 3.0], [-0.0, 1.0], [5.0, 5.0], [2.0, 3.0]])
    np.savez(tmp_path / "rows.npz", x=x, y=np.array([0, 1, 0, 1, 0]))
    raw = build_dataset({"name": "npz", "path": str(tmp_path / "rows.npz")}).read()
    assert count_duplicates(raw, np.array([0, 1]), np.array([2, 3, 4])) == (2, 1)


def test_a_column_is_described_as_it_is(tmp_path: Path) -> None:
    cells = ["", *(str(row) for row in range(1, 101)), *["7"] * (N - 101)]
    sizes, days = describe(
        tmp_path, {"size": cells, "day": [f"2020-01-{row % 28 + 1:02d}" for row in range(N)], "y": numbers(NOISE)}
    ).columns
    assert (sizes.missing, sizes.distinct, sizes.low, sizes.high) == (1, 100, 1.0, 100.0)
    assert sum(sizes.histogram) == N - 1
    assert sizes.histogram[1] == 10  # 10.9 to 20.8
    assert (days.kind, days.low, days.high) == ("date", "2020-01-01", "2020-01-28")
