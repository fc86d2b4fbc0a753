"""Random tables: read or refused in one line, nothing infinite let through, and new rows read as training read them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.raw_rows import read_frame
from regbench.data.records import Categorical, Numeric
from regbench.data.row_files import read_rows
from regbench.errors import ConfigError

EXAMPLES = int(os.environ.get("REGBENCH_FUZZ", "60"))
ROWS = 30
NUMBERS = st.integers(-5000, 5_000_000) | st.floats(-1e9, 1e9, width=32).map(lambda value: round(value, 3))
FORMS = st.sampled_from(
    ["{}", "{:,}", "${}", "{} €", "{}%", "({})", "{} kg", " {} ", '="{}"', "+{}", "{}e3", "0{}", "#{}", "{}-", "1.{}.2"]
)
WORDS = st.sampled_from(["red", "blue", "NA", "?", "n/a", "", " ", "nan", "inf", "None", "1_000", "0x1f", "3+", "true"])
DATES = st.dates().map(lambda day: day.isoformat()) | st.dates().map(
    lambda day: f"{day.day}/{day.month}/{day.year:04d}"
)
JUNK = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@st.composite
def cells(draw: st.DrawFn) -> list[str]:
    """The cells of a column, mostly of one kind, and often from a few distinct ones."""
    form = draw(FORMS)
    kind = draw(st.sampled_from([NUMBERS.map(form.format), NUMBERS.map(form.format), WORDS, DATES, JUNK]))
    cell = kind if draw(st.booleans()) else kind | draw(st.sampled_from([WORDS, JUNK, NUMBERS.map(str), st.just("")]))
    pool = draw(st.lists(cell, min_size=1, max_size=ROWS))
    return [pool[row * 7 % len(pool)] for row in range(ROWS)]


def write(folder: Path, columns: list[list[str]], separator: str) -> str:
    """Write a table with a last column y of numbers, every cell in quotes where it must be."""
    rows = [[f"c{place}" for place in range(len(columns))] + ["y"]]
    rows += [[column[row] for column in columns] + [str(row * 37 % 11 / 4)] for row in range(ROWS)]
    quoted = [
        ['"' + cell.replace('"', '""') + '"' if set(cell) & set('"\r\n,;\t|') else cell for cell in row] for row in rows
    ]
    path = folder / "table.csv"
    path.write_bytes("\n".join(separator.join(row) for row in quoted).encode() + b"\n")
    return str(path)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(cells(), min_size=1, max_size=4), st.sampled_from(",;\t"))
def test_random_tables(tmp_path: Path, columns: list[list[str]], separator: str) -> None:
    path = write(tmp_path, columns, separator)
    dataset = build_dataset({"name": "csv", "path": path, "target": "y"})
    refusal = ""
    try:
        raw = dataset.read()
        split = prepare(dataset, raw)
    except ConfigError as reason:
        refusal = str(reason)
    assert "\n" not in refusal
    if refusal:
        return
    assert isinstance(raw.x, tuple)
    for column in raw.x:
        assert isinstance(column, (Numeric, Categorical))
        assert not isinstance(column, Numeric) or not np.isinf(column.values).any()
    assert all(np.isfinite(part.x).all() for part in (split.train, split.val, split.test))
    again = read_frame(read_rows(path, split.preprocessing), split.preprocessing, "again")  # type: ignore[arg-type]
    expected, found = (split.preprocessing.apply(each) for each in (raw.x, again))
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400) | JUNK.map(lambda text: (text * 9).encode()))
def test_random_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        build_dataset({"name": "csv", "path": str(tmp_path / "table.csv"), "target": "no such column"}).read()
    assert "\n" not in str(refused.value)
