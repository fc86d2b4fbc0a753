"""`regbench predict` as a person meets it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regbench
from regbench.cli.main import main
from tests.predict.trained import Trained, read_source, write_table


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The table in `rows.csv` of the current folder."""
    monkeypatch.chdir(tmp_path)
    return write_table(tmp_path / "rows.csv")


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    before = sorted(Path().iterdir())
    assert main(["predict", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert sorted(Path().iterdir()) == before
    return err.removeprefix("regbench: ").strip()


def test_the_installed_command_writes_a_line_for_each_row(people: Trained, rows: pd.DataFrame) -> None:
    program = Path(sys.executable).with_name("regbench")
    command = [str(program), "predict", str(people.folder), "rows.csv", "-o", "out.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{len(rows)} rows in out.csv\n"
    written = pd.read_csv("out.csv", dtype={"probability_poor": np.float32, "probability_rich": np.float32})
    pd.testing.assert_frame_equal(written, regbench.load_model(people.folder).predict(rows))


def test_numbers_are_written_to_the_last_digit(
    prices: Trained, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(prices.folder), "rows.csv"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    head, *numbers = out.splitlines()
    assert head == "prediction"
    assert [float(number) for number in numbers] == regbench.load_model(prices.folder)(rows).tolist()


def test_the_figures_of_the_run_come_out_of_the_file(people: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(people.folder.parents[2] / "table.csv")
    source = read_source({"name": "csv", "path": path, "target": "kind", "drop": ["price", "id"]})
    test = slice(*source.ends[1:])
    held_out = people.folder / "test.csv"
    pd.read_csv(path).loc[source.rows.index[test]].to_csv(held_out, index=False)
    assert main(["predict", str(people.folder), str(held_out)]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert (table["class"].to_numpy() == source.rows["kind"].to_numpy()[test]).mean() == pytest.approx(
        people.result["best"]["test"]["accuracy"], abs=1e-7
    )
    chosen = table[["probability_poor", "probability_rich"]].to_numpy()[np.arange(len(table)), source.y[test]]
    assert -np.log(chosen).mean() == pytest.approx(people.result["best"]["test"]["loss"], rel=1e-6)


def test_parquet_and_arrays(people: Trained, digits: Trained, rows: pd.DataFrame) -> None:
    rows.to_parquet("rows.parquet")
    assert main(["predict", str(people.folder), "rows.parquet", "-o", "a.csv"]) == 0
    assert main(["predict", str(people.folder), "rows.csv", "-o", "b.csv"]) == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    np.savez("rows.npz", x=np.random.default_rng(0).random((7, 1, 8, 8)))
    assert main(["predict", str(digits.folder), "rows.npz", "-o", "c.csv"]) == 0
    assert len(pd.read_csv("c.csv")) == 7


def test_an_existing_file_is_replaced_only_when_asked(
    people: Trained, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.csv").write_text("mine")
    words = (str(people.folder), "rows.csv", "-o", "out.csv")
    assert refusal(capsys, *words) == "out.csv exists; add --force to replace it, or name another"
    assert Path("out.csv").read_text() == "mine"
    assert main(["predict", *words, "--force"]) == 0
    assert len(pd.read_csv("out.csv")) == len(rows)


def test_unseen_levels_are_one_line_beside_the_predictions(
    people: Trained, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.loc[:2, "town"] = ["Ulm", "Trier", "Ulm"]
    rows.to_csv("rows.csv", index=False)
    assert main(["predict", str(people.folder), "rows.csv"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == len(rows) + 1
    assert err == (
        "regbench: warning: rows.csv: column 'town': 3 row(s) hold what no training row had ('Ulm', 'Trier'); "
        "they count as none of its levels\n"
    )


def test_mistakes_are_one_line(people: Trained, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(people.folder)
    rows.drop(columns="age").to_csv("few.csv", index=False)
    rows.assign(agee=1).to_csv("more.csv", index=False)
    rows.astype({"age": object}).replace({"age": {rows.age[0]: "old"}}).to_csv("old.csv", index=False)
    Path("empty.csv").touch()
    Path("head.csv").write_text(",".join(rows.columns) + "\n")
    for words, line in {
        (folder, "few.csv"): "few.csv: column 'age' is missing; the model was trained with it",
        (folder, "more.csv"): "more.csv: column 'agee' was not there in training; did you mean 'age'?",
        (folder, "old.csv"): "old.csv: column 'age', row 1: 'old' is not one of the numbers of training",
        (folder, "empty.csv"): "empty.csv: the file is empty",
        (folder, "head.csv"): "head.csv: the table has no rows",
        (folder, "none.csv"): "none.csv: no such file",
        (folder,): "predict: the following arguments are required: ROWS; usage: regbench predict FOLDER ROWS",
        (folder, "rows.csv", "-o"): "predict: argument -o: expected one argument",
        (folder, "rows.csv", "-o", "none/out.csv"): "none/out.csv: there is no folder none",
        (folder, "rows.csv", "-o", "."): ". is a folder; name the file to write",
        (folder, "rows.csv", "--wrong"): "predict: unrecognized arguments: --wrong",
        ("none", "rows.csv"): "none does not exist; name the folder of a run",
        (str(people.folder.parent), "rows.csv"): f"{people.folder.parent} is the folder of several runs; name one",
    }.items():
        assert refusal(capsys, *words).startswith(line)


def test_help_says_what_goes_in_and_what_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--help"]) == 0
    assert main(["export", "--help"]) == 0
    out = capsys.readouterr().out
    assert out.count("usage: regbench") == 2
    assert all(len(line) <= 120 for line in out.splitlines())
