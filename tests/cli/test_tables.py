"""Tables as people have them, through the command: read right, or refused in one line that names the cell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regbench.cli.main import main
from tests.cli.session import Session

N = 150
H, G = [37 * k % 101 for k in range(N)], [53 * k % 97 for k in range(N)]


def write(folder: Path, **columns: object) -> str:
    path = folder / "rows.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def train(path: str, *words: str, target: str = "y", epochs: int = 200) -> dict[str, dict[str, float]]:
    """Train a linear network and return its best figures."""
    base = [
        f"dataset.path={path}",
        f"dataset.target={target}",
        "model=linear",
        "schedule.optimizer.lr=0.05",
        "quiet=true",
    ]
    name = "parquet" if path.endswith("parquet") else "csv"
    assert main(["run", f"dataset={name}", *base, f"schedule.epochs={epochs}", *words]) == 0
    (result,) = Path().glob("runs/default/*/result.json")
    found = json.loads(result.read_text())["best"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))


SIGNS: dict[str, Callable[[float], str]] = {
    "currency": lambda v: f"${v:.2f}",
    "percent": lambda v: f"{v:.2f}%",
    "brackets": lambda v: f"({-v:.2f})" if v < 0 else f"{v:.2f}",
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "thousands": lambda v: f"{v:,.2f}",
    "a unit": lambda v: f"{v:.2f} kg",
    "as a spreadsheet quotes it": lambda v: f'="{v:.2f}"',
}


@pytest.mark.parametrize("sign", SIGNS)
def test_numbers_with_signs_give_the_figures_of_plain_numbers(tmp_path: Path, sign: str) -> None:
    values = [(h - 50) * 30.0 for h in H]
    path = write(tmp_path, v=[SIGNS[sign](value) for value in values], y=[2 * value for value in values])
    figures = train(path)
    assert figures["test"]["r2"] > 0.999


@pytest.mark.parametrize("shape", ["%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y", "%d %b %Y", "%Y-%m-%d"])
def test_dates_of_every_order_are_days(tmp_path: Path, shape: str) -> None:
    when = [(pd.Timestamp("2020-01-01") + pd.Timedelta(days=3 * h)).strftime(shape) for h in H]
    assert train(write(tmp_path, when=when, y=[h + 0.5 for h in H]))["test"]["r2"] > 0.999


def test_numbers_stored_as_texts_in_parquet_are_numbers(tmp_path: Path) -> None:
    pd.DataFrame({"v": [f"{h}.25" for h in H], "y": [2.0 * h for h in H]}).to_parquet(tmp_path / "rows.parquet")
    assert train(str(tmp_path / "rows.parquet"))["test"]["r2"] > 0.999


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_index_of_pandas_is_no_feature(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"a": H, "b": G, "label": ["low"] * (N // 2) + ["high"] * (N // 2)})
    frame = frame.sort_values("a", kind="stable")  # so that Parquet stores the index
    path = tmp_path / f"rows.{kind}"
    frame.to_csv(path) if kind == "csv" else frame.to_parquet(path)
    assert main(["run", f"dataset={kind}", f"dataset.path={path}", "dataset.target=label", "schedule.epochs=1"]) == 0
    assert "2 columns (2 numbers) -> 2 inputs" in capsys.readouterr().out


def test_the_column_that_was_typed_is_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, **{"11": H, "1_1": G, "1e1": G[::-1], "y": [h + 0.5 for h in H]})
    words = [f"dataset.path={path}", "dataset.target=y", "schedule.epochs=1"]
    assert main(["run", "dataset=csv", *words, "dataset.drop=[1_1,1e1]"]) == 0
    said = capsys.readouterr().out
    assert "1 column (1 number)" in said
    assert "1_1 (dataset.drop), 1e1 (dataset.drop)" in said


def test_only_the_empty_cell_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.csv"
    cells = ["NA", "ZA", "", "BW", "None"]
    path.write_text("country,y\n" + "".join(f"{cells[h % 5]},{h}.5\n" for h in H))
    words = ["dataset=csv", f"dataset.path={path}", "dataset.target=y", "schedule.epochs=1"]
    assert main(["run", *words]) == 0
    assert f"1 category) -> 5 inputs; missing: country {sum(h % 5 == 2 for h in H)}" in capsys.readouterr().out
    assert main(["run", *words, "dataset.missing=[None]"]) == 0
    assert "-> 4 inputs" in capsys.readouterr().out


def test_rows_without_a_target_are_left_out_if_asked_for(tmp_path: Path, regbench: Session) -> None:
    path = write(tmp_path, a=H, y=[None if k % 10 == 0 else float(h) for k, h in enumerate(H)])
    words = ["dataset=csv", f"dataset.path={path}", "dataset.target=y"]
    assert main(["data", f"dataset.path={path}", *words[:1], *words[2:], "dataset.missing_target=drop"]) == 0
    assert "note: 15 of 150 rows have no target and are left out" in regbench.capture.readouterr().out


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"v": ["?" if k % 4 else f"{h}.5" for k, h in enumerate(H)]}, "column 'v', row 2: '?' is not a number"),
        ({"v": ["2020-01-01"] * (N - 1) + ["0000-00-00"]}, "column 'v', row 150: '0000-00-00' is not a day"),
        ({"v": [f"0{h % 9 + 1}/0{h % 7 + 1}/2020" for h in H]}, "dataset.dates=day_first or dataset.dates=month_first"),
        (
            {"v": [f"person {k}" for k in range(N)]},
            "of the held-out rows with a text have one that no training row has",
        ),
        ({"v": [f"1,{100 + h}" for h in H]}, "set dataset.decimal=, or dataset.thousands=,"),
        ({"v": [f"{h} {('kg', 'lb')[h % 2]}" for h in H]}, "write all cells in one unit"),
    ],
)
def test_what_may_be_misread_is_one_line(
    tmp_path: Path, columns: dict[str, list[str]], said: str, regbench: Session
) -> None:
    path = write(tmp_path, **columns, y=[h + 0.5 for h in H])
    assert said in regbench.refusal("data", path, "dataset.target=y")


@pytest.mark.parametrize("rows", [60, 61, 1000])
def test_codes_of_classes_are_classes_whatever_the_number_of_rows(tmp_path: Path, rows: int, regbench: Session) -> None:
    path = write(tmp_path, a=np.arange(rows) * 37 % 101, kind=np.arange(rows) % 3)
    assert regbench("data", path, "dataset.target=kind") == 0
    assert "note: classification (inferred from 3 whole numbers; dataset.task=regression otherwise)" in regbench.out


@pytest.mark.parametrize("rows", [60, 1000])
def test_counts_are_numbers_whatever_the_number_of_rows(tmp_path: Path, rows: int, regbench: Session) -> None:
    path = write(tmp_path, a=np.arange(rows) * 37 % 101, visits=np.arange(rows) % 10)
    assert regbench("data", path, "dataset.target=visits") == 0
    assert "note: regression (inferred from 10 distinct numbers" in regbench.out


@pytest.mark.parametrize("unit", [1e24, 1e-24])
def test_huge_and_tiny_targets_have_figures_in_their_own_unit(tmp_path: Path, unit: float) -> None:
    figures = train(write(tmp_path, a=H, y=[h * unit for h in H]))
    assert 0.0 < figures["test"]["mse"] < (50 * unit) ** 2
    assert figures["test"]["r2"] > 0.99


def test_a_lasso_names_the_columns_that_it_keeps_and_those_that_it_drops(
    tmp_path: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    colours = [("red", "green", "blue")[k % 3] for k in range(N)]
    y = [0.05 * h + {"red": 1.0, "green": 0.0, "blue": -1.0}[colour] for h, colour in zip(H, colours, strict=True)]
    path = write(tmp_path, size=H, colour=colours, noise=G, y=y)
    words = ["regularizer=l1", "regularizer.l1.strength=0.3", "schedule.batch_size=full", "schedule/stop=none"]
    train(path, *words)
    (result,) = Path().glob("runs/default/*/result.json")
    assert json.loads(result.read_text())["inputs"] == {"kept": ["size", "colour"], "dropped": ["noise"]}
    capsys.readouterr()
    assert main(["run", "dataset=csv", f"dataset.path={path}", "dataset.target=y", "model=linear", *words]) == 0
    printed = capsys.readouterr().out
    assert "inputs      2 of 3 kept: size, colour\n            1 dropped: noise\n" in printed
