"""Signals, kills and rivals in mid-sweep: nothing is lost, nothing is left running, and the same command goes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from regbench.cli.main import main
from regbench.store.locks import lock_is_taken
from tests.conftest import Shared
from tests.faults.children import Child, fork, started
from tests.sweep.commands import (
    HERE,
    PATIENCE,
    SMALL,
    TINY,
    Ended,
    assert_same_trees,
    beginnings,
    begun,
    children_of,
    folders,
    is_alive,
    log_of,
    read_table,
    results,
    start,
    statuses,
    sweep,
    wait,
    wait_for,
    workers_of,
)

LONG = (
    *TINY,
    "schedule.epochs=300",
    "schedule/stop=none",
    "schedule.precision=float64",
    "regularizer=l2,dropout",
    "seed=0,1,2",
    "sweep.cohort=2",
)
"""Six runs in three cohorts, of which one waits while two train."""

TWO = "sweep.workers=2"
SOON = 20.0
"""Seconds within which a process that has nothing to do any more must have ended."""


@pytest.fixture(scope="module")
def undisturbed(shared: Shared) -> Path:
    with shared("undisturbed") as work:
        ended = sweep(work, *LONG, HERE)
    assert ended.code == 0, ended.err
    return work


def gone(pids: list[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


def wait_until_gone(pids: list[int]) -> None:
    limit = time.monotonic() + SOON
    while not gone(pids):
        assert time.monotonic() < limit, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids if is_alive(pid)]
        time.sleep(0.02)


def assert_it_goes_on(work: Path, undisturbed: Path) -> None:
    """Give the command again, in one process, and compare with a sweep that nothing disturbed."""
    ended = sweep(work, *LONG, HERE)
    assert (ended.code, ended.out, ended.err) == (0, "regbench: 6 complete, 0 failed\n", "")
    assert_same_trees(work, undisturbed, relative=1e-6, absolute=1e-9)


def to_group(child: Child, number: int) -> None:
    os.killpg(child.pid, number)


def to_parent(child: Child, number: int) -> None:
    child.signal(number)


STOPS = {
    "Ctrl-C in a terminal": (to_group, signal.SIGINT, TWO),
    "Ctrl-C sent to the command": (to_parent, signal.SIGINT, TWO),
    "SIGTERM": (to_parent, signal.SIGTERM, TWO),
    "SIGTERM to all": (to_group, signal.SIGTERM, TWO),
    "Ctrl-C without processes": (to_group, signal.SIGINT, HERE),
    "SIGTERM without processes": (to_parent, signal.SIGTERM, HERE),
}


@pytest.mark.slow
@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("how", STOPS)
def test_an_interrupted_sweep_is_committed_listed_and_goes_on(work: Path, undisturbed: Path, how: str) -> None:
    send, number, workers = STOPS[how]
    loud = [word for word in LONG if word != "quiet=true"]
    with begun(work, *loud, workers) as child:
        before = children_of(child.pid)
        send(child, number)
        ended = wait(child)
        wait_until_gone(before)
    assert ended.code == 128 + number, ended
    assert_interrupted(work, ended, "interrupted" if number == signal.SIGINT else "terminated")
    rows = read_table(work / "runs/default/sweep.csv")
    interrupted = {row["run_id"] for row in rows if row["status"] == "interrupted"}
    assert_it_goes_on(work, undisturbed)
    trained = {f.name for f in folders(work) if "training from epoch" in log_of(f)}
    assert trained == interrupted, "what was trained before the signal must not have been trained again"


def assert_interrupted(work: Path, ended: Ended, word: str) -> None:
    assert "Traceback" not in ended.err
    rows = read_table(work / "runs/default/sweep.csv")
    left = [row["run_id"] for row in rows if row["status"] in ("interrupted", "missing")]
    assert sorted({row["run_id"] for row in rows} - set(left)) == sorted(results(work))
    assert len(rows) == 6
    assert left
    states = {row["status"] for row in rows if row["run_id"] in left}  # none is interrupted by a signal between cohorts
    listed = ended.out[min(ended.out.index(f"\n{state}  ") for state in states) :]
    assert all(run_id in listed for run_id in left)
    begun = {f.name for f in folders(work) if (f / "checkpoint/last.safetensors").exists()}
    assert {row["run_id"] for row in rows if row["status"] == "interrupted"} == begun - set(results(work))
    summary = f"{6 - len(left)} complete, 0 failed, {len(left)} left; the same command resumes from here"
    assert ended.err.splitlines()[0] == f"regbench: {word}: {summary}"  # what joblib adds, it says of forks only
    for folder in folders(work):
        if "training" in log_of(folder) and not (folder / "result.json").exists():
            assert (folder / "checkpoint/last.safetensors").exists(), "trained, and not committed"
    assert list((work / "runs/default/.sweep").glob("stop-*")) == []
    assert list((work / "runs/default/.sweep").glob("worker-*")) == []


@pytest.mark.slow
@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.5, 4.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_to_all_processes_at_any_moment(work: Path, seconds: float, number: signal.Signals) -> None:
    many = [word.replace("seed=0,1,2", "seed=range(0,30)") for word in LONG]
    child = start(work, *many, TWO)  # so many that processes are started before the runs are checked and measured
    time.sleep(seconds)
    before = children_of(child.pid)
    to_group(child, number)
    ended = wait(child)
    wait_until_gone(before)
    assert ended.code == 128 + number, ended
    assert "Traceback" not in ended.err, ended.err
    assert "Error" not in ended.err, ended.err


@pytest.mark.parametrize("workers", [HERE, pytest.param(TWO, marks=pytest.mark.slow)])
def test_a_second_ctrl_c_ends_at_once(work: Path, workers: str) -> None:
    words = [word for word in LONG if "epochs" not in word]
    with begun(
        work, *words, "schedule.epochs=100000", "dataset.split.val=0.4", "schedule.batch_size=1", workers
    ) as child:
        before = children_of(child.pid)
        to_group(child, signal.SIGINT)
        time.sleep(0.05)
        to_group(child, signal.SIGINT)
        ended = wait(child)
        wait_until_gone(before)
    assert ended.code == 130, ended
    assert "Traceback" not in ended.err, ended.err
    assert ended.err.splitlines()[0].endswith("the same command resumes from here")


@pytest.mark.slow
def test_a_killed_worker_costs_no_run(work: Path, undisturbed: Path) -> None:
    work.mkdir()
    with started("run", "-m", *LONG, TWO, cwd=work) as command:  # not a fork: joblib clears up as Python ends
        wait_for(lambda: sum("training" in log_of(f) for f in folders(work)) >= 3)
        workers = workers_of(command.pid)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        out, err = command.communicate(timeout=PATIENCE)
    assert (command.returncode, out, err) == (0, "regbench: 6 complete, 0 failed\n", "")
    assert "a worker was lost" in (work / "runs/default/sweep.log").read_text()
    assert_same_trees(work, undisturbed, relative=1e-6, absolute=1e-9)


@pytest.mark.slow
def test_workers_whose_command_was_killed_stop_by_themselves(work: Path, undisturbed: Path) -> None:
    with begun(work, *LONG, TWO) as child:
        child.signal(signal.SIGKILL)
        assert wait(child).code == -signal.SIGKILL
        locks = list((work / "runs/default").glob("*/.lock"))
        assert len(locks) >= 2
        wait_for(lambda: not any(lock_is_taken(lock) for lock in locks))
        assert_it_goes_on(work, undisturbed)
    assert list((work / "runs/default/.sweep").glob("worker-*")) == []


@pytest.fixture
def rivals(work: Path) -> Callable[..., list[Ended]]:
    """Return what starts so many identical sweeps at one moment and waits for all."""

    def start_all(count: int, *words: str) -> list[Ended]:
        whole = ["run", "-m", *words, f"runs={work}/runs"]
        moment = time.monotonic() + 0.3
        children = [
            fork(
                work.parent / f"rival-{n}",
                lambda: main(whole),
                os.setsid,
                lambda: time.sleep(moment - time.monotonic()),
            )
            for n in range(count)
        ]
        return [wait(child) for child in children]

    return start_all


@pytest.mark.parametrize("count", [2, 4])
def test_identical_sweeps_started_at_once_share_the_work(
    work: Path, rivals: Callable[..., list[Ended]], count: int
) -> None:
    for ended in rivals(count, *SMALL, "regularizer=l2,dropout", "seed=0,1,2", "sweep.cohort=2", HERE):
        assert (ended.code, ended.out, ended.err) == (0, "regbench: 6 complete, 0 failed\n", "")
    assert beginnings(work) == [1] * 6
    assert statuses(work) == ["complete"] * 6


def test_sweeps_that_overlap_share_the_work(work: Path, tmp_path: Path) -> None:
    common = (*SMALL, "regularizer=l2", HERE, f"runs={work}/runs")
    children = [start(tmp_path / "a", *common, "seed=0,1,2,3"), start(tmp_path / "b", *common, "seed=2,3,4,5")]
    for ended in [wait(child) for child in children]:
        assert (ended.code, ended.err) == (0, "")
        assert ended.out == "regbench: 4 complete, 0 failed\n"
    assert beginnings(work) == [1] * 6


def test_a_run_in_training_alone_is_waited_for(work: Path, tmp_path: Path) -> None:
    common = (*TINY, "schedule.epochs=300", "schedule/stop=none", f"runs={work}/runs")
    child = fork(tmp_path / "alone", lambda: main(["run", *common, "seed=1"]), os.setsid)
    wait_for(lambda: any("training" in log_of(f) for f in folders(work)))
    ended = sweep(tmp_path / "sweep", *common, "seed=0,1", HERE)
    assert (ended.code, ended.err) == (0, "")
    assert wait(child).code == 0
    assert beginnings(work) == [1, 1]
