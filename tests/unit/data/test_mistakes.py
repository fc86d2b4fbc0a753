"""Mistakes in a person's table that look like data: stray texts, commas, huge numbers, odd names and paths."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from regbench.data import load
from regbench.errors import ConfigError
from tests.unit.data.test_tables import READERS, ROW, N, frame, load_csv, load_parquet, refusal, train_rows


class TestValues:
    def test_few_bad_cells_in_a_small_table_are_pointed_out_too(self, tmp_path: Path) -> None:
        table = frame(a=[None, "x", *(f"{row}.5" for row in ROW[2:])])
        said = refusal(tmp_path, table)
        assert "column 'a', row 2: 'x' is not a number" in said
        assert "leave it out: 'dataset.drop=[a]'" in said
        assert load_csv(tmp_path, table, drop=["a"]).features == ("row",)

    @pytest.mark.parametrize("pattern", ["{},25", "1,{:03d}.50", "-1.000.{:03d},5"])
    def test_numbers_with_marks_between_thousands_and_of_decimals_are_read(self, tmp_path: Path, pattern: str) -> None:
        split = load_csv(tmp_path, frame(a=[pattern.format(row) for row in ROW]))
        assert split.features == ("row", "a")
        assert split.reading.columns[1].read_as.endswith(("decimal comma", "separated thousands"))

    def test_a_comma_that_may_be_either_is_pointed_out(self, tmp_path: Path) -> None:
        table = frame(a=[f"1,{row + 100}" for row in ROW])
        assert "column 'a', row 1: '1,100' has a comma that may separate decimals or thousands" in refusal(
            tmp_path, table
        )
        assert load_csv(tmp_path, table, decimal=",").preprocessing.columns[1].fill < 2.0  # type: ignore[union-attr,operator]
        assert load_csv(tmp_path, table, thousands=",").preprocessing.columns[1].fill > 1000.0  # type: ignore[union-attr,operator]

    def test_texts_that_are_partly_numbers_stay_texts(self, tmp_path: Path) -> None:
        few = np.where(ROW % 10 == 0, "x", (ROW % 17).astype(str))
        half = [f"{row}" if row % 3 else f"A{row}" for row in ROW]
        split = load_csv(tmp_path, frame(few=few))
        assert {"few=x", "few=1"} <= set(split.features)
        assert "column 'half', row 1: 'A0' is not a number, but other cells are" in refusal(tmp_path, frame(half=half))
        code = frame(code=[f"{row % 7:05d}" for row in ROW])
        assert load_parquet(tmp_path, code).features[1] == load_csv(tmp_path, code).features[1] == "code=00000"

    def test_a_bad_cell_in_a_target_of_numbers_is_pointed_out(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"x": ROW, "y": ["x", *(f"{row}.5" for row in ROW[1:])]})
        assert "column 'y', row 1: 'x' is not a number, but other cells are" in refusal(tmp_path, table)
        assert "class" in refusal(tmp_path, table, task="classification")

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (np.where(ROW == 4, 1e39, ROW), "row 5, column 'a': 1e+39 is too large"),
            (np.where(ROW == 4, -1e300, ROW), "row 5, column 'a': -1e+300 is too large"),
        ],
    )
    def test_features_beyond_float32_are_refused(self, tmp_path: Path, values: Any, message: str) -> None:
        assert message in refusal(tmp_path, frame(a=values))

    def test_a_standardised_row_that_training_lacks_may_be_too_large(self, tmp_path: Path) -> None:
        held_out = int(np.setdiff1d(ROW, train_rows(load_csv(tmp_path, frame())))[0])
        table = frame(a=np.where(held_out == ROW, 1.7e308, ROW * 1e-9))
        assert f"row {held_out + 1}, column 'a': inf is too large" in refusal(tmp_path, table, standardize=True)

    def test_targets_beyond_float32_are_refused(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"x": ROW, "y": np.where(ROW == 4, 1e39, ROW)})
        assert "target, row 5: 1e+39 is too large" in refusal(tmp_path, table, standardize_target=False)
        said = refusal(tmp_path, pd.DataFrame({"x": ROW, "y": ROW * 1e300}))
        assert "the values of the target are too large to standardise" in said

    @READERS
    def test_whole_numbers_that_float64_merges_are_classes_apart(self, tmp_path: Path, read: Any) -> None:
        labels = np.array([2**63 + 1, 2**63 + 2], dtype=np.uint64)
        assert read(tmp_path, pd.DataFrame({"x": ROW, "y": labels[ROW % 2]})).classes == tuple(map(str, labels))

    def test_whole_numbers_of_any_length_are_classes_apart(self, tmp_path: Path) -> None:
        labels = [10**20 + row % 2 for row in range(N)]
        assert load_csv(tmp_path, pd.DataFrame({"x": ROW, "y": labels})).classes == (str(10**20), str(10**20 + 1))


class TestNames:
    @pytest.mark.parametrize("name", ["plain", "x, y", "3", "null", "a=b", "[a]", "größe", " a", "a:b{c}"])
    def test_the_advice_to_drop_a_column_works_as_typed(self, tmp_path: Path, name: str) -> None:
        said = refusal(tmp_path, frame(**{name: [None] * N}))
        typed = shlex.split(said[said.index("'dataset.drop") :])
        assert len(typed) == 1
        assert OverridesParser.create().parse_override(typed[0]).value() == [name]

    @pytest.mark.parametrize("name", ["it's", 'a "b"', "a\\b", "${a}", "a\tb"])
    def test_no_advice_is_better_than_a_wrong_one(self, tmp_path: Path, name: str) -> None:
        assert refusal(tmp_path, frame(**{name: [None] * N})).endswith("leave it out with dataset.drop")

    def test_names_are_shown_without_control_characters(self, tmp_path: Path) -> None:
        table = frame(**{"a\nb": ROW, "\x1b[31mred": ROW})
        for said in (refusal(tmp_path, table, target="z"), refusal(tmp_path, table, drop=["\x1b[2J"])):
            assert said.isprintable()
            assert "\\x1b[31mred, a\\nb" in said

    def test_a_column_may_be_called_by_a_number(self, tmp_path: Path) -> None:
        table = pd.DataFrame({"1": ROW, "2": ROW, "3": ROW % 2})
        assert load_csv(tmp_path, table, target=3, drop=[2]).features == ("1",)
        with pytest.raises(ConfigError, match=r"dataset\.target=True is not allowed; it takes a text"):
            load_csv(tmp_path, table, target=True)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("n" * 280, "cannot be read: File name too long"),
        ("n" * 280 + "/table.csv", "cannot be read: File name too long"),
        ("a\0b", "dataset.path=a\\x00b: cannot be read"),
        ("a\nb", "dataset.path=a\\nb: no such file"),
        ("~nobody-of-this-name/table.csv", "cannot be read: Could not determine home directory"),
        (".", "this is a folder"),
    ],
)
def test_a_path_that_cannot_be_read_is_refused(path: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({"name": "csv", "path": path, "target": "y"})
    assert message in str(refused.value)
    assert str(refused.value).isprintable()
