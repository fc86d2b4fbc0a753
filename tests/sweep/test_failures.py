"""What goes wrong in one run stays with that run: errors, divergence, refusals, memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regbench.regularizers.l2 import L2
from regbench.runs.prepare import OUT_OF_MEMORY
from regbench.sweeps.plan import measure
from regbench.sweeps.plan.trial import TrialReport
from regbench.training import fit, timing
from regbench.training.cohort import Cohort
from regbench.training.train_step import train_step
from tests.sweep.commands import (
    HERE,
    SMALL,
    TINY,
    assert_same_trees,
    beginnings,
    folders,
    log_of,
    read_table,
    results,
    statuses,
    sweep,
)

STRENGTHS = (*SMALL, "regularizer=l2", "regularizer.l2.strength=0.1,0.2,0.3,0.4,0.5,0.6", "sweep.cohort=6")


def l2_breaks_at(strength: float) -> Callable[[], None]:
    """Return what lets a cohort fail in which some run has this strength."""

    def prepare() -> None:
        def step(cohort: Cohort, *arguments: Any) -> Any:
            if any(member.regularizers["l2"] == L2(strength=strength) for member in cohort.members):
                raise ValueError("a defect\nof two lines")
            return train_step(cohort, *arguments)

        for module in (fit, timing):
            setattr(module, "train_step", step)  # noqa: B010

    return prepare


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("undisturbed")
    assert sweep(work, *STRENGTHS, HERE).code == 0
    return work


def test_a_run_that_raises_fails_alone_and_is_tried_again(work: Path, undisturbed: Path) -> None:
    ended = sweep(work, *STRENGTHS, HERE, before=[l2_breaks_at(0.4)])
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == "regbench: 5 complete, 1 failed"
    assert "Traceback" not in ended.err + ended.out
    assert statuses(work) == [*["complete"] * 5, "failed"]
    (failed,) = [name for name, result in results(work).items() if result["status"] == "failed"]
    assert results(work)[failed]["error"] == "ValueError: a defect"
    for folder in folders(work):
        assert ("Traceback" in log_of(folder)) == (folder.name == failed)
    assert "of two lines" in log_of(work / "runs/default" / failed)
    halved = [line for line in (work / "runs/default/sweep.log").read_text().splitlines() if "halved" in line]
    assert halved, "nobody could tell why runs were trained in smaller stacks"
    assert all(line.endswith("on: ValueError: a defect") for line in halved)
    rows = read_table(work / "runs/default/sweep.csv")
    assert [(row["status"], row["error"]) for row in rows] == [
        ("failed", "ValueError: a defect") if row["run_id"] == failed else ("complete", "") for row in rows
    ]
    assert rows[3]["run_id"] == failed
    others = {name: (work / "runs/default" / name / "result.json").stat().st_mtime_ns for name in results(work)}
    again = sweep(work, *STRENGTHS, HERE)
    assert (again.code, again.out, again.err) == (0, "regbench: 6 complete, 0 failed\n", "")
    assert {row["error"] for row in read_table(work / "runs/default/sweep.csv")} == {""}
    for name, time in others.items():
        assert ((work / "runs/default" / name / "result.json").stat().st_mtime_ns == time) == (name != failed)
    assert_same_trees(work, undisturbed, relative=1e-5, absolute=1e-6)


def test_the_summary_names_the_failure(work: Path) -> None:
    words = [word for word in STRENGTHS if word != "quiet=true"]
    ended = sweep(work, *words, HERE, before=[l2_breaks_at(0.4)])
    assert ended.code == 1
    assert "ValueError: a defect" in ended.out + ended.err
    assert "strength=0.4" in ended.out + ended.err


def test_a_run_that_diverges_is_complete_and_stays_out_of_the_means(work: Path) -> None:
    words = [word for word in TINY if word != "quiet=true"]
    ended = sweep(
        work,
        *words,
        "schedule.epochs=6",
        "schedule/optimizer=sgd",
        "schedule.optimizer.lr=0.01,0.1,1e30",
        "seed=0,1",
        HERE,
    )
    assert ended.code == 0, ended.err
    assert statuses(work) == [*["complete"] * 4, *["diverged"] * 2]
    assert "diverged" in ended.out
    rows = read_table(work / "runs/default/sweep.csv")
    assert [row["status"] for row in rows] == ["complete"] * 4 + ["diverged"] * 2
    for row in rows:
        metrics = read_table(work / "runs/default" / row["run_id"] / "metrics.csv")
        assert len(metrics) == 6 or row["status"] == "diverged"
    assert "nan" not in ended.out.lower()


def test_others_are_bit_equal_next_to_a_run_that_diverges(work: Path, tmp_path: Path) -> None:
    common = (*TINY, "schedule.epochs=6", "schedule/optimizer=sgd", "sweep.cohort=3", HERE)
    assert sweep(work, *common, "schedule.optimizer.lr=0.01,0.1,1e30").code == 0
    assert sweep(tmp_path / "sane", *common, "schedule.optimizer.lr=0.01,0.1,0.2").code == 0
    sane = {folder.name: folder for folder in folders(tmp_path / "sane")}
    both = [folder for folder in folders(work) if folder.name in sane]
    assert len(both) == 2
    for folder in both:
        assert (folder / "metrics.csv").read_bytes() == (sane[folder.name] / "metrics.csv").read_bytes()


@pytest.mark.parametrize("order", ["dropout,l2", "l2,dropout"])
def test_a_technique_that_does_not_fit_fails_alone(work: Path, order: str) -> None:
    ended = sweep(work, *SMALL[1:], "model=linear", f"regularizer={order}", "seed=0,1", HERE)
    assert ended.code == 1, ended
    assert statuses(work) == ["complete", "complete", "failed", "failed"]
    assert {r["error"] for r in results(work).values() if "error" in r} == {
        "regularizer dropout: the model has no hidden layer; set input_rate to drop inputs"
    }


@pytest.mark.parametrize("strengths", ["1.5,0.1,0.2", "0.1,0.2,1.5"])
def test_a_value_that_its_technique_refuses_fails_alone(work: Path, strengths: str) -> None:
    words = ("regularizer=input_noise", "regularizer.input_noise.distribution=salt_and_pepper")
    ended = sweep(work, *SMALL, *words, f"regularizer.input_noise.strength={strengths}", HERE)
    assert ended.code == 1, ended
    assert statuses(work) == ["complete", "complete", "failed"]
    assert beginnings(work).count(0) == 1, "the run that was refused must not have been trained"


def memory_holds(runs: int, error: Exception, first: int = 1) -> Callable[[], None]:
    """Return what lets every step of a larger cohort fail, from the `first` step of the process on."""

    def prepare() -> None:
        counter = itertools.count(1)

        def step(cohort: Cohort, *arguments: Any) -> Any:
            if cohort.size > runs and next(counter) >= first:
                raise error
            return train_step(cohort, *arguments)

        for module in (fit, timing):
            setattr(module, "train_step", step)  # noqa: B010
        fit.COMMIT_SECONDS = 0.0

    return prepare


TORCH = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"
)


@pytest.mark.parametrize("error", [MemoryError(), TORCH], ids=["MemoryError", "torch"])
def test_a_cohort_that_memory_does_not_hold_is_halved_and_goes_on(
    work: Path, undisturbed: Path, error: Exception
) -> None:
    first = 4 * 2 + 2  # four steps an epoch: in the third
    ended = sweep(work, *STRENGTHS, HERE, before=[measure_nothing, memory_holds(3, error, first)])
    assert (ended.code, ended.out, ended.err) == (0, "regbench: 6 complete, 0 failed\n", "")
    assert beginnings(work) == [1] * 6
    for folder in folders(work):
        assert "training from epoch 3" in log_of(folder)
    assert_same_trees(work, undisturbed, relative=1e-5, absolute=1e-6)


def measure_nothing() -> None:
    """Let this process plan without a trial."""
    setattr(measure, "measure_stack", lambda trial: TrialReport(trial.number))  # noqa: B010


def test_runs_that_memory_does_not_hold_alone_fail_with_a_line_that_says_so(work: Path) -> None:
    ended = sweep(work, *STRENGTHS, HERE, before=[measure_nothing, memory_holds(0, TORCH)])
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == "regbench: 0 complete, 6 failed"
    assert {result["error"] for result in results(work).values()} == {OUT_OF_MEMORY}
    assert {row["error"] for row in read_table(work / "runs/default/sweep.csv")} == {OUT_OF_MEMORY}
    assert all("can't allocate memory" in log_of(folder) for folder in folders(work))


def test_a_run_whose_folder_cannot_be_used_fails_alone(work: Path, undisturbed: Path) -> None:
    spoilt = work / "runs/default" / folders(undisturbed)[0].name
    spoilt.parent.mkdir(parents=True)
    spoilt.write_text("mine")
    ended = sweep(work, *STRENGTHS, HERE)
    assert ended.code == 1, ended
    assert ended.err.splitlines()[-1] == "regbench: 5 complete, 1 failed"
    assert statuses(work) == ["complete"] * 5
    assert spoilt.read_text() == "mine"


def test_a_damaged_result_fails_alone_and_is_kept(work: Path, undisturbed: Path) -> None:
    assert sweep(work, *STRENGTHS, HERE).code == 0
    damaged = folders(work)[2] / "result.json"
    damaged.write_text("{")
    ended = sweep(work, *STRENGTHS, HERE)
    assert ended.code == 1, ended
    assert ended.err.splitlines()[-1] == "regbench: 5 complete, 1 failed"
    assert damaged.read_text() == "{"
    assert sweep(work, *STRENGTHS, HERE, "resume=fresh").code == 0
    assert statuses(work) == ["complete"] * 6
