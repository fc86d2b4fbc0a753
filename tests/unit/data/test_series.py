"""Series from every kind of file: the same numbers whichever kind, gaps filled, lengths made equal, or a refusal."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from regbench.data import load
from regbench.data.loading import build_dataset
from regbench.data.records import Raw
from regbench.errors import ConfigError

N, C, L = 24, 2, 6
X = np.random.default_rng(0).normal(size=(N, C, L)).round(4)
CLASSES = ("rest", "walk")
Y = [CLASSES[row % 2] for row in range(N)]
HEAD = """\
# comment
@problemName p
@timeStamps false
@univariate false
@dimensions 2
@classLabel true rest walk
@data
"""


def ts(series: Any = X, targets: Any = Y, head: str = HEAD) -> str:
    """Return a .ts file of series given as nested lists of numbers or texts."""
    lines = [
        ":".join([*(",".join(map(str, channel)) for channel in channels), str(target)])
        for channels, target in zip(series, targets, strict=True)
    ]
    return head + "\n".join(lines) + "\n"


def read(folder: Path, content: str | bytes, name: str = "moves.ts", **options: Any) -> Raw:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return build_dataset({"name": "series", "path": str(path), **options}).read()


def refusal(folder: Path, content: str | bytes, name: str = "moves.ts", **options: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(folder, content, name, **options)
    assert str(refused.value).isprintable()
    return str(refused.value)


def labels(raw: Raw) -> list[str]:
    return [raw.classes[number] for number in raw.y]


class TestTs:
    def test_values_channels_and_classes(self, tmp_path: Path) -> None:
        raw = read(tmp_path, ts())
        assert (raw.layout, raw.task, raw.classes) == ("series", "classification", CLASSES)
        assert np.array_equal(raw.x, X)
        assert labels(raw) == Y

    def test_numbers_to_predict(self, tmp_path: Path) -> None:
        raw = read(tmp_path, ts(targets=range(N), head=HEAD.replace("@classLabel true rest walk", "@targetlabel True")))
        assert (raw.task, raw.y.tolist()) == ("regression", [float(row) for row in range(N)])

    def test_packed_files_and_other_line_ends_are_the_same_series(self, tmp_path: Path) -> None:
        packed = gzip.compress(ts().replace("\n", "\r\n").encode())
        assert np.array_equal(read(tmp_path, packed, "moves.ts.gz").x, X)

    def test_time_stamps_order_the_values(self, tmp_path: Path) -> None:
        order = [3, 0, 5, 1, 4, 2]
        stamp = "2020-01-0{} 12:00:00"
        series = [
            [[f"({stamp.format(place + 1)},{channel[place]})" for place in order] for channel in row] for row in X
        ]
        head = HEAD.replace("@timeStamps false", "@timeStamps true")
        assert np.array_equal(read(tmp_path, ts(series, head=head)).x, X)
        numbers = [[[f"({10 - place}.5,{channel[place]})" for place in order] for channel in row] for row in X]
        assert np.array_equal(read(tmp_path, ts(numbers, head=head)).x, X[:, :, ::-1])
        series[4][1][2] = series[4][1][1]
        assert "line 12: a time appears twice in one channel" in refusal(tmp_path, ts(series, head=head))

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("@data", "@date", "stands before @data"),
            ("@classLabel true rest walk", "@classLabel false", "line 8: 3 channel(s) of values, the header says 2"),
            ("@classLabel true rest walk", "@classLabel yes", "line 6: '@classLabel yes'; it takes true or false"),
            ("@dimensions 2", "@dimensions two", "line 5: '@dimensions two'"),
            (
                "@dimensions 2",
                "@dimensions 3",
                "line 8: 2 channel(s) of values, the header says 3 and a target after them",
            ),
            (
                "@univariate false",
                "@univariate true",
                "line 8: 2 channel(s) of values, the header says 1 and a target after them",
            ),
            ("rest walk", "rest run", "line 9: class 'walk' is not among those of @classLabel"),
            (":walk\n", "\n", f"line 9: class '{X[1, 1, 0]},{X[1, 1, 1]}"),
            (":walk\n", ":\n", "line 9: the target is missing"),
            (f"{X[1, 0, 0]}", "1.0x", "line 9: '1.0x' is not a finite number"),
            (f"{X[1, 0, 0]}", "1_0", "line 9: '1_0' is not a finite number"),
            (f"{X[1, 0, 0]}", "inf", "line 9: 'inf' is not a finite number"),
            ("@timeStamps false", "@timeStamps true", "is not (TIME,VALUE)"),
        ],
    )
    def test_what_is_not_as_the_format_says_is_named(self, tmp_path: Path, old: str, new: str, message: str) -> None:
        content = ts()
        assert old in content
        assert message in refusal(tmp_path, content.replace(old, new, 1))

    def test_series_without_targets_train_nothing(self, tmp_path: Path) -> None:
        content = ts(head=HEAD.replace("@classLabel true rest walk\n", ""))
        content = content.replace(":rest", "").replace(":walk", "")
        assert "the series have no target; @classLabel or @targetLabel must be true" in refusal(tmp_path, content)

    def test_a_target_that_is_missing_is_named(self, tmp_path: Path) -> None:
        head = HEAD.replace("@classLabel true rest walk", "@classLabel true")
        assert "line 8: the target is missing" in refusal(tmp_path, ts(targets=["?", *Y[1:]], head=head))
        head = HEAD.replace("@classLabel true rest walk", "@targetLabel true")
        assert "line 9: the target is missing" in refusal(tmp_path, ts(targets=[1.0, "?", *range(N - 2)], head=head))


class TestGapsAndLengths:
    def test_missing_values_lie_on_the_line_between_their_neighbours(self, tmp_path: Path) -> None:
        series: Any = X.astype(object)
        series[3, 0] = ["?", 1.0, "?", "?", 4.0, "?"]
        raw = read(tmp_path, ts(series))
        assert isinstance(raw.x, np.ndarray)
        assert raw.x[3, 0].tolist() == [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]
        assert np.array_equal(np.delete(raw.x, 3, axis=0), np.delete(X, 3, axis=0))
        assert any("4 missing value(s)" in note for note in raw.notes)
        series[3, 0] = "?"
        assert "line 11: a channel of the series has no value" in refusal(tmp_path, ts(series))

    def test_unequal_lengths_are_refused_padded_or_resampled(self, tmp_path: Path) -> None:
        series = [[[0.0, 1.0, 2.0, 3.0, 4.0]] * 2 for _ in range(N)]
        series[7] = [[1.0, 5.0, 9.0]] * 2
        said = refusal(tmp_path, ts(series))
        assert "line 15: the series has 3 values, the first one has 5; dataset.lengths=pad" in said
        padded, stretched = (read(tmp_path, ts(series), lengths=how) for how in ("pad", "resample"))
        assert padded.x[7].tolist() == [[1.0, 5.0, 9.0, 9.0, 9.0]] * 2
        assert stretched.x[7].tolist() == [[1.0, 3.0, 5.0, 7.0, 9.0]] * 2
        assert padded.x[6].tolist() == stretched.x[6].tolist() == series[6]
        assert any("series of 3 to 5 values are made 5 long" in note for note in padded.notes)

    def test_a_header_that_promises_equal_lengths_is_taken_at_its_word(self, tmp_path: Path) -> None:
        series = [[[0.0, 1.0, 2.0]] * 2 for _ in range(N)]
        series[7] = [[1.0, 5.0]] * 2
        head = HEAD.replace("@data", "@equalLength true\n@data")
        assert "line 16: @equalLength is true" in refusal(tmp_path, ts(series, head=head), lengths="pad")


class TestParts:
    def write(self, folder: Path, test: str) -> dict[str, Any]:
        (folder / "Moves_TRAIN.ts").write_text(ts())
        (folder / "Moves_TEST.ts").write_text(test)
        return {"name": "series", "path": str(folder / "Moves_TRAIN.ts"), "standardize": False}

    def test_the_published_test_part_is_kept_and_said(self, tmp_path: Path) -> None:
        values = self.write(tmp_path, ts(X[:9] + 1.0, Y[:9]))
        dataset = build_dataset(values)
        assert [Path(path).name for path in dataset.files() or ()] == ["Moves_TRAIN.ts", "Moves_TEST.ts"]
        assert any("Moves_TEST.ts: its 9 series are the test part" in note for note in dataset.read().notes)
        split = load(values)
        assert np.allclose(split.test.x, X[:9] + 1.0)
        assert len(split.train.y) + len(split.val.y) == N

    def test_the_length_is_that_of_the_training_series(self, tmp_path: Path) -> None:
        values = self.write(tmp_path, ts(np.concatenate([X, X], axis=2)))
        with pytest.raises(ConfigError, match=r"Moves_TEST.ts: line 8: the series has 12 values, the first one has 6"):
            load(values)
        split = load({**values, "lengths": "pad"})
        assert np.array_equal(split.test.x, X)

    def test_other_channels_in_the_test_part_are_refused(self, tmp_path: Path) -> None:
        values = self.write(tmp_path, ts(X[:, :1], head=HEAD.replace("@dimensions 2", "@dimensions 1")))
        with pytest.raises(ConfigError, match=r"Moves_TEST\.ts: the series have 1 channel"):
            load(values)

    def test_held_out_series_change_nothing_that_is_fitted(self, tmp_path: Path) -> None:
        values = {**self.write(tmp_path, ts(X[:9] + 1.0, Y[:9])), "standardize": True}
        before = load(values)
        (tmp_path / "Moves_TEST.ts").write_text(ts(100.0 * X[:9], Y[:9]))
        after = load(values)
        assert before.preprocessing == after.preprocessing
        assert np.array_equal(before.train.x, after.train.x)


class TestOtherFiles:
    def test_every_kind_of_file_gives_the_same_series(self, tmp_path: Path) -> None:
        one = X[:, :1]
        expected = read(tmp_path, ts(one, head=HEAD.replace("@dimensions 2", "@dimensions 1")))
        number = {"rest": 1, "walk": 2}
        tsv = "\n".join("\t".join([str(number[y]), *map(str, row[0])]) for row, y in zip(one, Y, strict=True))
        txt = "\n".join(f"  {number[y]:.7e}  " + "  ".join(map(str, row[0])) for row, y in zip(one, Y, strict=True))
        names = [f"t{place}" for place in range(L)]
        wide = pd.DataFrame(one[:, 0], columns=names).assign(kind=Y)
        long = pd.DataFrame(
            {"id": np.repeat(np.arange(N), L), "t": np.tile(np.arange(L), N), "v": one.ravel(), "kind": np.repeat(Y, L)}
        )
        arff = "@relation r\n" + "".join(f"@attribute {name} numeric\n" for name in names)
        arff += "@attribute kind {rest,walk}\n@data\n" + wide.to_csv(index=False, header=False)
        found = {
            "a.tsv": read(tmp_path, tsv, "a.tsv"),
            "a.txt": read(tmp_path, txt, "a.txt"),
            "a.arff": read(tmp_path, arff, "a.arff"),
            "wide.csv": read(tmp_path, wide.to_csv(index=False), "wide.csv", target="kind"),
            "long.csv": read(tmp_path, long.to_csv(index=False), "long.csv", target="kind", id="id", time="t"),
        }
        for name, raw in found.items():
            assert np.array_equal(raw.x, expected.x), name
            assert raw.y.tolist() == expected.y.tolist(), name
            assert raw.task == "classification", name
        assert found["a.tsv"].classes == found["a.txt"].classes == ("1", "2")

    def test_a_short_series_of_a_table_ends_with_missing_values(self, tmp_path: Path) -> None:
        content = "\n".join(f"{row % 2}\t1\t2\t3\t{'NaN' if row == 4 else 4}" for row in range(12))
        assert "line 5: the series has 3 values, the first one has 4" in refusal(tmp_path, content, "a.tsv")
        assert read(tmp_path, content, "a.tsv", lengths="resample").x[4, 0].tolist() == pytest.approx(
            [1.0, 5 / 3, 7 / 3, 3.0]
        )

    @pytest.mark.parametrize(
        ("name", "content", "options", "message"),
        [
            ("a.xlsx", "x", {}, "the name must end in .ts, .tsv, .txt, .arff, .csv"),
            ("a.tsv", "1\n2\n", {}, "line 1: a class and values are needed"),
            ("a.tsv", "?\t1\t2\n" * 12, {}, "the class of series 1 is missing"),
            ("a.ts", ts(), {"target": "y"}, "dataset.target is not allowed with a .ts file"),
            ("a.tsv", "1\t2\n", {"id": "y"}, "dataset.id is not allowed with a .tsv file"),
            ("a.csv", "a,y\n1,2\n", {}, "dataset.target is required with a .csv file"),
            ("a.csv", "a,y\n1,2\n", {"target": "y", "time": "a"}, "dataset.time is not allowed without dataset.id"),
            ("a.csv", "a,y\n1,2\n", {"target": "z"}, "dataset.target=z: no such column"),
            ("a.csv", "a,y\n1,2\n", {"target": "y", "values": ["y"]}, "dataset.values names 'y'"),
            ("a.csv", "a,y\n1,2\n", {"target": "y", "drop": ["a"]}, "no column of values is left"),
            ("a.csv", "n,y\nAnn,2\nBob,3\n", {"target": "y"}, "column 'n' does not hold numbers; leave it out"),
            ("a.csv", "a,y\n", {"target": "y"}, "the table has no rows"),
        ],
    )
    def test_settings_and_files_that_do_not_fit_are_refused(
        self, tmp_path: Path, name: str, content: str, options: dict[str, Any], message: str
    ) -> None:
        assert message in refusal(tmp_path, content, name, **options)


class TestLongTables:
    def table(self) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "who": [f"p{row}" for row in range(N) for _ in range(L)],
                "when": [f"2020-01-0{place + 1}" for _ in range(N) for place in range(L)],
                "u": X[:, 0].ravel(),
                "v": X[:, 1].ravel(),
                "kind": np.repeat(Y, L),
                "note": "n",
            }
        )

    def read(self, folder: Path, table: pd.DataFrame, **options: Any) -> Raw:
        settings = {"target": "kind", "id": "who", "time": "when", "drop": ["note"], **options}
        return read(folder, table.to_csv(index=False), "long.csv", **settings)

    def test_columns_of_values_are_channels_and_time_orders_the_rows(self, tmp_path: Path) -> None:
        table = self.table()
        assert np.array_equal(self.read(tmp_path, table).x, X)
        shuffled = pd.concat([table.iloc[::L], table.drop(table.index[::L]).sample(frac=1.0, random_state=0)])
        raw = self.read(tmp_path, shuffled)
        assert np.array_equal(raw.x, X)
        assert any("were sorted" in note for note in raw.notes)
        assert np.array_equal(self.read(tmp_path, table, values=["v"], drop=[]).x, X[:, 1:])

    @pytest.mark.parametrize(
        ("row", "column", "cell", "message"),
        [
            (8, "when", "2020-01-02", "rows 8 and 9 are of one series and have one time, 2020-01-02 00:00:00"),
            (8, "when", "", "column 'when', row 9: the time is missing"),
            (8, "when", "soon", "column 'when', row 9: 'soon' is neither a number nor a date"),
            (8, "kind", "rest", "the series of id 'p1' has the targets 'walk' and 'rest' in column 'kind'"),
            (8, "who", "", "column 'who', row 9: the id is missing"),
            (8, "who", "p2", "id 'p1': the series has 5 values, the first one has 6"),
        ],
    )
    def test_rows_that_do_not_fit_are_named(
        self, tmp_path: Path, row: int, column: str, cell: str, message: str
    ) -> None:
        table = self.table()
        if cell == "p2":
            table.loc[row, ["when", "kind"]] = ["2020-02-01", "rest"]
        table.loc[row, column] = cell
        with pytest.raises(ConfigError) as refused:
            self.read(tmp_path, table)
        assert message in str(refused.value)


class TestRowNumbers:
    """Columns that number the rows tell the class of rows that are sorted by it: they are no values."""

    @staticmethod
    def wide(first: str | None) -> str:
        table = pd.DataFrame(X[:, 0], columns=[f"t{place}" for place in range(L)])
        table.insert(0, "kind", sorted(Y))
        if first is not None:
            table.insert(0, first, np.arange(N))
        return table.to_csv(index=False)

    @pytest.mark.parametrize("name", ["", "Unnamed: 0"])
    def test_of_wide_tables_are_left_out(self, tmp_path: Path, name: str) -> None:
        raw = read(tmp_path, self.wide(name), "wide.csv", target="kind")
        assert np.array_equal(raw.x, X[:, :1])
        assert raw.left_out == {name: "row numbers", "kind": "target"}
        test = tmp_path / "plain.csv"
        test.write_text(self.wide(None))
        both = read(tmp_path, self.wide(name), "wide.csv", target="kind", test_path=str(test))
        assert both.x.shape == (2 * N, 1, L)

    def test_of_other_names_are_noted_unless_the_person_named_them(self, tmp_path: Path) -> None:
        raw = read(tmp_path, self.wide("case"), "wide.csv", target="kind")
        (said,) = (note for note in raw.notes if "may number the rows" in note)
        assert "column 'case'" in said
        assert "'dataset.drop=[case]'" in said
        names = ["case", *(f"t{place}" for place in range(L - 1))]
        raw = read(tmp_path, self.wide("case"), "wide.csv", target="kind", values=names)
        assert not any("may number" in note for note in raw.notes)
        assert raw.left_out == {"kind": "target", f"t{L - 1}": "not in dataset.values"}

    @pytest.mark.parametrize("name", ["", "Unnamed: 0"])
    def test_of_long_tables_are_left_out(self, tmp_path: Path, name: str) -> None:
        columns = {name: np.arange(N * L), "who": np.repeat(np.arange(N), L), "when": np.tile(np.arange(L), N)}
        table = pd.DataFrame({**columns, "v": X[:, 0].ravel(), "kind": np.repeat(Y, L)})
        options: dict[str, Any] = {"target": "kind", "id": "who", "time": "when"}
        raw = read(tmp_path, table.to_csv(index=False), "long.csv", **options)
        assert np.array_equal(raw.x, X[:, :1])
        assert raw.left_out == {name: "row numbers", "who": "id", "when": "time", "kind": "target"}
        raw = read(tmp_path, table.rename(columns={name: "row"}).to_csv(index=False), "long.csv", **options)
        assert any("column 'row' may number the rows" in note for note in raw.notes)

    def test_a_column_without_a_name_elsewhere_is_refused(self, tmp_path: Path) -> None:
        assert "column 2 has no name" in refusal(tmp_path, "a,,y\n1,2,3\n1,2,3\n", "a.csv", target="y")

    def test_columns_that_are_left_out_do_not_say_how_to_split(self, tmp_path: Path) -> None:
        path = tmp_path / "wide.csv"
        path.write_text(self.wide(""))
        split = {"method": "folds", "groups": "kind"}
        with pytest.raises(ConfigError, match=r"dataset\.split\.groups=kind is not allowed"):
            load({"name": "series", "path": str(path), "target": "kind", "split": split})


class TestTextsOfTables:
    """A CSV has the settings of tables that say how texts are read, and messages advise no others."""

    @staticmethod
    def long(**columns: Any) -> pd.DataFrame:
        days = [f"{place + 1:02}/01/2020" for _ in range(N) for place in range(L)]
        table = {"who": np.repeat(np.arange(N), L), "when": days, "v": X[:, 0].ravel(), "kind": np.repeat(Y, L)}
        return pd.DataFrame({**table, **columns})

    OPTIONS: ClassVar[dict[str, Any]] = {"target": "kind", "id": "who", "time": "when"}

    def test_dates_of_long_tables(self, tmp_path: Path) -> None:
        content = self.long().sample(frac=1.0, random_state=0).to_csv(index=False)
        said = refusal(tmp_path, content, "long.csv", **self.OPTIONS)
        assert "dataset.dates=day_first" in said
        assert not {"dataset.drop", "dataset.categories"} & set(re.findall(r"dataset\.\w+", said))
        raw = read(tmp_path, content, "long.csv", dates="month_first", **self.OPTIONS)
        assert {tuple(row) for row in raw.x[:, 0]} == {tuple(row) for row in X[:, 0]}

    def test_missing_values(self, tmp_path: Path) -> None:
        table = self.long(v=X[:, 0].ravel().astype(str), when=np.tile(np.arange(L), N))
        table.loc[8, "v"] = "NA"
        said = refusal(tmp_path, table.to_csv(index=False), "long.csv", **self.OPTIONS)
        assert "set 'dataset.missing=[NA]'" in said
        assert "'dataset.drop=[v]'" in said
        assert "dataset.categories" not in said
        said = refusal(tmp_path, table.to_csv(index=False), "long.csv", values=["v"], **self.OPTIONS)
        assert "dataset.drop" not in said
        raw = read(tmp_path, table.to_csv(index=False), "long.csv", missing=["NA"], **self.OPTIONS)
        assert raw.x[1, 0, 2] == pytest.approx((X[1, 0, 1] + X[1, 0, 3]) / 2)

    def test_how_a_file_is_written(self, tmp_path: Path) -> None:
        rows = "".join(f"'1.00{row % 10}'|{row},25|{row},5|\n" for row in range(N))
        content = ("größe|b|y|\n" + rows).encode("latin-1")
        written = {"separator": "|", "decimal": ",", "thousands": ".", "quote": "'", "encoding": "latin-1"}
        raw = read(tmp_path, content, "wide.csv", target="y", **written)
        assert (raw.task, raw.y.tolist()) == ("regression", [row + 0.5 for row in range(N)])
        assert isinstance(raw.x, np.ndarray)
        assert raw.x[1].tolist() == [[1001.0, 1.25]]
        named = read(tmp_path, content, "wide.csv", target="y", task="classification", **written)
        assert len(named.classes) == N

    def test_columns_of_dates_hold_no_numbers(self, tmp_path: Path) -> None:
        said = refusal(tmp_path, "a,d,y\n1,01/02/2020,0\n2,02/02/2020,1\n", "a.csv", target="y")
        assert said.endswith("column 'd' does not hold numbers; leave it out: 'dataset.drop=[d]'")
        said = refusal(tmp_path, "a,d,y\n1,01/02/2020,0\n2,02/02/2020,1\n", "a.csv", target="y", values=["a", "d"])
        assert said.endswith("column 'd' does not hold numbers; take it out of dataset.values")

    @pytest.mark.parametrize("name", ["a.ts", "a.tsv", "a.txt", "a.arff"])
    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("missing", ["NA"]),
            ("dates", "day_first"),
            ("separator", ";"),
            ("decimal", ","),
            ("thousands", "."),
            ("encoding", "latin-1"),
            ("quote", "'"),
        ],
    )
    def test_other_files_have_no_use_for_them(self, tmp_path: Path, name: str, setting: str, value: object) -> None:
        said = refusal(tmp_path, ts(), name, **{setting: value})
        assert f"dataset.{setting} is not allowed with a {name[1:]} file" in said

    def test_dates_need_a_column_of_time(self, tmp_path: Path) -> None:
        said = refusal(tmp_path, "a,y\n1,2\n", "a.csv", target="y", dates="day_first")
        assert "dataset.dates=day_first has no effect without dataset.time" in said
