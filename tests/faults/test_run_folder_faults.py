"""Full disks, folders that cannot be written, edited files and mistakes, met through the command.

Oracle: the files of the same command undisturbed, and the folder as it was before a refusal.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regbench.training import fit
from tests.faults.children import (
    before_call,
    command,
    commit_every_epoch,
    commit_only_when_asked,
    contents,
    fingerprint,
    run_folder,
)
from tests.faults.conftest import WORDS

LAST_FILES = ("last.safetensors", "prev.safetensors")
NOBODY = 65534


def limit_files_to(size: int) -> Callable[[], None]:
    """Return what makes every file of this process hit a full disk at `size` bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def go_on(work: Path) -> Mapping[str, Any]:
    """Give the command again, which must end well, and return what the folder has then."""
    ended = command(work, *WORDS).wait()
    assert ended.code == 0, ended.err
    return fingerprint(run_folder(work))


def interrupt(work: Path) -> Path:
    """Stop a run in its third epoch, with two commits behind it, and return its folder."""

    def leave() -> None:
        os._exit(7)

    strike = before_call(fit, "train_step", 7, leave)
    assert command(work, *WORDS, before=[commit_every_epoch, strike]).wait().code == 7
    return run_folder(work)


def refused(work: Path, *words: str, code: int) -> str:
    """Give a command that must be refused in one line, and return the line."""
    ended = command(work, *words).wait()
    assert ended.code == code, ended.err
    return ended.line


# -- disks -----------------------------------------------------------------------------------------------------------


def test_disk_full_in_a_checkpoint(work: Path, reference: Mapping[str, Any]) -> None:
    full = before_call(fit, "train_step", 5, limit_files_to(4_000))
    ended = command(work, *WORDS, before=[commit_every_epoch, full]).wait()
    checkpoint = run_folder(work).relative_to(work) / "checkpoint/last.safetensors"
    assert ended.code == 1
    assert ended.line.startswith("regbench: cannot write ")
    assert f"bytes to {checkpoint}: File too large" in ended.line
    size = (work / checkpoint).stat().st_size
    assert size > 4_000, "the commit of the first epoch is still there"
    assert go_on(work) == reference


def test_disk_full_inside_a_row(work: Path, reference: Mapping[str, Any]) -> None:
    def fill() -> None:
        table = run_folder(work) / "metrics.csv"
        limit_files_to(table.stat().st_size + 20)()

    full = before_call(fit, "train_step", 5, fill)
    ended = command(work, *WORDS, before=[commit_only_when_asked, full]).wait()
    assert ended.code == 1
    assert "metrics.csv: File too large" in ended.line
    assert (run_folder(work) / "metrics.csv").read_bytes().endswith(b"\n"), "the torn row is taken back"
    assert go_on(work) == reference


@pytest.mark.parametrize("call", [1, 5, 10, 11])
@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_disk_error_is_never_reported_as_saved(work: Path, reference: Mapping[str, Any], name: str, call: int) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    ended = command(work, *WORDS, before=[commit_every_epoch, before_call(os, name, call, fail)]).wait()
    assert ended.code in (1, 2)
    assert "Input/output error" in ended.line
    assert go_on(work) == reference


# -- folders that cannot be used -------------------------------------------------------------------------------------


def test_runs_below_a_file(warm: None, work: Path) -> None:
    work.mkdir()
    (work / "notes").write_text("mine")
    line = refused(work, *WORDS, "runs=notes/runs", code=2)
    assert "notes/runs/default/" in line
    assert "cannot be used as a run's folder" in line
    assert (work / "notes").read_text() == "mine"


def test_runs_with_a_name_too_long(warm: None, work: Path) -> None:
    assert "File name too long" in refused(work, *WORDS, f"runs={'x' * 280}", code=2)


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_folder_without_permission(warm: None, work: Path, mode: int) -> None:
    runs = work / "closed"
    runs.mkdir(parents=True)
    runs.chmod(mode)
    for folder in (runs.parent, *runs.parent.parents[:2]):
        folder.chmod(0o755)
    before = [lambda: os.setuid(NOBODY)] if os.getuid() == 0 else []  # the root user may write anywhere
    ended = command(work, *WORDS, f"runs={runs}", before=before).wait()
    runs.chmod(0o700)
    assert ended.code == 2, ended.err
    assert f"{runs}/default/" in ended.line
    assert "Permission denied" in ended.line
    assert list(runs.iterdir()) == []


