"""A sweep that cannot be made is refused in one line, and nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.sweep.commands import SMALL, TINY, sweep

REFUSED = {
    "a missing file": (["dataset=csv", "dataset.path=no.csv", "dataset.target=y", "seed=0,1"], "no.csv"),
    "a key of the sweep": (["sweep.workrs=2", "seed=0,1"], "workers"),
    "a key that is none": (["+sweep.workrs=2", "seed=0,1"], "workers"),
    "no worker": (["sweep.workers=0", "seed=0,1"], "sweep.workers=0"),
    "half a run": (["sweep.cohort=1.5", "seed=0,1"], "sweep.cohort=1.5"),
    "too many": (["sweep.workers=100000", "seed=0,1"], "1024"),
    "a backend": (["sweep.backend=sparc", "seed=0,1"], "local"),
    "an address for nothing": (["sweep.address=tcp://host:1", "seed=0,1"], "sweep.address"),
    "dask without address": (["sweep.backend=dask", "seed=0,1"], "sweep.address"),
    "two names": (["name=a,b", "seed=0,1"], "name"),
    "two places": (["runs=a,b"], "runs"),
    "a sweep over how": (["sweep.workers=1,2"], "sweep"),
    "one value of many": (["regularizer=l2", "regularizer.l2.strength=0.1,-1"], "strength=-1"),
    "a technique that never fits": (["model=linear", "regularizer=dropout", "seed=0,1"], "hidden layer"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_mistake_is_refused_in_one_line(work: Path, what: str) -> None:
    words, hint = REFUSED[what]
    ended = sweep(work, *words)
    assert (ended.code, ended.out) == (2, ""), ended
    assert hint in ended.line
    assert ended.line.startswith("regbench: ")
    assert sorted(path.name for path in work.iterdir()) == ["err", "out"]


def test_a_place_that_is_a_file_is_refused(work: Path) -> None:
    work.mkdir()
    (work / "runs").write_text("mine")
    ended = sweep(work, *SMALL, "seed=0,1")
    assert (ended.code, ended.out) == (2, "")
    assert "runs" in ended.line
    assert (work / "runs").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_is_not_writable_is_refused(work: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir(mode=0o555)
    ended = sweep(work, *SMALL, "seed=0,1", f"runs={place}/runs")
    assert (ended.code, ended.out) == (2, "")
    assert "ermission denied" in ended.line


def test_a_dry_run_writes_nothing_and_says_what_would_be_done(work: Path) -> None:
    ended = sweep(work, *TINY, "schedule.epochs=4", "regularizer=l2,dropout", "seed=0,1,2,3", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    assert sorted(path.name for path in work.iterdir()) == ["err", "out"]
    lines = ended.out.splitlines()
    jobs = [line for line in lines if line.startswith("[")]
    assert len(jobs) == 8
    assert jobs[0].startswith("[1/8] ")
    assert "regularizer=l2 seed=0" in jobs[0]
    assert "8 runs, 0 complete, 8 to train" in lines
    groups = [line for line in lines if "runs in cohorts of" in line]
    assert [line.partition(":")[0] for line in groups] == ["digits mlp l2", "digits mlp dropout"]
    assert any("training takes about" in line and "MB" in line for line in lines)


def test_a_dry_run_of_what_is_partly_done_says_so(work: Path) -> None:
    assert sweep(work, *SMALL, "seed=0,1").code == 0
    lines = sweep(work, *SMALL, "seed=0,1,2", "--dry-run").out.splitlines()
    assert "3 runs, 2 complete, 1 to train" in lines
    lines = sweep(work, *SMALL, "seed=0,1", "--dry-run").out.splitlines()
    assert lines[-1] == "2 runs, 2 complete, 0 to train"
