"""The same sweep again, a larger one, one that starts over; and where its files go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sweep.commands import (
    HERE,
    SMALL,
    TINY,
    beginnings,
    folders,
    marks,
    read_table,
    results,
    statuses,
    sweep,
)

WORDS = (*SMALL, "regularizer=l2,dropout")


def test_a_finished_sweep_is_left_as_it_is_and_a_larger_one_adds_its_new_runs(work: Path) -> None:
    assert sweep(work, *WORDS, "seed=0,1").code == 0
    before = marks(work)
    assert len(folders(work)) == 4
    again = sweep(work, *WORDS, "seed=0,1")
    assert (again.code, again.out, again.err) == (0, "regbench: 4 complete, 0 failed\n", "")
    assert marks(work) == before
    assert sweep(work, *WORDS, "seed=0,1,2").code == 0
    after = marks(work)
    assert {path: after[path] for path in before} == before
    assert beginnings(work) == [1] * 6
    assert statuses(work) == ["complete"] * 6
    assert len(read_table(work / "runs/default/sweep.csv")) == 6


@pytest.mark.parametrize("finished", [True, False])
def test_fresh_trains_all_again(work: Path, finished: bool) -> None:
    seeds = "seed=0,1,2"
    assert sweep(work, *WORDS, seeds if finished else "seed=1").code == 0
    before = results(work)
    ended = sweep(work, *WORDS, seeds, "resume=fresh")
    assert (ended.code, ended.out) == (0, "regbench: 6 complete, 0 failed\n")
    assert sorted(beginnings(work)) == ([2] * 6 if finished else [1, 1, 1, 1, 2, 2])
    after = results(work)
    for name, result in before.items():
        assert after[name]["last"]["test"]["loss"] == pytest.approx(result["last"]["test"]["loss"], rel=1e-5)


def test_a_run_made_alone_is_part_of_the_sweep(work: Path) -> None:
    assert sweep(work, *SMALL, "regularizer=l2", "seed=0").code == 0
    before = marks(work)
    assert sweep(work, *SMALL, "regularizer=l2", "seed=0,1").code == 0
    assert {path: mark for path, mark in marks(work).items() if path in before} == before


def test_the_table_has_a_row_for_each_run_in_the_order_of_the_command(work: Path) -> None:
    strengths = ("0.1", "0.001")
    words = ("regularizer=l2", f"regularizer.l2.strength={','.join(strengths)}", "seed=1,0")
    assert sweep(work, *SMALL, *words).code == 0
    rows = read_table(work / "runs/default/sweep.csv")
    assert [(row["regularizer.l2.strength"], row["seed"]) for row in rows] == [
        (strength, seed) for strength in strengths for seed in ("1", "0")
    ]
    for row in rows:
        result = results(work)[row["run_id"]]
        assert row["status"] == "complete"
        assert int(row["best_epoch"]) == result["best_epoch"]
        assert float(row["test_loss"]) == result["best"]["test"]["loss"]
        assert float(row["val_accuracy"]) == result["best"]["val"]["accuracy"]


@pytest.mark.parametrize("elsewhere", ["else/where", "{absolute}"])
def test_results_go_where_they_are_told(work: Path, tmp_path: Path, elsewhere: str) -> None:
    target = elsewhere.format(absolute=tmp_path / "other")
    assert sweep(work, *SMALL, "seed=0,1", f"runs={target}", "name=mine").code == 0
    made = work / target / "mine"
    assert len(list(made.glob("digits-*/result.json"))) == 2
    assert (made / "sweep.csv").exists()
    assert not (work / "runs").exists()


CSV = "dataset=csv", "dataset.path=data/mine.csv", "dataset.target=y", *[w for w in TINY if not w.startswith("dataset")]


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("how", [[HERE], pytest.param(["sweep.workers=2", "sweep.cohort=2"], marks=pytest.mark.slow)])
def test_a_data_file_is_found_from_where_the_command_was_given(work: Path, how: Sequence[str]) -> None:
    (work / "data").mkdir(parents=True)
    rows = [f"{number % 7},{number % 5},{'ab'[number % 2]}" for number in range(60)]
    (work / "data/mine.csv").write_text("\n".join(["p,q,y", *rows]) + "\n")
    ended = sweep(work, *CSV, "schedule.epochs=2", "schedule.batch_size=10", "seed=0,1,2,3", *how)
    assert (ended.code, ended.err) == (0, "")
    assert statuses(work) == ["complete"] * 4
