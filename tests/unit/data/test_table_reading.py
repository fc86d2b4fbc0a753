"""How a table's cells are read: points, indexes, missing marks, packed files; by training and by predict alike."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.raw_rows import read_frame
from regbench.data.records import FREE, TEST, Categorical, Numeric, Raw
from regbench.data.row_files import read_rows
from regbench.errors import ConfigError

N = 60
ROW = np.arange(N)


def write(folder: Path, text: str | bytes, name: str = "table.csv") -> str:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return str(folder / name)


def table(cells: list[str], header: str = "a", separator: str = ";") -> str:
    """A table of one column and the target y, other numbers in every row."""
    rows = [f"{cell}{separator}{row * 37 % 101 / 4}" for row, cell in enumerate(cells)]
    return "\n".join([f"{header}{separator}y", *rows]) + "\n"


def read(path: str, **settings: Any) -> Raw:
    return build_dataset({"name": "csv", "path": path, "target": "y", **settings}).read()


def numbers(raw: Raw, name: str = "a") -> list[float]:
    column = next(column for column in raw.x if column.name == name)  # type: ignore[union-attr]
    assert isinstance(column, Numeric)
    return column.values.tolist()


def refusal(path: str, **settings: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(path, **settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


class TestPoints:
    THOUSANDS = tuple(f"{row + 1}.{row * 53 % 900 + 100}" for row in ROW)

    def test_points_are_decimal_ones_unless_a_person_says_otherwise(self, tmp_path: Path) -> None:
        path = write(tmp_path, table(list(self.THOUSANDS)))
        decimals = [float(cell) for cell in self.THOUSANDS]
        assert numbers(read(path)) == decimals
        for setting in ({"decimal": ","}, {"thousands": "."}):
            assert numbers(read(path, **setting)) == [round(value * 1000) for value in decimals]

    def test_beside_a_column_of_decimal_commas_they_are_refused(self, tmp_path: Path) -> None:
        rows = [f"{cell};{row},5;{row / 4}" for row, cell in enumerate(self.THOUSANDS)]
        path = write(tmp_path, "\n".join(["a;b;y", *rows]))
        said = refusal(path)
        assert "column 'a', row 1: '1.100' has a point that may separate decimals or thousands" in said
        assert "column 'b' has decimal commas such as '0,5'" in said
        assert numbers(read(path, decimal=","))[:2] == [1100.0, 2153.0]

    def test_a_cell_below_one_decides(self, tmp_path: Path) -> None:
        rows = [f"0.{row + 100};{row},5;{row / 4}" for row in ROW]
        raw = read(write(tmp_path, "\n".join(["a;b;y", *rows])))
        assert numbers(raw)[:2] == [0.1, 0.101]
        assert numbers(raw, "b")[:2] == [0.5, 1.5]

    def test_new_rows_are_read_as_those_of_training(self, tmp_path: Path) -> None:
        path = write(tmp_path, table(list(self.THOUSANDS)))
        dataset = build_dataset({"name": "csv", "path": path, "target": "y", "decimal": ","})
        fitted = prepare(dataset, dataset.read()).preprocessing
        new = write(tmp_path, 'a\n1.234\n5\n"6,5"\n', "new.csv")
        frame = read_rows(new, fitted)
        assert isinstance(frame, pd.DataFrame)
        column = read_frame(frame, fitted, new)[0]
        assert isinstance(column, Numeric)
        assert column.values.tolist() == [1234.0, 5.0, 6.5]
        odd = read_rows(write(tmp_path, "a\n1.23\n", "odd.csv"), fitted)
        assert isinstance(odd, pd.DataFrame)
        with pytest.raises(ConfigError, match=r"row 1: '1\.23' is not one of the numbers of training"):
            read_frame(odd, fitted, "odd.csv")

    def test_one_mark_cannot_mean_both(self, tmp_path: Path) -> None:
        assert "they differ" in refusal(write(tmp_path, table(["1"] * N)), decimal=",", thousands=",")


class TestRowNumbers:
    @pytest.mark.parametrize("header", ["", "Unnamed: 0", '""'])
    def test_an_index_is_no_feature(self, tmp_path: Path, header: str) -> None:
        text = "\n".join([f"{header},a,y", *(f"{row},{row * 37 % 101},{row / 4}" for row in ROW)])
        raw = read(write(tmp_path, text))
        assert [column.name for column in raw.x] == ["a"]  # type: ignore[union-attr]
        assert raw.left_out == {header.strip('"'): "row numbers", "y": "target"}

    def test_what_pandas_calls_an_index_is_none_wherever_it_stands(self, tmp_path: Path) -> None:
        text = "\n".join(["a,Unnamed: 0,y", *(f"{row * 37 % 101},{row * 53 % 97},{row / 4}" for row in ROW)])
        assert read(write(tmp_path, text)).left_out == {"Unnamed: 0": "row numbers", "y": "target"}

    def test_so_are_names_of_rows(self, tmp_path: Path) -> None:
        text = "\n".join([",a,y", *(f"Mazda {row},{row * 37 % 101},{row / 4}" for row in ROW)])
        assert read(write(tmp_path, text)).left_out[""] == "row names"

    def test_another_column_without_a_name_is_refused(self, tmp_path: Path) -> None:
        text = "\n".join(["a,,y", *(f"{row % 7},{row % 5},{row / 4}" for row in ROW)])
        assert "column 2 has no name" in refusal(write(tmp_path, text))

    @pytest.mark.parametrize(
        ("cells", "told"),
        [
            ([row + 1 for row in ROW], True),
            ([row * row + 3 for row in ROW], True),
            ([500 - 2 * row for row in ROW], True),
            ([row / 2 for row in ROW], False),
            ([row // 2 for row in ROW], False),
            ([row * 37 % 101 for row in ROW], False),
        ],
    )
    def test_whole_numbers_in_order_are_told_of(self, tmp_path: Path, cells: list[Any], told: bool) -> None:
        raw = read(write(tmp_path, table([str(cell) for cell in cells])))
        assert [note.startswith("column 'a' may number the rows") for note in raw.notes if "'a'" in note] == [
            True
        ] * told

    @pytest.mark.parametrize("index", [None, "patient"])
    def test_an_index_of_pandas_in_parquet_is_no_feature_but_can_be_named(self, tmp_path: Path, index: str) -> None:
        path = str(tmp_path / "table.parquet")
        frame = pd.DataFrame({"a": ROW * 37 % 101, "y": ROW / 4}, index=pd.Index(ROW // 2 * 3, name=index))
        frame.to_parquet(path)
        settings = {"name": "parquet", "path": path, "target": "y"}
        raw = build_dataset(settings).read()
        assert raw.left_out == {index or "__index_level_0__": "pandas index", "y": "target"}
        groups = {"split": {"method": "groups", "groups": index or "__index_level_0__"}}
        assert build_dataset({**settings, **groups}).read().groups.tolist() == (ROW // 2).tolist()  # type: ignore[union-attr]


class TestMissing:
    @pytest.mark.parametrize("mark", ["NA", "?", "-999", "n/a", "unknown"])
    def test_only_what_is_listed_is_missing(self, tmp_path: Path, mark: str) -> None:
        path = write(tmp_path, table([mark if row % 7 == 0 else f"{row}.5" for row in ROW]))
        found = numbers(read(path, missing=[f" {mark} "]))
        assert np.flatnonzero(np.isnan(found)).tolist() == list(range(0, N, 7))
        if mark == "-999":
            assert numbers(read(path))[0] == -999.0
        else:
            assert f"row 1: {mark!r} is not a number" in refusal(path)

    def test_a_number_is_missing_in_all_its_spellings(self, tmp_path: Path) -> None:
        path = write(tmp_path, table(["-999.0" if row == 4 else f"{row}.5" for row in ROW]))
        assert np.isnan(numbers(read(path, missing=["-999"]))[4])
        frame = pd.DataFrame({"a": np.where(ROW == 4, -999, ROW * 2), "y": ROW / 4})
        frame.to_parquet(tmp_path / "table.parquet")
        settings = {"name": "parquet", "path": str(tmp_path / "table.parquet"), "target": "y", "missing": ["-999"]}
        dataset = build_dataset(settings)
        raw = dataset.read()
        assert np.flatnonzero(np.isnan(numbers(raw))).tolist() == [4]
        column = read_frame(frame[["a"]], prepare(dataset, raw).preprocessing, "new")[0]
        assert isinstance(column, Numeric)
        assert np.flatnonzero(np.isnan(column.values)).tolist() == [4]

    def test_na_is_a_country(self, tmp_path: Path) -> None:
        raw = read(write(tmp_path, table([["NA", "ZA", "", "None"][row % 4] for row in ROW])))
        assert isinstance(raw.x[0], Categorical)
        assert raw.x[0].levels == ("NA", "None", "ZA")
        assert raw.x[0].codes[:4].tolist() == [0, 2, -1, 1]

    def test_rows_without_a_target_can_be_left_out(self, tmp_path: Path) -> None:
        rows = [f"{row * 37 % 101};{'?' if row % 10 == 0 else row / 4}" for row in ROW]
        path = write(tmp_path, "\n".join(["a;y", *rows]))
        assert "column 'y', row 1: the target is missing (in 6 row(s) in all)" in refusal(path, missing=["?"])
        raw = read(path, missing=["?"], missing_target="drop")
        assert raw.y.tolist() == [row / 4 for row in ROW if row % 10]
        assert raw.notes[0] == "6 of 60 rows have no target and are left out"

    def test_so_they_are_in_several_files(self, tmp_path: Path) -> None:
        whole = [f"{row * 37 % 101};{'' if row % 10 == 0 else row / 4}" for row in ROW]
        paths = [write(tmp_path, "\n".join(["a;y", *whole[part::2]]), f"{part}.csv") for part in (0, 1)]
        raw = read(paths[0], test_path=paths[1], missing_target="drop")
        assert raw.roles is not None
        first, second = ([row / 4 for row in ROW[part::2] if row % 10] for part in (0, 1))
        assert raw.y.tolist() == first + second
        assert raw.roles.tolist() == [FREE] * len(first) + [TEST] * len(second)


def test_weights_and_times_are_read_as_features_are(tmp_path: Path) -> None:
    rows = [f"{row * 37 % 101};{row},5 kg;{row % 9 + 1}/{row % 11 + 1}/2020;{row / 4}" for row in ROW]
    path = write(tmp_path, "\n".join(["a;w;day;y", *rows]))
    split = {"method": "time", "time": "day"}
    assert "reads as a day or as a month first" in refusal(path, weight="w", split=split)
    raw = read(path, weight="w", split=split, dates="day_first")
    assert raw.weights is not None
    assert raw.times is not None
    assert raw.weights.tolist() == [row + 0.5 for row in ROW]
    days = [datetime.date(2020, row % 11 + 1, row % 9 + 1) - datetime.date(1970, 1, 1) for row in ROW]
    assert raw.times.tolist() == [day.days for day in days]


PLAIN = "a,b,y\n" + "".join(f"{row * 37 % 101},x{row % 3},{row / 4}\n" for row in ROW)


def zipped(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/table.csv", text)
    return packed.getvalue()


def workbook(text: str) -> bytes:
    packed = io.BytesIO()
    frame = pd.read_csv(io.StringIO(text))
    frame.loc[len(frame)] = [None, None, None]  # a row that was once written
    frame.to_excel(packed, index=False)
    return packed.getvalue()


FORMS = {
    "gzip": lambda text: gzip.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "zip": zipped,
    "xlsx": workbook,
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "separators at the end": lambda text: text.replace("\n", ",\n").encode(),
    "quotes around all": lambda text: ('"' + text.strip().replace(",", '","').replace("\n", '"\n"') + '"').encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_one_table_in_every_form_is_one_data_set_for_training_and_for_predict(tmp_path: Path, form: str) -> None:
    dataset = build_dataset({"name": "csv", "path": write(tmp_path, PLAIN), "target": "y"})
    plain = prepare(dataset, dataset.read())
    path = write(tmp_path, FORMS[form](PLAIN), "other")  # told by its bytes, not by its name
    other = build_dataset({"name": "csv", "path": path, "target": "y"})
    assert prepare(other, other.read()).checksum == plain.checksum
    frame = read_rows(path, plain.preprocessing)
    assert isinstance(frame, pd.DataFrame)
    raw = dataset.read()
    found = plain.preprocessing.apply(read_frame(frame, plain.preprocessing, path))
    np.testing.assert_array_equal(found, plain.preprocessing.apply(raw.x))


def test_what_a_person_says_of_a_file_holds_for_predict_too(tmp_path: Path) -> None:
    text = "ort:y\n" + "".join(f"'é:{row % 3}':{row / 4}\n" for row in ROW)
    path = write(tmp_path, text.encode("latin-1"))
    told = {"separator": ":", "quote": "'", "encoding": "latin-1"}
    dataset = build_dataset({"name": "csv", "path": path, "target": "y", **told})
    fitted = prepare(dataset, dataset.read()).preprocessing
    assert fitted.features == ("ort=é:0", "ort=é:1", "ort=é:2")
    frame = read_rows(write(tmp_path, "ort\n'é:1'\n".encode("latin-1"), "new.csv"), fitted)
    assert isinstance(frame, pd.DataFrame)
    assert fitted.from_json(fitted.to_json()) == fitted
    column = read_frame(frame, fitted, "new.csv")[0]
    assert isinstance(column, Categorical)
    assert column.levels == ("é:1",)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_large_table_of_numbers_is_read_as_pandas_reads_it(tmp_path: Path, ends: str) -> None:
    rows = 60_000
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(rows, 8)).round(6), columns=[*"abcdefg", "y"])
    frame.iloc[5, 0] = frame.iloc[rows - 1, 3] = np.nan
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False, lineterminator=ends, quoting=0)
    assert path.stat().st_size > 1 << 22
    raw = read(str(path))
    for column in raw.x:
        assert isinstance(column, Numeric)
        np.testing.assert_array_equal(column.values, frame[column.name].to_numpy())
    np.testing.assert_array_equal(raw.y, frame["y"].to_numpy())


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("oops", "column 'a', row 60001: 'oops' is not a number"),
        ("nan", "column 'a', row 60001: 'nan' is not a number"),
        ("1,2", "line 60002 has"),
        ('"1', "line 60002"),
    ],
)
def test_a_large_table_is_refused_by_its_cell_too(tmp_path: Path, cell: str, said: str) -> None:
    rows = [f"{row},{'0.12345678,' * 6}5\n" for row in range(60_000)]
    text = "a,b,c,d,e,f,g,y\n" + "".join(rows) + rows[0].replace("0", cell, 1)
    assert said in refusal(write(tmp_path, text))


def test_free_text_in_some_rows_is_told_from_categories_too(tmp_path: Path) -> None:
    def read_notes(cells: list[str]) -> tuple[str, ...]:
        dataset = build_dataset({"name": "csv", "path": write(tmp_path, table(cells)), "target": "y"})
        return prepare(dataset, dataset.read()).reading.notes

    said = "100% of the held-out rows with a text have one that no training row has"
    with pytest.raises(ConfigError, match=said):
        read_notes([f"comment {row}" if row % 4 else "" for row in ROW])
    assert any(said in note for note in read_notes([f"comment {row}" if row % 4 == 0 else "" for row in ROW]))
    assert not any("with a text" in note for note in read_notes(["red" if row % 4 else "" for row in ROW]))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([row if row % 7 else "?" for row in ROW], "row 1: '?' is not a number"),
        ([f"{row} kg" if row % 7 else 5.0 for row in ROW], "row 2: '1 kg' is not written as '5' is"),
        (
            ["unknown" if row == 8 else datetime.datetime(2020, 1, 1 + row % 28) for row in ROW],
            "row 9: 'unknown' is not",
        ),
    ],
)
def test_texts_among_numbers_and_dates_of_a_workbook_are_refused(tmp_path: Path, cells: list[Any], said: str) -> None:
    path = str(tmp_path / "table.xlsx")
    pd.DataFrame({"a": cells, "y": ROW / 4}).to_excel(path, index=False)
    assert f"column 'a', {said}" in refusal(path)


def test_whole_numbers_that_float64_merges_are_names(tmp_path: Path) -> None:
    keys = 2**60 + ROW % 3
    pd.DataFrame({"a": keys, "y": ROW / 4}).to_parquet(tmp_path / "table.parquet")
    raw = build_dataset({"name": "parquet", "path": str(tmp_path / "table.parquet"), "target": "y"}).read()
    assert isinstance(raw.x[0], Categorical)
    assert raw.x[0].levels == tuple(str(2**60 + key) for key in range(3))
    raw = read(write(tmp_path, table([str(key) for key in keys])))
    assert isinstance(raw.x[0], Categorical)


def test_a_code_far_down_in_a_file_makes_its_column_one_of_names(tmp_path: Path) -> None:
    rows = [f"{code},{'0.12345678,' * 12}{row % 9}\n" for row, code in enumerate([*range(10_000, 20_000), "00123"])]
    path = write(tmp_path, f"a,{','.join('bcdefghijklm')},y\n" + "".join(rows))
    assert (tmp_path / "table.csv").stat().st_size > 1 << 20
    assert "column 'a' has 10001 distinct texts" in refusal(path)


LARGE = "".join(f"{row * 37 % 1001},{row % 7}.25,{row % 97}\n" for row in range(400_000))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ä,b,y\n".encode("latin-1") + LARGE.encode(), "byte 0 is not UTF-8; save the file as UTF-8"),
        (b"a,b,y\n" + LARGE.encode() + "é,2,3\n".encode("latin-1"), f"byte {6 + len(LARGE)} is not UTF-8"),
        (f'a,b,y\n{LARGE}"5,2,3\n'.encode(), "line 400002: unexpected end of data"),
        (f'a,b,y\n{LARGE}"2"x,2,3\n'.encode(), "column 'a', row 400001: '2x' is not written as"),
    ],
)
def test_faults_of_large_files_are_told_as_those_of_small_ones(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refusal(write(tmp_path, content))


@pytest.mark.parametrize(
    "change", [lambda t: f"\n\n{t}", lambda t: t.replace("\n", "\r"), lambda t: t.replace("\n", "\n\n")]
)
def test_lines_of_large_files_may_end_in_any_way(tmp_path: Path, change: Any) -> None:
    plain = read(write(tmp_path, f"a,b,y\n{LARGE}"))
    raw = read(write(tmp_path, change(f"a,b,y\n{LARGE}"), "other.csv"))
    assert numbers(raw) == numbers(plain)
    assert raw.y.tolist() == plain.y.tolist() == [row % 97 for row in range(400_000)]


@pytest.mark.parametrize("codes", [["007"], ["12345678901234567", "12345678901234568"]], ids=["zeros", "merged"])
@pytest.mark.parametrize("mixed", [False, True], ids=["numbers", "mixed"])
def test_a_code_at_the_end_of_a_large_file_makes_its_column_names(
    tmp_path: Path, codes: list[str], mixed: bool
) -> None:
    rows = LARGE.replace("\n", ",red\n") if mixed else LARGE
    end = "".join(f"{code},2,3{',blue' if mixed else ''}\n" for code in codes)
    said = f"column 'a' has {1001 + len(codes)} distinct texts"
    assert said in refusal(write(tmp_path, f"a,b,y{',colour' if mixed else ''}\n{rows}{end}"))


def test_a_decimal_comma_at_the_end_of_a_large_file_makes_points_doubtful(tmp_path: Path) -> None:
    rows = "".join(f"{row % 9 + 1}.234;{row % 7};{row % 97}\n" for row in range(400_000))
    path = write(tmp_path, f"a;b;y\n{rows}5.678;1,5;3\n")
    assert "'1.234' has a point that may separate decimals or thousands" in refusal(path)


def test_weights_and_groups_follow_their_rows_where_rows_without_target_are_dropped(tmp_path: Path) -> None:
    header = "a,w,g,y"
    lines = [f"{row},{row + 1},{row // 3},{'' if row % 5 == 0 else row / 4}" for row in ROW]
    path = write(tmp_path, "\n".join([header, *lines]))
    test = write(tmp_path, "\n".join([header, "100,7,90,", "101,8,91,2", "102,9,92,3"]), "test.csv")
    raw = read(
        path,
        weight="w",
        missing_target="drop",
        test_path=test,
        split={"method": "groups", "groups": "g", "val": 0.2, "test": None, "stratify": False, "seed": 0},
    )
    kept = [row for row in ROW if row % 5]
    assert numbers(raw) == [*kept, 101, 102]
    assert raw.weights is not None
    assert raw.weights.tolist() == [*(row + 1 for row in kept), 8, 9]
    assert raw.roles is not None
    assert raw.roles.tolist() == [FREE] * len(kept) + [TEST] * 2
