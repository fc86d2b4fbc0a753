"""Studies of rows in the order of time, through the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regbench.cli.main import main

WORDS = [
    *("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "dataset.split.method=time"),
    *("dataset.split.time=day", "study.arms=[l2]", "study.replicates=10", "study.trials=2", "name=s"),
    *("sweep.workers=1", "study.reference=false", "schedule.epochs=3", "model.widths=[8]"),
]
ROWS = 200


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table whose rows are in no order."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    day, x = rng.permutation(ROWS), rng.normal(size=(ROWS, 3))
    y = x[:, 0] + day / ROWS + 0.3 * rng.normal(size=ROWS)
    pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "day": day, "y": y}).to_csv("rows.csv", index=False)
    return tmp_path


def test_a_study_by_time_tests_rows_that_come_after_all_that_train(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *WORDS]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("l2 ")]
    assert main(["compare", "runs/s"]) == 0
    assert shown == [line for line in capsys.readouterr().out.splitlines() if line.startswith("l2 ")]
    study = folder / "runs" / "s"
    plan, verdict = (json.loads((study / name).read_text()) for name in ("study.json", "verdict.json"))
    assert plan["cut"] == {"method": "forward", "folds": 10, "text": "1 x 10 folds in the order of time"}
    assert plan["data"]["test"] == 6
    assert verdict["complete"]
    assert verdict["replicates"] == 10
    assert any("the intervals hold for the time that was tested" in note for note in verdict["notes"])
    days = pd.read_csv("rows.csv")["day"].to_numpy()
    with np.load(study / "rows" / "l2.npz") as arrays:
        tested = np.sort(days[arrays["rows"]], axis=1)
    assert tested.ravel().tolist() == list(range(ROWS - 60, ROWS))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study.folds=5"], "it takes 10 or more"),
        (["study.cut=kfold"], "take study.cut=forward"),
        (["study.replicates=12"], "it is a multiple of study.folds=10"),
        (["dataset.split.test=0.99"], "200 rows are too few"),
        (["dataset.split.method=random", "dataset.split.time=null", "study.cut=forward"], "takes dataset.split.method"),
    ],
)
def test_what_cannot_be_cut_by_time_is_refused(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {word.partition("=")[0] for word in words}
    kept = [word for word in WORDS if word.partition("=")[0] not in keys]
    assert main(["bench", *kept, *words]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_times_too_few_for_the_folds_are_refused_before_anything_is_trained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv("rows.csv")
    table["day"] = np.where(table["day"] >= 170, 170, table["day"])  # the last 30 rows have one time: five folds of 6
    table.to_csv("rows.csv", index=False)
    assert main(["bench", *WORDS]) == 2
    assert "171 different times are too few for dataset.split.folds=10" in capsys.readouterr().err
    assert not (folder / "runs").exists()


def test_classes_that_appear_late_are_refused_before_anything_is_trained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv("rows.csv")
    table["y"] = np.where((table["day"] > 120) & (table["a"] > 0), "new", "old")
    table.to_csv("rows.csv", index=False)
    assert main(["bench", *WORDS]) == 2
    assert "has no row of class new" in capsys.readouterr().err
    assert not (folder / "runs").exists()
