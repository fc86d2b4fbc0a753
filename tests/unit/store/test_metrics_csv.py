"""Rows: exact numbers, a fixed header, and no line that is not whole."""

from __future__ import annotations

import csv
import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.store import CheckpointError
from regbench.store.metrics_csv import Table, format_row

HEADER = ("epoch", "loss")


@settings(deadline=None)
@given(st.floats())
def test_floats_read_back_equal(value: float) -> None:
    text = format_row([value]).decode().strip()
    assert float(text) == value or (math.isnan(value) and text == "nan")


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\r\n\0")), min_size=1))
def test_texts_read_back_equal(values: list[str]) -> None:
    try:
        line = format_row(values).decode()
    except UnicodeEncodeError:
        return  # half of a surrogate pair is no text
    assert next(csv.reader([line])) == values


def test_numpy_scalars_are_numbers() -> None:
    assert format_row([np.float64(0.1), np.float32(0.5), np.int64(3), True]) == b"0.1,0.5,3,1\n"


@pytest.mark.parametrize("value", [[1.0], {"a": 1}, 1j, b"x"])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="a cell holds a number"):
        format_row([value])


def test_length_and_hash_are_those_of_the_file(tmp_path: Path) -> None:
    table = Table.start(tmp_path / "t.csv", HEADER)
    for epoch in range(3):
        table.append({"loss": 0.1 * epoch, "epoch": epoch})
        data = (tmp_path / "t.csv").read_bytes()
        assert (table.length, table.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    table.close()
    assert data == b"epoch,loss\n0,0.0\n1,0.1\n2,0.2\n"


def test_start_empties_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("rows that no checkpoint knows\n")
    Table.start(tmp_path / "t.csv", HEADER).close()
    assert (tmp_path / "t.csv").read_text() == "epoch,loss\n"


def test_a_key_that_is_no_column_is_refused_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    table = Table.start(tmp_path / "t.csv", HEADER)
    with pytest.raises(ValueError, match="has no column accuracy, f1"):
        table.append({"epoch": 1, "f1": 1.0, "accuracy": 1.0})
    table.append({"epoch": 1})
    table.close()
    assert (tmp_path / "t.csv").read_text() == "epoch,loss\n1,\n"


def test_without_a_header_the_first_row_gives_it(tmp_path: Path) -> None:
    table = Table.start(tmp_path / "t.csv", None)
    assert (tmp_path / "t.csv").read_bytes() == b""
    table.append({"epoch": 1, "seconds": 2.5})
    with pytest.raises(ValueError, match="no column minutes"):
        table.append({"minutes": 1})
    table.close()
    assert (tmp_path / "t.csv").read_text() == "epoch,seconds\n1,2.5\n"


def test_reopen_goes_on_after_the_committed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table = Table.start(path, HEADER)
    table.append({"epoch": 1})
    length, sha256 = table.length, table.sha256
    table.append({"epoch": 2})
    table.close()
    again = Table.reopen(path, HEADER, length, sha256)
    again.cut()
    again.append({"epoch": 7})
    again.close()
    assert path.read_text() == "epoch,loss\n1,\n7,\n"
    assert again.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_other_columns_are_refused_by_name(tmp_path: Path) -> None:
    table = Table.start(tmp_path / "t.csv", HEADER)
    table.close()
    with pytest.raises(CheckpointError, match=r"other columns .*\(accuracy, loss\)"):
        Table.reopen(tmp_path / "t.csv", ("epoch", "accuracy"), table.length, table.sha256)
    with pytest.raises(CheckpointError, match=r"\(their order\)"):
        Table.reopen(tmp_path / "t.csv", ("loss", "epoch"), table.length, table.sha256)


def test_an_absurd_committed_length_is_refused_without_reading_that_much(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("epoch,loss\n")
    with pytest.raises(CheckpointError, match="was edited"):
        Table.reopen(tmp_path / "t.csv", HEADER, 2**62, "0" * 64)


@pytest.mark.parametrize(
    ("length", "kept"), [(0, ""), (3, ""), (4, "a,b\n"), (11, "a,b\n1,2\n"), (99, "a,b\n1,2\n3,4\n")]
)
def test_unverified_tables_keep_whole_lines(tmp_path: Path, length: int, kept: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n5,")
    table = Table.reopen_unverified(path, length)
    table.cut()
    assert path.read_text() == kept
    table.append({"a": 9, "b": 9})
    table.close()
    assert path.read_text() == (kept or "a,b\n") + "9,9\n"
