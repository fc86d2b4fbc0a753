"""`regbench status`: what it says of a sweep's folder, and of folders that are none."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from regbench.store.run_folder import RunFolder
from regbench.sweeps.heartbeat import HeartbeatWriter
from regbench.sweeps.manifest import PlannedRun, describe, register
from tests.cli.session import Session, write
from tests.unit.sweeps.folders import configure, put_result, result


def start_sweep(folder: Path, done: int, failed: int = 0, total: int = 4) -> list[PlannedRun]:
    """A sweep whose first runs are complete and whose next ones failed."""
    runs = describe([configure({"l2": {"strength": 0.1}}, seed) for seed in range(total)])
    register(folder, runs)
    contents = [result(0.9)] * done + [{"status": "failed", "error": "ValueError: a defect"}] * failed
    for run, content in zip(runs, contents, strict=False):
        put_result(folder, run, content)
    return runs


@pytest.mark.parametrize(("done", "failed", "code"), [(4, 0, 0), (3, 1, 1), (3, 0, 1), (0, 0, 1), (0, 4, 1)])
def test_the_exit_code_says_whether_all_are_complete(regbench: Session, done: int, failed: int, code: int) -> None:
    start_sweep(Path("runs/mine"), done, failed)
    assert regbench("status", "runs/mine") == code
    assert f"{done}/4 complete, {failed} failed" in regbench.out
    assert regbench.err == ""


@pytest.mark.parametrize("spelling", ["runs/mine", "runs/mine/", "./runs//mine", "runs/other/../mine"])
def test_a_folder_may_be_spelled_in_any_way(regbench: Session, spelling: str) -> None:
    start_sweep(Path("runs/mine"), 4)
    Path("runs/other").mkdir()
    assert regbench("status", spelling) == 0


def test_it_writes_the_table_again(regbench: Session) -> None:
    runs = start_sweep(Path("runs/mine"), 2, 1)
    write(Path("runs/mine/sweep.csv"), "stale")
    regbench("status", "runs/mine")
    lines = Path("runs/mine/sweep.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == [run.run_id for run in runs]
    assert regbench.out.rstrip().endswith("runs/mine/sweep.csv")
    assert "ValueError: a defect" in regbench.out


def test_it_touches_nothing_else(regbench: Session) -> None:
    start_sweep(Path("runs/mine"), 2, 1)
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*") if path.is_file() and path.name != "lock"}
    regbench("status", "runs/mine")
    after = {path: path.stat().st_mtime_ns for path in Path().rglob("*") if path.is_file() and path.name != "lock"}
    assert after.pop(Path("runs/mine/sweep.csv"))
    assert after == before


def test_living_workers_are_shown(regbench: Session) -> None:
    runs = start_sweep(Path("runs/mine"), 1)
    folders = [Path("runs/mine") / run.run_id for run in runs[1:]]
    with HeartbeatWriter.open(Path("runs/mine"), "host-17") as heartbeat, ExitStack() as stack:
        for folder in folders:
            stack.enter_context(RunFolder.claim(folder))
        heartbeat.report("digits mlp [l2]", 3, 5, 50)
        assert regbench("status", "runs/mine") == 1
    assert regbench.out.splitlines()[:2] == [
        "1/4 complete, 3 running, 0 failed",
        "host-17  3 runs, epoch 5/50  digits mlp [l2]",
    ]
    regbench("status", "runs/mine")
    assert "host-17" not in regbench.out


def test_all_plans_of_a_name_are_one_sweep(regbench: Session) -> None:
    start_sweep(Path("runs/mine"), 4, total=4)
    start_sweep(Path("runs/mine"), 0, total=6)
    assert regbench("status", "runs/mine") == 1
    assert "4/6 complete" in regbench.out


def test_a_broken_plan_and_a_broken_result_are_told(regbench: Session) -> None:
    runs = start_sweep(Path("runs/mine"), 3)
    write(Path("runs/mine/.sweep/plan-broken.json"), "{")
    put_result(Path("runs/mine"), runs[3], "{")
    assert regbench("status", "runs/mine") == 1
    assert regbench.err == "regbench: warning: runs/mine/.sweep/plan-broken.json is ignored because it is not JSON\n"
    assert "result.json is not JSON" in regbench.out


def status_refusal(regbench: Session, *words: str) -> str:
    """Ask for the status of what is no sweep, in a folder that is not empty, and return the one line."""
    before = sorted(Path().rglob("*"))
    assert regbench("status", *words) == 2
    assert regbench.out == ""
    (line,) = regbench.err.splitlines()
    assert line.isprintable()
    assert sorted(Path().rglob("*")) == before
    return line.removeprefix("regbench: ")


def test_a_folder_that_is_no_sweep_is_refused_with_those_that_are(regbench: Session) -> None:
    start_sweep(Path("runs/mine"), 1)
    write(Path("runs/single/digits-mlp/config.yaml"), "")
    write(Path("notes.txt"), "")
    assert "does not exist" in status_refusal(regbench, "runs/mnie")
    assert "such as runs/mine" in status_refusal(regbench, "runs/mnie")
    assert "such as runs/mine" in status_refusal(regbench, "mine")
    assert "such as runs/mine" in status_refusal(regbench, "runs")
    assert "is a file" in status_refusal(regbench, "notes.txt")
    assert "holds no sweep" in status_refusal(regbench, "runs/single")
    assert "the folder of one run" in status_refusal(regbench, "runs/single/digits-mlp")
    Path("runs/empty/.sweep").mkdir(parents=True)
    assert "holds no plan" in status_refusal(regbench, "runs/empty")


@pytest.mark.parametrize("name", ["", "a\x1b[31m", "a\x00b", "a" * 5000, "/", "runs/nothing"])
def test_names_that_are_no_folder(regbench: Session, name: str) -> None:
    assert regbench.refusal("status", name)


def test_the_wrong_number_of_words_is_a_line_of_usage(regbench: Session) -> None:
    assert regbench.refusal("status").startswith("usage: regbench status FOLDER")
    assert regbench.refusal("status", "a", "b").startswith("usage: regbench status FOLDER")
    assert regbench("status", "--help") == 0
    assert "sweep.csv" in regbench.out
    assert regbench("--help") == 0
    assert "regbench status" in regbench.out
    assert "did you mean 'status'" in regbench.refusal("statsu")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_sweep_that_cannot_be_written_is_shown(regbench: Session) -> None:
    start_sweep(Path("runs/mine"), 4)
    Path("runs/mine").chmod(0o555)
    try:
        assert regbench("status", "runs/mine") == 0
    finally:
        Path("runs/mine").chmod(0o755)
    assert "warning" in regbench.err


def test_a_table_that_cannot_be_written_is_a_warning(regbench: Session) -> None:
    start_sweep(Path("runs/mine"), 4)
    Path("runs/mine/sweep.csv").mkdir()
    assert regbench("status", "runs/mine") == 0
    assert "4/4 complete" in regbench.out
    assert len(regbench.err.splitlines()) == 1
    assert "warning" in regbench.err
