"""Folds and groups as a person meets them: what a run warns of, the honest figure, and what a table averages.

Oracle: patients whose labels are chance, so that nobody can tell those of new patients; and `result.json` of each run.
"""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest

from regbench.cli.main import main
from tests.faults.children import Ended, fork
from tests.sweep.commands import read_table, results, sweep, wait

PATIENTS = ("dataset=csv", "dataset.path=patients.csv", "dataset.target=label", "dataset.drop=[patient]")
GROUPED = (*PATIENTS[:3], "dataset.split.groups=patient")
SHORT = ("schedule.epochs=40", "schedule.optimizer.lr=0.02", "schedule/stop=none", "model.widths=[32]", "threads=1")


@pytest.fixture
def patients(work: Path) -> Path:
    """A folder with 40 patients of 10 visits each: their features hardly change, their labels are chance."""
    work.mkdir()
    rng = np.random.default_rng(5)
    features = rng.standard_normal((40, 6))
    labels = rng.permutation(np.repeat(["ill", "well"], 20))
    lines = ["patient,a,b,c,d,e,f,label"]
    for visit in range(400):
        who = visit % 40
        cells = features[who] + 0.01 * rng.standard_normal(6)
        lines.append(f"p{who},{','.join(f'{cell:.5f}' for cell in cells)},{labels[who]}")
    (work / "patients.csv").write_text("\n".join(lines))
    return work


def run(work: Path, *words: str) -> Ended:
    return wait(fork(work, lambda: main(["run", *words])))


def test_visits_on_both_sides_are_warned_of_and_groups_give_the_honest_figure(patients: Path) -> None:
    ended = run(patients, *PATIENTS, *SHORT, "quiet=true")
    (torn,) = results(patients).values()
    assert torn["best"]["test"]["accuracy"] > 0.97
    (folder,) = (patients / "runs/default").glob("*/run.json")
    notes = json.loads(folder.read_bytes())["data"]["notes"]
    assert [note for note in notes if note.startswith("column 'patient' looks like a key") and "groups=patient" in note]
    assert ended.code == 0
    ended = sweep(
        patients, *GROUPED, *SHORT, "dataset.split.method=groups", "dataset.split.seed=range(8)", "name=groups"
    )
    assert (ended.code, "looks like a key" in ended.out) == (0, False)
    rows = read_table(patients / "runs/groups/sweep.csv")
    assert 0.25 < statistics.fmean(float(row["test_accuracy"]) for row in rows) < 0.75
    assert "means are over 8 split seeds" in ended.out


def test_the_warning_is_on_the_screen(patients: Path) -> None:
    assert "column 'patient' looks like a key" in run(patients, *PATIENTS, *SHORT).out


def test_a_sweep_over_folds_tests_every_row_once_and_averages_over_folds(patients: Path) -> None:
    words = ("dataset.split.method=folds", "dataset.split.fold=range(5)", "seed=0,1", "regularizer=none,l2")
    ended = sweep(patients, *GROUPED, *SHORT, *words)
    assert (ended.code, ended.err) == (0, "")
    rows = read_table(patients / "runs/default/sweep.csv")
    assert len(rows) == 20
    found = results(patients)
    counts = {row["dataset.split.fold"]: found[row["run_id"]]["rows"] for row in rows}
    assert sum(count["test"] for count in counts.values()) == 400
    assert all(sum(count.values()) == 400 for count in counts.values())
    assert all(count["test"] % 10 == count["val"] % 10 == 0 for count in counts.values()), "patients are whole"
    means = [
        statistics.fmean(
            float(row["test_accuracy"])
            for row in rows
            if (row["dataset.split.fold"], row["regularizer"]) == (str(fold), "l2")
        )
        for fold in range(5)
    ]
    error = math.sqrt((1 / 5 + 1 / 4) * statistics.variance(means))
    (line,) = (line for line in ended.out.splitlines() if line.startswith("l2 "))
    assert f"{statistics.fmean(means):.4f} ± {error:.4f}" in line
    assert "10/10" in line
    assert "means are over 5 folds x 2 seeds" in ended.out
    assert not any(word in ended.out.partition("\nbest ")[2].split("\n")[0] for word in ("fold", "seed"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dataset.split.fold=range(5)"], "dataset.split.method=folds"),
        (["dataset.split.method=folds", "dataset.split.fold=range(6)"], "dataset.split.fold=5 is not allowed"),
        (["dataset.split.groups=patient,label"], "dataset.split.groups=patient has no effect with"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_trained(patients: Path, words: list[str], said: str) -> None:
    ended = sweep(patients, *PATIENTS, *SHORT, *words, "seed=0,1")
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.line
    assert not (patients / "runs").exists()
