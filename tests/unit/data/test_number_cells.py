"""Cells of tables that look like numbers: read, refused by their cell, or kept as names."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.raw_rows import read_frame
from regbench.data.records import Categorical, Numeric, Raw
from regbench.data.row_files import read_rows
from regbench.errors import ConfigError

ROWS = 60


def write(folder: Path, cells: list[str], name: str = "table.csv") -> str:
    """A table of these cells, over and over, and of a target y of other numbers."""
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["a", "y"])
        rows.writerows([cells[row % len(cells)], row * 37 % 101 / 4] for row in range(ROWS))
    return str(folder / name)


def read(folder: Path, cells: list[str], **settings: Any) -> Raw:
    return build_dataset({"name": "csv", "path": write(folder, cells), "target": "y", **settings}).read()


def column(folder: Path, cells: list[str], **settings: Any) -> Numeric | Categorical:
    (found,) = read(folder, cells, **settings).x  # type: ignore[misc]
    assert isinstance(found, (Numeric, Categorical))
    return found


def numbers(folder: Path, cells: list[str], **settings: Any) -> list[float]:
    found = column(folder, cells, **settings)
    assert isinstance(found, Numeric)
    return found.values[: len(cells)].tolist()


def refusal(folder: Path, cells: list[str], **settings: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(folder, cells, **settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        (["$5 CAD", "$7 USD"], 2),
        (["kr 5 EUR", "kr 7 SEK"], 2),
        (["$5", "$7 CAD"], 2),
        (["$5€", "$7€"], 1),
        (["$5", "$5¢"], 2),
    ],
)
def test_two_currencies_are_refused(tmp_path: Path, cells: list[str], row: int) -> None:
    said = refusal(tmp_path, cells)
    assert f"row {row}: {cells[row - 1]!r}" in said
    assert "currenc" in said


def test_a_sign_and_a_code_that_all_cells_have_are_one_currency(tmp_path: Path) -> None:
    assert numbers(tmp_path, ["$5 CAD", "$7.50 CAD", "0"]) == [5.0, 7.5, 0.0]
    found = column(tmp_path, ["$5 CAD", "$7.50 CAD"])
    assert isinstance(found, Numeric)
    assert found.read_as == "currency $, currency CAD"


def test_new_rows_have_no_further_currency(tmp_path: Path) -> None:
    dataset = build_dataset({"name": "csv", "path": write(tmp_path, ["$5.50", "$7.25", "$9.00"]), "target": "y"})
    fitted = prepare(dataset, dataset.read()).preprocessing
    frame = read_rows(write(tmp_path, ["$5.50", "$5.50 CAD"], "new.csv"), fitted)
    with pytest.raises(ConfigError, match=r"row 2: '\$5\.50 CAD' is not one of the numbers of training"):
        read_frame(frame, fitted, "new.csv")  # type: ignore[arg-type]


NAMES = {
    "zeros that a spreadsheet keeps": ['="01234"', '="00501"', '="99999"'],
    "long digits that a spreadsheet keeps": ['="9007199254740992"', '="9007199254740993"', '="1"'],
    "stars": ["5 star", "4 star", "no rating"],
    "words in front": ["size 3", "size 4", "size 5"],
    "letters in front": ["A1", "A2", "B1"],
    "doors": ["3-door", "5-door", "2-door"],
    "sizes": ["10", "12", "14", "XL"],
    "rows and letters": ["10A", "12A", "10B", "12B"],
    "one letter behind": ["3G", "4G", "5G"],
    "versions": ["1.0", "1.1", "2.0", "1.0.2"],
    "one number, one word": ["1.5", "abc"],
    "grades": ["1", "2-", "2", "3-"],
    "halves": ["1½", "2½", "3½", "4"],
    "addresses": ["192.168.100.200", "192.168.100.201", "192.168.101.100"],
    "shorter addresses": ["192.168.100.200", "10.0.0.1", "192.168.1.100"],
}


@pytest.mark.parametrize("case", NAMES)
def test_what_is_no_amount_is_kept_as_names(tmp_path: Path, case: str) -> None:
    found = column(tmp_path, NAMES[case])
    assert isinstance(found, Categorical)
    assert set(found.levels) == set(NAMES[case])


KILOS = [f"{number} kg" for number in range(1, 13)]
HALVES = [f"{number}.5" for number in range(1, 13)]
PRICES = [f"${number}.50" for number in range(1, 9)]


@pytest.mark.parametrize(
    ("cells", "bad"),
    [
        (KILOS, "n/a"),
        (KILOS, "abc"),
        ([f"{number} g" for number in range(1, 13)], "n/a"),
        ([f"{number} g" for number in range(1, 13)], "abc"),
        (["5 USD"], "n/a"),
        (["5 USD", "6 USD", "7 USD"], "ask"),
        (HALVES, "abc"),
        (HALVES, "1.5."),
        (["1.5", "2.5"], "abc"),
        (["1,5", "2,5"], "abc"),
        (PRICES, "$ -"),
        (PRICES, "-"),
        (["5,000.00-", "6,000.00"], "5-"),
        ([f"{number}.25" for number in range(30)], "1½"),
    ],
)
def test_one_bad_cell_among_amounts_is_named(tmp_path: Path, cells: list[str], bad: str) -> None:
    place = len(cells) // 2
    said = refusal(tmp_path, [*cells[:place], bad, *cells[place:]])
    assert f"row {place + 1}: {bad!r} is not a number" in said


@pytest.mark.parametrize("unit", ["g", "m", "l", "t", "s", "h", "V", "W", "widgets", "kg", "million", "km2", "µg/m³"])
def test_a_unit_that_all_cells_have_makes_numbers(tmp_path: Path, unit: str) -> None:
    cells = [f"{number} {unit}" for number in range(1, 13)]
    found = column(tmp_path, cells)
    assert isinstance(found, Numeric)
    assert found.values[:12].tolist() == [float(number) for number in range(1, 13)]
    assert found.read_as == f"unit {unit}"


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["5 million", "3 thousand", "1 million"], "row 2: '3 thousand' is of another magnitude"),
        (["5 million", "7 million", "3"], "row 3: '3' is not written as"),
        (["5 g", "7 l", "1 g"], "row 2: '7 l' has another unit"),
    ],
)
def test_several_units_are_refused(tmp_path: Path, cells: list[str], said: str) -> None:
    assert said in refusal(tmp_path, cells)


def test_a_minus_behind_an_amount_is_a_sign(tmp_path: Path) -> None:
    assert numbers(tmp_path, ["5,000.00-", "12.50-", "7.25"]) == [-5000.0, -12.5, 7.25]
    assert numbers(tmp_path, ['="5"', '="7"', '="9"']) == [5.0, 7.0, 9.0]


@pytest.mark.parametrize(
    ("cells", "mark", "settings"),
    [
        (["1,201.50", "-999.0", "2,500.25"], "-999", {}),
        (["1,201.50", "-999", "2,500.25"], "-999.0", {}),
        (["1201,5", "-999,0", "2500,25"], "-999", {}),
        (["1201,5", "-999,000", "2500,25"], "-999", {}),
        (["1,201", "-999,000", "2,500"], "-999", {"decimal": ","}),
        (["$5.50", "\u2212999.00", "$7.50"], "-999", {}),
        (["red", "-999.0", "blue"], "-999", {}),
        (["Smith,12", "-999.0", "blue"], "-999", {}),
    ],
)
def test_a_mark_that_is_a_number_is_compared_as_one(
    tmp_path: Path, cells: list[str], mark: str, settings: dict[str, str]
) -> None:
    found = column(tmp_path, cells, missing=[mark], **settings)
    gone = found.values != found.values if isinstance(found, Numeric) else found.codes < 0
    assert gone[:3].tolist() == [False, True, False]


def test_codes_units_and_thousands_are_no_marks(tmp_path: Path) -> None:
    codes = column(tmp_path, ["0999", "0123", "01234"], missing=["999"])
    assert isinstance(codes, Categorical)
    assert codes.levels == ("0123", "01234", "0999")
    assert numbers(tmp_path, ["1.50 kg", "-999.00 kg", "2.25 kg"], missing=["-999"])[1] == -999.0
    assert numbers(tmp_path, ["1,234.50", "-999,000", "2.25"], missing=["-999"])[1] == -999_000.0
    assert numbers(tmp_path, ["1.234,50", "-999.000", "2,25"], missing=["-999"])[1] == -999_000.0


def test_new_rows_have_the_marks_of_training(tmp_path: Path) -> None:
    path = write(tmp_path, ["1201,5", "-999,0", "2500,25"])
    dataset = build_dataset({"name": "csv", "path": path, "target": "y", "missing": ["-999"]})
    fitted = prepare(dataset, dataset.read()).preprocessing
    frame = read_rows(write(tmp_path, ["-999,000", "7,125"], "new.csv"), fitted)
    (found,) = read_frame(frame, fitted, "new.csv")  # type: ignore[arg-type]
    assert isinstance(found, Numeric)
    assert found.values[0] != found.values[0]
    assert found.values[1] == 7.125


def read_target(folder: Path, cells: list[str], **settings: Any) -> Raw:
    path = folder / "target.csv"
    path.write_text("\n".join(["a,y", *(f"{row * 37 % 101},{cell}" for row, cell in enumerate(cells))]) + "\n")
    return build_dataset({"name": "csv", "path": str(path), "target": "y", **settings}).read()


@pytest.mark.parametrize("settings", [{}, {"task": "regression"}])
@pytest.mark.parametrize("step", [1, 0.5])
def test_a_text_in_a_target_of_numbers_is_named(tmp_path: Path, settings: dict[str, str], step: float) -> None:
    cells = [str(row % 12 * step) for row in range(ROWS)]
    cells[3] = "abc"
    with pytest.raises(ConfigError, match=r"column 'y', row 4: 'abc' is not a number"):
        read_target(tmp_path, cells, **settings)
    assert read_target(tmp_path, cells, task="classification").task == "classification"


def test_few_codes_and_a_text_are_classes(tmp_path: Path) -> None:
    cells = [("0", "1", "2", "3+")[row % 4] for row in range(ROWS)]
    assert read_target(tmp_path, cells).classes == ("0", "1", "2", "3+")
    with pytest.raises(ConfigError, match=r"row 4: '3\+' is not a number$"):
        read_target(tmp_path, cells, task="regression")


def test_a_text_in_one_of_several_targets_is_named(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    path.write_text(
        "\n".join(["a,y,z", *(f"{row},{row % 7 / 2},{'abc' if row == 3 else row % 7}" for row in range(60))])
    )
    with pytest.raises(ConfigError, match=r"column 'z', row 4: 'abc' is not a number"):
        build_dataset({"name": "csv", "path": str(path), "target": ["y", "z"], "task": "regression"}).read()
