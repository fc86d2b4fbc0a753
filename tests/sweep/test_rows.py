"""Sweeps whose runs learn from different rows: numbers of rows by seed, techniques that are off, and few rows."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from regbench.cli.main import main
from tests.sweep.commands import alone, assert_same_trees, folders, results, sweep

COUNTS = (60, 40, 25)
SHORT = ("dataset=csv", "dataset.target=y", "model.widths=[8]", "schedule.epochs=3", "quiet=true")


def write_table(folder: Path, counts: tuple[int, ...] = COUNTS, columns: int = 4, apart: float = 0.9) -> str:
    """Write classes of these sizes, so far apart, and return the words that name the file."""
    generator = np.random.default_rng(4)
    labels = np.repeat(np.arange(len(counts)), counts)
    x = generator.standard_normal((len(labels), columns)) + apart * labels[:, None]
    lines = [",".join([*(f"{value:.4f}" for value in row), f"c{label}"]) for row, label in zip(x, labels, strict=True)]
    path = folder / "table.csv"
    path.write_text("\n".join([",".join([*(f"x{k}" for k in range(columns)), "y"]), *lines]) + "\n")
    return f"dataset.path={path}"


COUNTED_BY_SEED = {
    "kmeans": ("regularizer=smote", "regularizer.smote.kind=kmeans"),
    "svm": ("regularizer=smote", "regularizer.smote.kind=svm"),
    "smote_enn": ("regularizer=resampling", "regularizer.resampling.form=smote_tomek"),
    "outliers, then tomek": ("regularizer=[outlier_removal,resampling]", "regularizer.resampling.form=tomek"),
    "ensemble": (
        *("regularizer=[bagging,smote,l2]", "regularizer.smote.kind=svm", "regularizer.bagging.members=2"),
        "regularizer.l2.strength=0.01",
    ),
}


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("case", COUNTED_BY_SEED)
def test_runs_with_numbers_of_rows_of_their_own_are_what_they_are_alone(work: Path, tmp_path: Path, case: str) -> None:
    words = (*SHORT, write_table(tmp_path), *COUNTED_BY_SEED[case])
    ended = sweep(work, *words, "seed=0,1,2", "sweep.workers=1")
    assert (ended.code, ended.err) == (0, "")
    alone(tmp_path / "alone", [(*words, f"seed={seed}") for seed in range(3)])
    assert_same_trees(work, tmp_path / "alone", relative=1e-5, absolute=1e-6)


def test_hyper_parameters_are_stacked_where_the_number_of_rows_depends_on_the_seed(work: Path, tmp_path: Path) -> None:
    words = (
        *(*SHORT, write_table(tmp_path), "regularizer=[smote,l2]", "regularizer.smote.kind=kmeans", "sweep.workers=1"),
        *("regularizer.l2.strength=0.001,0.01", "seed=0,1,2"),
    )
    assert sweep(work, *words).code == 0
    log = (work / "runs/default/sweep.log").read_text()
    assert log.count("2 runs in cohorts of") == 3


def test_rows_that_differ_only_in_values_are_stacked(work: Path, tmp_path: Path) -> None:
    for technique in ("balanced_batches", "outlier_removal", "curriculum", "resampling", "smote"):
        words = (*SHORT, write_table(tmp_path), f"regularizer={technique}", "sweep.workers=1", f"name={technique}")
        assert sweep(work, *words, "seed=0,1,2").code == 0
        assert "3 runs in cohorts of 3" in (work / "runs" / technique / "sweep.log").read_text()
    single = [
        (*SHORT, write_table(tmp_path), f"regularizer={technique}", f"name={technique}", f"seed={seed}")
        for technique, seed in product(("balanced_batches", "curriculum", "resampling"), range(3))
    ]
    alone(tmp_path / "alone", single)
    for technique in ("balanced_batches", "curriculum", "resampling"):
        for ours in folders(work, technique):
            theirs = tmp_path / "alone/runs" / technique / ours.name
            at_best = [json.loads((f / "result.json").read_bytes())["best"]["val"]["loss"] for f in (ours, theirs)]
            assert at_best[0] == pytest.approx(at_best[1], rel=1e-4)


OFF = "off on these data, because all classes have equally many training rows"


def test_the_table_says_which_technique_is_off_on_the_data(work: Path, tmp_path: Path) -> None:
    loud = [word for word in SHORT if word != "quiet=true"]
    words = (*loud, write_table(tmp_path, (40, 40, 40)), "sweep.workers=1", "seed=0,1")
    ended = sweep(work, *words, "regularizer=none,smote,l2,balanced_batches")
    assert ended.code == 0
    text = " ".join(ended.out.split())
    assert f"smote is {OFF}" in text
    assert f"balanced_batches is {OFF}" in text
    assert text.count("off on these data") == 2
    found = results(work)
    idle = {name: result["idle"] for name, result in found.items()}
    assert {name.split("-")[2] for name, own in idle.items() if own} == {"smote", "balanced_batches"}
    for seed in (0, 1):
        by_technique = {n.split("-")[2]: r["best"] for n, r in found.items() if f"-s{seed}-" in n}
        assert by_technique["smote"] == by_technique["balanced_batches"] == by_technique["none"]
        assert by_technique["l2"] != by_technique["none"]


def test_few_rows_are_trained_with_the_default_batch_size_and_the_table_says_so(work: Path, tmp_path: Path) -> None:
    loud = [word for word in SHORT if word != "quiet=true"]
    words = (*loud, write_table(tmp_path, (50, 50)), "sweep.workers=1", "seed=0,1", "regularizer=none,mixup")
    ended = sweep(work, *words)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("schedule.batch_size=auto takes all 60 training rows, which are fewer than 64") == 1


def test_a_refusal_by_the_rows_themselves_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path, (60, 30), apart=100.0)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["run", *SHORT, data, "regularizer=smote", "regularizer.smote.kind=adasyn"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "regbench: regularizer smote: kind=adasyn: no row of another class is near a class to fill up; "
        "take kind=regular\n"
    )
    assert list(Path().iterdir()) == []


def test_categories_are_kept_whole_and_the_run_says_how(work: Path, tmp_path: Path) -> None:
    colours = "".join(
        f"{0.1 * (37 * k % 101):.1f},{('red', 'green', 'blue')[53 * k % 97 % 3]},{'uv'[k % 3 == 0]}\n"
        for k in range(90)
    )
    (tmp_path / "colours.csv").write_text("a,colour,y\n" + colours)
    words = (*SHORT, f"dataset.path={tmp_path / 'colours.csv'}")
    alone(work, [(*words, "regularizer=smote"), (*words, "regularizer=smote", "regularizer.smote.kind=categorical")])
    by_itself, asked = sorted(results(work).values(), key=lambda result: -len(result["notes"]))
    assert "smote: it is SMOTE-NC (kind=categorical), because the table has categories" in by_itself["notes"]
    assert not any("smote" in note for note in asked["notes"])
    assert by_itself["best"] == asked["best"]


def test_figures_of_few_rows_are_those_of_the_number_typed(work: Path, tmp_path: Path) -> None:
    words = (*SHORT, write_table(tmp_path, (50, 50)))
    alone(work, [words, (*words, "schedule.batch_size=60"), (*words, "schedule.batch_size=full")])
    auto, *typed = (result["best"] for result in results(work).values())
    assert typed == [auto, auto]
    notes = sorted(len(result["notes"]) for result in results(work).values())
    assert notes == [0, 0, 1]
