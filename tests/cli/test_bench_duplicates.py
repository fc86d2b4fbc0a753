"""Rows that repeat others: in one part in every replicate of a study, and said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regbench.cli.main import main

WORDS = [
    *("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "study.arms=[l2]", "study.trials=1", "name=s"),
    *("sweep.workers=1", "study.reference=false", "schedule.epochs=2", "model.widths=[4]"),
]
CASE = np.repeat(np.arange(80), np.where(np.arange(80) < 20, 3, 1))
"""The case that each row is: 20 cases are there three times."""


def write(path: Path, cases: np.ndarray) -> None:
    x = np.random.default_rng(0).normal(size=(200, 2))
    lines = [f"{x[case, 0]:.5f},{x[case, 1]:.5f},{'yes' if x[case, 0] > 0 else 'no'}" for case in cases]
    path.write_text("\n".join(["a,b,y", *lines, ""]))


def read_notes(study: Path) -> list[str]:
    return [note for note in json.loads((study / "verdict.json").read_text())["notes"] if note.startswith("dupl")]


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("cut", ["kfold", "locked"])
def test_equal_rows_are_tested_together_and_replicates_test_equally_many(
    cut: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.csv", CASE)
    assert main(["bench", *WORDS, "study.replicates=5", f"study.cut={cut}"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    study = tmp_path / "runs" / "s"
    note = "duplicates: 40 of 120 rows repeat another in all inputs; equal rows are kept in one part"
    assert note in told
    assert [one.startswith(note) for one in read_notes(study)] == [True]
    tested = np.load(study / "rows" / "none.npz")["rows"]
    assert tested.shape == (5, 24), "replicates test equally many rows"
    for rows in tested:
        others = np.setdiff1d(np.arange(120), rows)
        assert not set(CASE[rows]) & set(CASE[others])
    for path in study.glob("*/run.json"):
        sizes = json.loads((path.parent / "result.json").read_text())["rows"]
        assert sizes == {"train": 72, "val": 24, "test": 24}


def test_a_published_test_part_that_shares_rows_with_training_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.csv", np.arange(100))
    write(tmp_path / "test.csv", np.arange(93, 133))
    assert main(["bench", *WORDS, "dataset.test_path=test.csv", "study.replicates=2"]) == 0
    (note,) = read_notes(tmp_path / "runs" / "s")
    assert note.startswith("duplicates: 7 of 140 rows repeat another in all inputs; 7 of 40 test rows equal one that")


def test_nothing_is_said_where_no_row_repeats_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.csv", np.arange(100))
    assert main(["bench", *WORDS, "study.replicates=5"]) == 0
    assert read_notes(tmp_path / "runs" / "s") == []