def test_missing_parents_are_made(warm: None, work: Path, reference: Mapping[str, Any]) -> None:
    assert command(work, *WORDS, "runs=some/new/place").wait().code == 0
    (folder,) = (work / "some/new/place").glob("*/*")
    assert (folder / "metrics.csv").read_bytes() == reference["metrics.csv"]


# -- what is in the folder already -----------------------------------------------------------------------------------


def test_finished_run_is_not_touched_and_needs_no_torch(work: Path, reference: Mapping[str, Any]) -> None:
    assert go_on(work) == reference
    before, times = contents(work / "runs"), mtimes(work / "runs")
    call = [sys.executable, "-X", "importtime", "-m", "regbench", "run", *WORDS]
    done = subprocess.run(call, cwd=work, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout.lstrip().startswith("trained already, nothing to do")
    assert contents(work / "runs") == before
    assert mtimes(work / "runs") == times
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "regbench.runs.execute" in imported
    assert not imported & {"torch", "sklearn", "pandas", "numpy"}, "it would take seconds"


def mtimes(path: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in path.rglob("*") if file.name != ".lock"}


def test_fresh_starts_a_finished_run_over(work: Path, reference: Mapping[str, Any]) -> None:
    assert go_on(work) == reference
    (run_folder(work) / "metrics.csv").write_text("scribble")
    ended = command(work, *WORDS, "resume=fresh").wait()
    assert ended.code == 0, ended.err
    assert without_config(fingerprint(run_folder(work))) == without_config(reference)
    assert (run_folder(work) / "run.log").read_text().count(" training\n") == 2


def without_config(found: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out config.yaml, which says `resume: fresh`."""
    return {name: value for name, value in found.items() if name != "config.yaml"}


def test_torn_row_after_the_last_commit_is_cut_off(work: Path, reference: Mapping[str, Any]) -> None:
    with (interrupt(work) / "metrics.csv").open("ab") as table:
        table.write(b"3,0.1,0.55")
    assert go_on(work) == reference


def edit_row(folder: Path) -> str:
    table = folder / "metrics.csv"
    table.write_bytes(table.read_bytes().replace(b"\n1,", b"\n7,"))
    return f"{table.name} was edited"


def shorten_table(folder: Path) -> str:
    table = folder / "metrics.csv"
    table.write_bytes(table.read_bytes()[:-1])
    return f"{table.name} was edited"


def remove_table(folder: Path) -> str:
    (folder / "metrics.csv").unlink()
    return "metrics.csv is missing"


def empty_both_checkpoints(folder: Path) -> str:
    for name in LAST_FILES:
        (folder / "checkpoint" / name).write_bytes(b"")
    return "no intact checkpoint"


@pytest.mark.parametrize("damage", [edit_row, shorten_table, remove_table, empty_both_checkpoints])
def test_changed_results_are_refused_until_a_fresh_start_is_asked_for(
    work: Path, reference: Mapping[str, Any], damage: Callable[[Path], str]
) -> None:
    folder = interrupt(work)
    expected = damage(folder)
    before = contents(folder)
    line = refused(work, *WORDS, code=1)
    assert expected in line
    assert str(folder.relative_to(work)) in line
    assert "resume=fresh" in line
    assert contents(folder) == before
    assert command(work, *WORDS, "resume=fresh").wait().code == 0
    assert without_config(fingerprint(folder)) == without_config(reference)


def test_damaged_last_commit_falls_back_to_the_one_before(work: Path, reference: Mapping[str, Any]) -> None:
    folder = interrupt(work)
    last = folder / "checkpoint/last.safetensors"
    last.write_bytes(last.read_bytes()[:-1])
    assert go_on(work) == reference
    assert "resuming from prev.safetensors" in (folder / "run.log").read_text()


def test_checkpoint_of_another_configuration_is_refused(work: Path) -> None:
    folder = interrupt(work)
    other = interrupt_other_seed(work.parent / "other")
    for name in LAST_FILES:
        shutil.copy(other / "checkpoint" / name, folder / "checkpoint" / name)
    before = contents(folder)
    line = refused(work, *WORDS, code=2)
    assert "was trained with another configuration" in line
    assert f", not {folder.name[-10:]}; add resume=fresh" in line
    assert contents(folder) == before


def interrupt_other_seed(work: Path) -> Path:
    strike = before_call(fit, "train_step", 7, lambda: os._exit(7))
    command(work, *WORDS, "seed=1", before=[commit_every_epoch, strike]).wait()
    return run_folder(work)


# -- surroundings and mistakes ---------------------------------------------------------------------------------------


def test_other_surroundings_give_the_same_run(work: Path, reference: Mapping[str, Any]) -> None:
    elsewhere = work / "elsewhere"
    elsewhere.mkdir(parents=True)
    changed = {"TMPDIR": str(elsewhere), "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "77"}
    call = [sys.executable, "-m", "regbench", "run", *WORDS]
    done = subprocess.run(call, cwd=elsewhere, env=os.environ | changed, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert fingerprint(run_folder(elsewhere)) == reference


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["regularizer.dropout.rate=0.5"], "dropout is not selected"),
        (["regularizer=[dropuot]"], "did you mean"),
        (["regularizer=[dropout]", "regularizer.dropout.rate=nan"], "rate="),
        (["regularizer=[dropout]", "regularizer.dropout.rate=1.5"], "[0, 1)"),
        (["regularizer=[l1,elastic_net]"], "elastic_net"),
        (["dataset=diabetes", "regularizer=[smote]"], "smote"),
        (["dataset=diabetes", "regularizer=[label_smoothing]"], "label_smoothing"),
        (["dataset=digitz"], "digits"),
        (["dataset=npz", "dataset.path=missing.npz"], "missing.npz"),
        (["model=cnn"], "cnn"),
        (["model.widths=[]"], "widths"),
        (["model.width=3"], "widths"),
        (["seed=1e3"], "seed"),
        (["seed=-1"], "seed"),
        (["schedule.epochs=0"], "[1, inf)"),
        (["schedule.batch_size=5000"], "training rows"),
        (["schedule.optimizer.lr=0"], "lr"),
        (["schedule.stop.patience=0"], "patience"),
        (["dataset.split.val=0"], "validation"),
        (["dataset=diabetes", "schedule.stop.monitor=val_accuracy"], "val_accuracy"),
        (["device=cuda:9"], "device"),
        (["regularizer=[l1,gradient_clipping]"], "take regularizer.l1.method=subgradient"),
        (["regularizer=[elastic_net,sam]"], "take regularizer.elastic_net.method=subgradient"),
        (["regularizer=mixup", "schedule.batch_size=1"], "mixup: needs batches of at least 2 rows"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistake_is_refused_in_one_line_before_a_folder_is_made(
    warm: None, work: Path, words: list[str], part: str
) -> None:
    line = refused(work, "threads=1", *words, code=2)
    assert part in line
    assert not (work / "runs").exists()


def test_descent_too_fast_for_correlated_columns_names_its_learning_rate(warm: None, work: Path) -> None:
    work.mkdir()
    generator = np.random.default_rng(0)
    x = np.sqrt(0.1) * generator.standard_normal((80, 20)) + np.sqrt(0.9) * generator.standard_normal((80, 1))
    np.savez(work / "correlated.npz", x=x, y=x.sum(1) + generator.standard_normal(80))
    words = ("dataset=npz", "dataset.path=correlated.npz", "dataset.task=regression", "model=linear")
    steps = ("schedule=full_batch", "schedule.epochs=600", "threads=1")
    ended = command(work, *words, *steps).wait()
    assert ended.code == 0, ended.err
    result = fingerprint(run_folder(work))["result"]
    assert result["status"] == "diverged"
    assert result["stopping"]["reason"].endswith("; schedule.optimizer.lr=0.1 may be too high")
    assert result["stopping"]["reason"] in " ".join(ended.out.split())
    slower = command(work, *words, *steps, "schedule.optimizer.lr=0.01", "name=slower").wait()
    assert (slower.code, "diverged" in slower.out) == (0, False)


def test_run_that_diverges_is_complete_and_says_so(warm: None, work: Path) -> None:
    work.mkdir()
    signs = np.sign(np.random.default_rng(0).standard_normal((80, 3)))
    np.savez(work / "huge.npz", x=3e38 * signs, y=(signs[:, 0] > 0).astype(np.int64))  # float32 ends at 3.4e38
    words = ("dataset=npz", "dataset.path=huge.npz", "dataset.standardize=false")
    ended = command(work, *words, "schedule.batch_size=16", "threads=1").wait()
    assert ended.code == 0, ended.err
    result = fingerprint(run_folder(work))["result"]
    assert result["status"] == "diverged"
    assert result["stopping"]["reason"] == "the objective or the gradient was not finite at epoch 1, step 1"
    assert result["rolled_back_to"] == 0
    assert "diverged" in ended.out
    again = command(work, *words, "schedule.batch_size=16", "threads=1").wait()
    assert (again.code, "trained already" in again.out) == (0, True)
