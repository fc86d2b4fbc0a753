"""ARFF and KEEL files: what is read, against scipy where it reads the same, and what is refused, by its line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import arff

from regbench.data import load
from regbench.data.attribute_files import parse_attributes
from regbench.data.loading import build_dataset
from regbench.data.records import Categorical, Numeric, Raw
from regbench.errors import ConfigError

HEADER = """\
% A comment
@RELATION plants

@ATTRIBUTE height REAL
@attribute colour {red, green,blue}
@attribute planted date "yyyy-MM-dd"
@attribute kind {oak,elm}
@DATA
"""
ROWS = [
    f"{0.5 * row},{('red', 'green', 'blue', '?')[row % 4]},2020-01-{row + 1:02d},{('oak', 'elm')[row % 2]}"
    for row in range(24)
]
ARFF = HEADER + "\n".join(ROWS) + "\n"

KEEL = """\
@relation plants
@attribute height real [0.0, 20.0]
@attribute leaves integer[0,9]
@attribute colour{red, green}
@attribute yield real [0.0, 1.0]
@attribute kind {oak, elm}
@inputs height, leaves, colour
@outputs kind
@data
"""


def keel(rows: range) -> str:
    """Return a file with a row for each number: its height."""
    lines = [
        f"{row}.0, {row % 10}, {('red', 'green', '<null>')[row % 3]}, 0.5, {('oak', 'elm')[row % 2]}" for row in rows
    ]
    return KEEL + "\n".join(lines) + "\n"


def read(folder: Path, content: str | bytes, name: str = "arff", **options: Any) -> Raw:
    path = folder / "table.dat"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return build_dataset({"name": name, "path": str(path), **options}).read()


def refusal(folder: Path, content: str | bytes, name: str = "arff", **options: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(folder, content, name, **options)
    said = str(refused.value)
    assert said.isprintable()
    return said


def column(raw: Raw, name: str) -> Numeric | Categorical:
    assert not isinstance(raw.x, np.ndarray)
    return next(column for column in raw.x if column.name == name)


def texts(raw: Raw, name: str) -> list[str | None]:
    """Return a column of names as texts, None where one is missing."""
    found = column(raw, name)
    assert isinstance(found, Categorical)
    return [None if code < 0 else found.levels[code] for code in found.codes]


class TestArff:
    def test_reads_what_scipy_reads(self) -> None:
        frame = parse_attributes(ARFF.encode(), "plants").frame
        # scipy takes the blank before green for a part of the name
        theirs, _ = arff.loadarff(io.StringIO(ARFF.replace(", green", ",green")))
        assert frame["height"].tolist() == theirs["height"].tolist()
        assert frame["planted"].tolist() == pd.to_datetime(theirs["planted"]).tolist()
        for name in ("colour", "kind"):
            assert frame[name].astype(object).where(frame[name].notna(), "?").tolist() == [
                value.decode() for value in theirs[name]
            ]

    def test_the_last_attribute_is_the_target_and_that_is_said(self, tmp_path: Path) -> None:
        raw = read(tmp_path, ARFF)
        assert (raw.task, raw.classes, raw.left_out) == ("classification", ("elm", "oak"), {"kind": "target"})
        assert any("'kind'" in note for note in raw.notes)
        assert read(tmp_path, ARFF, target="height").task == "regression"

    def test_columns_become_what_they_are_declared_as(self, tmp_path: Path) -> None:
        raw = read(tmp_path, ARFF)
        assert texts(raw, "colour") == [("red", "green", "blue", None)[row % 4] for row in range(24)]
        planted = column(raw, "planted")
        assert isinstance(planted, Numeric)
        assert planted.kind == "date"
        assert np.diff(planted.values).tolist() == [1.0] * 23

    def test_nominal_numbers_stay_names_and_numeric_classes_are_read(self, tmp_path: Path) -> None:
        table = "@relation r\n@attribute a {1,2,3}\n@attribute y numeric\n@data\n" + "\n".join(
            f"{row % 3 + 1},{row % 2}" for row in range(60)
        )
        raw = read(tmp_path, table)
        assert isinstance(column(raw, "a"), Categorical)
        assert raw.classes == ("0", "1")

    def test_quotes_keep_commas_blanks_question_marks_and_letters_of_any_language(self, tmp_path: Path) -> None:
        table = (
            "@relation 'a b'\n@attribute 'größe, cm' numeric\n@attribute b {'a, b', \"it's\", '?', x\\\\y, '\\'q\\''}\n"
            "@attribute y {é,n}\n@data\n"
        )
        cells = ["'a, b'", '"it\'s"', "'?'", "?", "'\\'q\\''"]
        raw = read(
            tmp_path, table + "\n".join(f" {row} , {cells[row % 5]} ,\té" for row in range(20)).replace(",\t", ", ")
        )
        assert texts(raw, "b")[:5] == ["a, b", "it's", "?", None, "'q'"]
        assert column(raw, "größe, cm").name == "größe, cm"

    def test_tabs_separate_where_there_is_no_comma(self, tmp_path: Path) -> None:
        assert texts(read(tmp_path, HEADER + "\n".join(ROWS).replace(",", "\t")), "colour")[0] == "red"

    @pytest.mark.parametrize(
        ("line", "bad", "message"),
        [
            (4, "@attribute height string", "line 4: attribute 'height' is of kind 'string'"),
            (4, "@attribute height relational", "'relational'; allowed are numeric, real, integer"),
            (4, "@attribute height", "line 4: '@attribute height' is no declaration"),
            (4, "height real", "line 4: 'height real' is no declaration; before @data"),
            (5, "@attribute height {a,b}", "line 5: the attribute 'height' appears twice"),
            (5, "@attribute colour {red, red}", "line 5: attribute 'colour' has a value twice"),
            (5, "@attribute colour {'red, green}", "line 5: a quote is left open"),
            (6, '@attribute planted date "yyyy-MM-dd Z"', "line 6: dates of form 'yyyy-MM-dd Z'; allowed, each once"),
            (6, '@attribute planted date "yyyy yyyy"', "line 6: dates of form"),
            (8, "", "line 9: '0.0,red,2020-01-01,oak' is no declaration"),
            (9, "{0 1.0, 3 oak}", "line 9: rows in braces (sparse ARFF) are not read"),
            (9, "1.0,red,2020-01-01", "line 9 has 3 value(s), 4 attributes are declared"),
            (9, "1.0,red,2020-01-01,oak,1", "line 9 has 5 value(s), 4 attributes are declared"),
            (9, "1?2,red,2020-01-01,oak", "line 9: '1?2' cannot be read; 'height' takes finite numbers"),
            (9, "1_0,red,2020-01-01,oak", "line 9: '1_0' cannot be read"),
            (9, "1e999,red,2020-01-01,oak", "line 9: '1e999' cannot be read"),
            (9, "1.0,Red,2020-01-01,oak", "line 9: 'Red' cannot be read; 'colour' takes one of 'red, green, blue'"),
            (9, "1.0,red,01.01.2020,oak", "line 9: '01.01.2020' cannot be read; 'planted' takes dates of the form"),
            (9, "1.0,'red,2020-01-01,oak", "line 9: a quote is left open"),
            (9, "1.0,red,2020-01-01,?", "row 1: the target is missing"),
        ],
    )
    def test_what_cannot_be_read_is_named_with_its_line(
        self, tmp_path: Path, line: int, bad: str, message: str
    ) -> None:
        lines = ARFF.splitlines()
        lines[line - 1] = bad
        assert message in refusal(tmp_path, "\n".join(lines))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("@relation r\n@attribute a numeric\n", "there is no line @data"),
            ("@relation r\n@data\n1\n", "no @attribute is declared"),
            (ARFF.encode().replace(b"red", b"r\xe9d"), "is not UTF-8"),
            (HEADER, "the table has no rows"),
        ],
    )
    def test_a_file_that_is_no_table_is_refused(self, tmp_path: Path, content: str | bytes, message: str) -> None:
        assert message in refusal(tmp_path, content)

    def test_a_target_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        assert "dataset.target=hight: no such column" in refusal(tmp_path, ARFF, target="hight")


class TestKeel:
    def test_inputs_and_outputs_are_those_of_the_file(self, tmp_path: Path) -> None:
        raw = read(tmp_path, keel(range(30)), "keel")
        assert [column.name for column in raw.x] == ["height", "leaves", "colour"]
        assert raw.classes == ("elm", "oak")
        assert raw.left_out == {"kind": "target", "yield": "not among the file's @inputs"}
        assert texts(raw, "colour")[:3] == ["red", "green", None]

    def test_without_tags_the_last_attribute_is_the_output(self, tmp_path: Path) -> None:
        content = keel(range(30)).replace("@inputs height, leaves, colour\n@outputs kind\n", "")
        raw = read(tmp_path, content, "keel")
        assert [column.name for column in raw.x] == ["height", "leaves", "colour", "yield"]
        assert raw.left_out == {"kind": "target"}

    def test_a_published_fold_keeps_its_test_part(self, tmp_path: Path) -> None:
        (tmp_path / "plants-5-1tra.dat").write_text(keel(range(40)))
        other = keel(range(40, 50)).replace("{red, green}", "{blue, red, green}")  # as some published parts declare
        (tmp_path / "plants-5-1tst.dat").write_text(other)
        values = {"name": "keel", "path": str(tmp_path / "plants-5-1tra.dat"), "standardize": False}
        dataset = build_dataset(values)
        assert [Path(path).name for path in dataset.files() or ()] == ["plants-5-1tra.dat", "plants-5-1tst.dat"]
        assert any("plants-5-1tst.dat: its rows are the test part" in note for note in dataset.read().notes)
        split = load(values)
        assert split.preprocessing.columns[-1].features == ("colour=green", "colour=red", "colour=(missing)")
        assert split.test.x[:, split.features.index("height")].tolist() == [float(row) for row in range(40, 50)]
        assert len(split.train.y) + len(split.val.y) == 40

    def test_a_test_part_of_other_columns_is_refused(self, tmp_path: Path) -> None:
        other = tmp_path / "other.dat"
        other.write_text(keel(range(10)).replace("leaves", "twigs"))
        said = refusal(tmp_path, keel(range(30)), "keel", test_path=str(other))
        assert "other.dat: column 'leaves' is missing" in said

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("@outputs kind", "@outputs kinds", "@inputs and @outputs name 'kinds'"),
            ("@inputs height, leaves", "@inputs height, kind", "@inputs and @outputs name 'kind'"),
            ("{oak, elm}", "{oak, elm, unlabeled}", ""),
            ("integer[0,9]", "interval [0, 9]", "line 3: attribute 'leaves' is of kind 'interval [0, 9]'"),
        ],
    )
    def test_a_header_that_contradicts_itself_is_refused(
        self, tmp_path: Path, old: str, new: str, message: str
    ) -> None:
        content = keel(range(30)).replace(old, new)
        if not message:
            assert read(tmp_path, content, "keel").classes == ("elm", "oak")
            return
        assert message in refusal(tmp_path, content, "keel")

    def test_several_outputs_are_several_targets(self, tmp_path: Path) -> None:
        content = keel(range(30)).replace("@outputs kind", "@outputs yield, leaves").replace("height, leaves", "height")
        raw = read(tmp_path, content, "keel")
        assert (raw.task, raw.outputs) == ("regression", ("yield", "leaves"))
        assert raw.y.tolist() == [[0.5, float(row % 10)] for row in range(30)]
        assert raw.left_out == {"yield": "target", "leaves": "target", "kind": "not among the file's @inputs"}
        content = keel(range(30)).replace("@outputs kind", "@outputs kind, yield")
        assert "column 'kind', row 1: 'oak' is not a number; several targets" in refusal(tmp_path, content, "keel")
        assert read(tmp_path, content, "keel", target="kind").left_out["yield"] == "not among the file's @inputs"

    def test_rows_without_a_label_are_no_class_of_their_own(self, tmp_path: Path) -> None:
        content = keel(range(30)).replace("{oak, elm}", "{oak, elm, unlabeled}")
        content = content.replace("29.0, 9, <null>, 0.5, elm", "29.0, 9, <null>, 0.5, unlabeled")
        assert "'unlabeled'" in refusal(tmp_path, content, "keel")
