"""Runs on several cuts of the data, stacked by a sweep: each is the run that the same settings make alone."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError
from regbench.runs import prepare
from regbench.sweeps.workers import train_cuts
from tests.sweep.commands import HERE, SMALL, alone, assert_same_trees, folders, read_table, statuses, sweep

TABLE = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "dataset.split.method=folds")
SHORT = ("model.widths=[8]", "quiet=true", "schedule.epochs=4", "schedule.optimizer.lr=0.01")


def write_table(folder: Path, rows: int) -> None:
    """Write a table with a number to predict."""
    folder.mkdir(parents=True)
    values = np.random.default_rng(7).standard_normal((rows, 3))
    lines = [f"{a:.6f},{b:.6f},{a - 2 * b + c:.6f}" for a, b, c in values]
    (folder / "rows.csv").write_text("\n".join(["a,b,y", *lines]))


def cohorts(work: Path, *keys: str) -> list[set[tuple[str, ...]]]:
    """What the runs of each cohort have at some keys, as their `run.json` names it; failed runs are in none."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for row in read_table(work / "runs/default/sweep.csv"):
        if row["status"] != "failed":
            facts = json.loads((work / "runs/default" / row["run_id"] / "run.json").read_bytes())
            found.setdefault(facts["cohort"], set()).add(tuple(row[key] for key in keys))
    return list(found.values())


def log(work: Path) -> str:
    return (work / "runs/default/sweep.log").read_text()


def test_seeds_and_cuts_are_one_cohort_and_each_run_is_as_alone(work: Path, tmp_path: Path) -> None:
    words = ("regularizer=dropout", "regularizer.dropout.rate=0.2,0.5")
    ended = sweep(work, *SMALL, *words, "seed=0,1", "dataset.split.seed=range(3)", "sweep.cohort=12", HERE)
    assert ended.code == 0, ended.err
    assert "12 runs in cohorts of 12" in log(work)
    assert [len(own) for own in cohorts(work, "run_id")] == [12]
    single = [
        (*SMALL, words[0], f"regularizer.dropout.rate={rate}", f"seed={seed}", f"dataset.split.seed={cut}")
        for rate, seed, cut in product(("0.2", "0.5"), range(2), range(3))
    ]
    alone(tmp_path / "alone", single)
    assert_same_trees(work, tmp_path / "alone", relative=1e-5, absolute=1e-6)
    checksums = {json.loads((f / "run.json").read_bytes())["data_checksum"] for f in folders(work)}
    assert len(checksums) == 3


def test_folds_of_two_sizes_are_two_cohorts(work: Path, tmp_path: Path) -> None:
    write_table(work, 62)
    write_table(tmp_path / "alone", 62)
    ended = sweep(work, *TABLE, *SHORT, "dataset.split.fold=range(5)", "seed=0,1", "sweep.cohort=10", HERE)
    assert ended.code == 0, ended.err
    assert "10 runs in cohorts of 10" in log(work)
    found = sorted(cohorts(work, "dataset.split.fold"), key=len)
    assert [sorted(own) for own in found] == [[("0",), ("1",)], [("2",), ("3",), ("4",)]]
    alone(
        tmp_path / "alone",
        [(*TABLE, *SHORT, f"dataset.split.fold={fold}", f"seed={seed}") for fold in range(5) for seed in range(2)],
    )
    assert_same_trees(work, tmp_path / "alone", relative=1e-5, absolute=1e-6)


def allow_one_cut() -> None:
    train_cuts.MOST_BYTES = 1


def test_cuts_that_take_too_much_memory_together_are_trained_one_after_the_other(work: Path) -> None:
    words = ("seed=0,1", "dataset.split.seed=range(3)", "sweep.cohort=6", HERE)
    ended = sweep(work, *SMALL, *words, before=[allow_one_cut])
    assert ended.code == 0, ended.err
    assert sorted(map(sorted, cohorts(work, "dataset.split.seed"))) == [[("0",)], [("1",)], [("2",)]]


def refuse_a_cut() -> None:
    """Have the data of one split refused."""
    prepare_run = prepare.prepare_run

    def refuse(config: RunConfig, records: prepare.Records) -> prepare.PreparedRun:
        if config.dataset["split"]["seed"] == 0:
            raise ConfigError("a value of this cut is too large")
        return prepare_run(config, records)

    prepare.prepare_run = refuse


def test_a_cut_that_is_refused_leaves_the_others(work: Path) -> None:
    words = ("seed=0,1", "dataset.split.seed=range(3)", "sweep.cohort=6", HERE)
    assert sweep(work, *SMALL, *words, before=[refuse_a_cut]).code == 1
    rows = read_table(work / "runs/default/sweep.csv")
    assert {(row["dataset.split.seed"], row["status"], row["error"]) for row in rows} == {
        ("0", "failed", "a value of this cut is too large"),
        ("1", "complete", ""),
        ("2", "complete", ""),
    }
    assert [len(own) for own in cohorts(work, "run_id")] == [4]
    assert sweep(work, *SMALL, *words).code == 0
    assert statuses(work) == ["complete"] * 6


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("name", ["bagging", "smote"])
def test_rows_that_regularizers_weigh_or_make_are_stacked_too(work: Path, tmp_path: Path, name: str) -> None:
    data = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=kind", f"regularizer={name}", *SHORT)
    for folder in (work, tmp_path / "alone"):
        folder.mkdir(parents=True)
        values = np.random.default_rng(7).standard_normal((120, 2))
        lines = [f"{a:.6f},{b:.6f},{'rare' if n % 4 == 0 else 'common'}" for n, (a, b) in enumerate(values)]
        (folder / "rows.csv").write_text("\n".join(["a,b,kind", *lines]))
    ended = sweep(work, *data, "dataset.split.seed=range(3)", "sweep.cohort=3", HERE)
    assert ended.code == 0, ended.err
    assert len(cohorts(work, "run_id")) == 1
    alone(tmp_path / "alone", [(*data, f"dataset.split.seed={cut}") for cut in range(3)])
    assert_same_trees(work, tmp_path / "alone", relative=1e-5, absolute=1e-6)
