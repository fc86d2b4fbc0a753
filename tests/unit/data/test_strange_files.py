"""Files that were once read silently wrong: marks that only predict meets, keys of Parquet, what is passed over."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.data.class_folders import find_class_files
from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.raw_rows import read_frame
from regbench.data.records import Categorical, Numeric, Raw
from regbench.data.row_files import read_rows
from regbench.errors import ConfigError

N = 60


def read(path: Path, name: str = "csv", **settings: Any) -> Raw:
    return build_dataset({"name": name, "path": str(path), "target": "y", **settings}).read()


def levels(raw: Raw) -> tuple[str, ...]:
    column = raw.x[0]
    assert isinstance(column, Categorical)
    return column.levels


@pytest.mark.parametrize("settings", [{"thousands": "."}, {"decimal": ","}, {"thousands": ".", "decimal": ","}])
def test_rows_to_predict_are_read_with_the_marks_of_training(tmp_path: Path, settings: dict[str, str]) -> None:
    train = tmp_path / "train.csv"
    train.write_text("a;y\n" + "".join(f"{100 + 13 * row};{row}\n" for row in range(N)))
    dataset = build_dataset({"name": "csv", "path": str(train), "target": "y", **settings})
    fitted = prepare(dataset, dataset.read()).preprocessing
    new = tmp_path / "new.csv"
    new.write_text("a\n1.200\n1200\n7\n")
    frame = read_rows(str(new), fitted)
    assert isinstance(frame, pd.DataFrame)
    column = read_frame(frame, fitted, "new.csv")[0]
    assert isinstance(column, Numeric)
    assert column.values.tolist() == [1200.0, 1200.0, 7.0]


def test_points_beside_decimal_commas_are_refused_in_rows_to_predict_too(tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("a;b;y\n" + "".join(f"{row};{row},5;{row}\n" for row in range(N)))
    dataset = build_dataset({"name": "csv", "path": str(train), "target": "y"})
    fitted = prepare(dataset, dataset.read()).preprocessing
    new = tmp_path / "new.csv"
    new.write_text("a;b\n1.200;1,5\n")
    frame = read_rows(str(new), fitted)
    assert isinstance(frame, pd.DataFrame)
    with pytest.raises(ConfigError, match=r"column 'a', row 1: '1\.200' is not one of the numbers"):
        read_frame(frame, fitted, "new.csv")


@pytest.mark.parametrize(
    ("written", "told"),
    [("utf-8-sig", "utf8"), ("utf-8-sig", "UTF-8"), ("utf-16", "utf-16-le"), ("utf-16", None), ("utf-8-sig", None)],
)
def test_a_mark_of_byte_order_is_no_part_of_the_first_name(tmp_path: Path, written: str, told: str | None) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(("zip,y\n" + "".join(f"00{row % 3},{row / 4}\n" for row in range(N))).encode(written))
    raw = read(path, **({} if told is None else {"encoding": told}))
    assert [column.name for column in raw.x] == ["zip"]  # type: ignore[union-attr]
    assert levels(raw) == ("000", "001", "002")


def test_long_keys_of_parquet_stay_apart_where_some_are_missing(tmp_path: Path) -> None:
    keys = pd.array([None if row % 7 == 6 else 10**16 + row % 3 for row in range(N)], dtype="Int64")
    pd.DataFrame({"key": keys, "y": np.arange(N) / 4}).to_parquet(tmp_path / "rows.parquet")
    assert levels(read(tmp_path / "rows.parquet", "parquet")) == tuple(str(10**16 + key) for key in range(3))


def test_codes_of_parquet_are_the_same_names_for_predict(tmp_path: Path) -> None:
    codes = pd.array([None if row % 7 == 6 else row % 3 for row in range(N)], dtype="Int64")
    pd.DataFrame({"code": codes, "y": np.arange(N) / 4}).to_parquet(tmp_path / "rows.parquet")
    path = str(tmp_path / "rows.parquet")
    dataset = build_dataset({"name": "parquet", "path": path, "target": "y", "categories": ["code"]})
    raw = dataset.read()
    assert levels(raw) == ("0", "1", "2")
    fitted = prepare(dataset, raw).preprocessing
    pd.DataFrame({"code": pd.array([2, None], dtype="Int64")}).to_parquet(tmp_path / "new.parquet")
    frame = read_rows(str(tmp_path / "new.parquet"), fitted)
    assert isinstance(frame, pd.DataFrame)
    column = read_frame(frame, fitted, "new.parquet")[0]
    assert isinstance(column, Categorical)
    assert column.levels == ("2",)


@pytest.mark.parametrize("values", [[0, 10, 20], ["low", "middle", "high"]])
def test_categories_that_parquet_declares_are_categories(tmp_path: Path, values: list[Any]) -> None:
    column = pd.Categorical([values[row % 3] for row in range(N)], categories=values)
    pd.DataFrame({"level": column, "y": np.arange(N) / 4}).to_parquet(tmp_path / "rows.parquet")
    assert set(levels(read(tmp_path / "rows.parquet", "parquet"))) == {str(value) for value in values}


@pytest.mark.parametrize(("name", "near"), [("weight", "weights"), ("group", "groups"), ("Y", "y")])
def test_an_array_nearly_called_right_is_refused(tmp_path: Path, name: str, near: str) -> None:
    arrays = {"x": np.ones((9, 2)), **({} if near == "y" else {"y": np.arange(9) % 2}), name: np.ones(9)}
    np.savez(tmp_path / "rows.npz", **arrays)
    with pytest.raises(ConfigError, match=f"'{name}'|found: .*{name}"):
        build_dataset({"name": "npz", "path": str(tmp_path / "rows.npz")}).read()


def test_other_arrays_are_passed_over_and_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.arange(18.0).reshape(9, 2), y=np.arange(9) % 2, feature_names=["a", "b"])
    raw = build_dataset({"name": "npz", "path": str(tmp_path / "rows.npz")}).read()
    assert "arrays passed over: feature_names" in raw.notes


def test_a_formula_without_a_result_is_refused(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for cells in [["a", "y"], *([row, f"=A{row + 1}*2" if row == 5 else row] for row in range(1, N))]:
        book.active.append(cells)
    book.save(tmp_path / "rows.xlsx")
    with pytest.raises(ConfigError, match=r"row 6 of the sheet has the formula =A6\*2 without a result"):
        read(tmp_path / "rows.xlsx")


def test_training_and_testing_are_parts_and_loose_files_are_counted(tmp_path: Path) -> None:
    for part in ("Training", "testing"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            (tmp_path / part / name / "a.txt").write_text("word")
    (tmp_path / "Training" / "loose.txt").write_text("word")
    found = find_class_files(str(tmp_path), (".txt",))
    assert found.classes == ("cat", "dog")
    assert found.roles is not None
    assert any(note.startswith("1 file passed over") for note in found.notes)


def test_a_first_line_of_values_is_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("5.1,3.5,1.4,0.2,y\n" + "".join(f"{row}.1,{row},2,{row % 7},{'ab'[row % 2]}\n" for row in range(N)))
    assert any("if it holds values, add a line of names" in note for note in read(path).notes)
    path.write_text("400.5,401.0,401.5,y\n" + "".join(f"{row}.1,{row},{row % 7},{'ab'[row % 2]}\n" for row in range(N)))
    assert not any("if it holds values" in note for note in read(path).notes)


def test_hidden_files_beside_a_table_in_an_archive_are_passed_over(tmp_path: Path) -> None:
    table = "a,y\n" + "".join(f"{row},{row / 4}\n" for row in range(N))
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        for name, text in (
            ("data/rows.csv", table),
            (".DS_Store", "x"),
            ("__MACOSX/._rows.csv", "x"),
            ("a/.hidden", ""),
        ):
            archive.writestr(name, text)
    assert len(read(tmp_path / "rows.zip").y) == N


def test_an_empty_archive_says_so(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    (tmp_path / "rows.zip").write_bytes(buffer.getvalue())
    with pytest.raises(ConfigError, match="the archive holds 0 files"):
        read(tmp_path / "rows.zip")
