"""Earlier runs belong to their data: what changed since refuses them, finished or interrupted, and nothing is written.

Oracle: the folder as it was before, and the run of the changed data in a folder of its own.
"""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regbench.data import loading
from regbench.training import fit
from tests.faults.children import before_call, command, commit_every_epoch, contents, run_folder

SHORT = ("schedule.epochs=3", "schedule.batch_size=full", "model.widths=[4]", "threads=1")
COUNT = 120


def table(shift: float) -> pd.DataFrame:
    """Return rows of which one target is shifted."""
    number = np.arange(COUNT)
    target = number % 7 + 0.1 * (number % 5) + shift * (number == 3)
    return pd.DataFrame({"a": number % 7, "b": number**2 % 11, "y": target})


def write_csv(work: Path, shift: float) -> Sequence[str]:
    table(shift).to_csv(work / "rows.csv", index=False)
    return "dataset=csv", "dataset.path=rows.csv", "dataset.target=y"


def write_parquet(work: Path, shift: float) -> Sequence[str]:
    table(shift).to_parquet(work / "rows.parquet")
    return "dataset=parquet", "dataset.path=rows.parquet", "dataset.target=y"


def write_npz(work: Path, shift: float) -> Sequence[str]:
    rows = table(shift)
    np.savez(work / "rows.npz", x=rows[["a", "b"]].to_numpy(np.float64), y=rows["y"].to_numpy())
    return "dataset=npz", "dataset.path=rows.npz"


def write_idx(work: Path, shift: float) -> Sequence[str]:
    """Write images and labels; two labels change places, so that their file keeps its size."""
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 2, 2), dtype=np.uint8)
    labels = (np.arange(COUNT) % 3).astype(np.uint8)
    labels[:2] = labels[:2] if shift == 0.0 else labels[1::-1]
    (work / "images").write_bytes(struct.pack(">HBB3I", 0, 8, 3, COUNT, 2, 2) + pixels.tobytes())
    (work / "labels").write_bytes(struct.pack(">HBBI", 0, 8, 1, COUNT) + labels.tobytes())
    return "dataset=idx", "dataset.layout=table", "dataset.train_images=images", "dataset.train_labels=labels"


WRITERS = {"csv": write_csv, "parquet": write_parquet, "npz": write_npz, "idx": write_idx}
CHANGED_FILES = {"csv": "rows.csv", "parquet": "rows.parquet", "npz": "rows.npz", "idx": "labels"}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


def trained(work: Path, *words: str) -> Path:
    """Train a run and return its folder."""
    ended = command(work, *words).wait()
    assert ended.code == 0, ended.err
    return run_folder(work)


def interrupted(work: Path, *words: str) -> Path:
    """Stop a run in its third epoch and return its folder."""
    strike = before_call(fit, "train_step", 3, lambda: os._exit(7))
    assert command(work, *words, before=[commit_every_epoch, strike]).wait().code == 7
    return run_folder(work)


def refused(work: Path, *words: str) -> str:
    """Give a command that must be refused in one line and change nothing, and return the line."""
    before = contents(work / "runs")
    ended = command(work, *words).wait()
    assert ended.code == 2, ended.err
    assert contents(work / "runs") == before
    for remedy in ("resume=fresh", "name=OTHER"):
        assert remedy in ended.line
    return ended.line


def answered(work: Path, *words: str, before: Sequence[Callable[[], object]] = ()) -> str:
    """Give the command of a finished run that is still good, and return what was said on the error stream."""
    known = contents(work / "runs")
    ended = command(work, *words, before=before).wait()
    assert ended.code == 0, ended.err
    assert "trained already, nothing to do" in ended.out
    assert contents(work / "runs") == known
    return ended.err


def unreadable_data() -> None:
    """Make reading any data in this process an error."""

    def read(*_: object) -> None:
        raise AssertionError("the data were read")

    loading.build_dataset = read  # type: ignore[assignment]


def edit_record(folder: Path, **changes: Any) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))


@pytest.mark.matrix(cases=4)
@pytest.mark.parametrize("begin", [trained, interrupted])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_changed_file_refuses_the_run(work: Path, kind: str, begin: Callable[..., Path]) -> None:
    words = (*WRITERS[kind](work, 0.0), *SHORT)
    begin(work, *words)
    WRITERS[kind](work, 1.0)
    assert f"{CHANGED_FILES[kind]} has changed since" in refused(work, *words)
    WRITERS[kind](work, 0.0)
    assert command(work, *words).wait().code == 0, "with the old rows it is the old run"


@pytest.mark.parametrize("begin", [trained, interrupted])
def test_both_remedies_train_on_the_new_data(work: Path, begin: Callable[..., Path]) -> None:
    words = (*write_csv(work, 0.0), *SHORT)
    folder = begin(work, *words)
    before = contents(folder)
    write_csv(work, 1.0)
    assert command(work, *words, "name=other").wait().code == 0
    assert contents(folder) == before
    assert command(work, *words, "resume=fresh").wait().code == 0
    (other,) = (work / "runs/other").iterdir()
    assert contents(folder)["metrics.csv"] == contents(other)["metrics.csv"]
    assert contents(folder)["metrics.csv"] != before["metrics.csv"]
    answered(work, *words)


def test_a_touched_file_costs_its_hash_but_no_reading_of_the_data(work: Path) -> None:
    words = (*write_csv(work, 0.0), *SHORT)
    trained(work, *words)
    os.utime(work / "rows.csv")
    assert answered(work, *words, before=[unreadable_data]) == ""


def test_a_finished_run_of_a_table_needs_neither_torch_nor_pandas(work: Path) -> None:
    words = (*write_csv(work, 0.0), *SHORT, "regularizer=l2")
    trained(work, *words)
    call = [sys.executable, "-X", "importtime", "-m", "regbench", "run", *words]
    done = subprocess.run(call, cwd=work, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "regbench.runs.reuse" in imported
    assert not imported & {"torch", "sklearn", "pandas", "numpy"}, "it would take seconds"


def test_other_bytes_with_the_same_rows_are_the_same_data(work: Path) -> None:
    words = (*write_csv(work, 0.0), *SHORT)
    trained(work, *words)
    (work / "rows.csv").write_bytes(gzip.compress((work / "rows.csv").read_bytes()))
    assert answered(work, *words) == ""


@pytest.mark.parametrize("column", ["a", "y"])
def test_rows_in_another_unit_are_other_data(work: Path, column: str) -> None:
    """Standardised they are the same numbers; but the losses, or what a stored model makes of raw rows, are not."""
    words = (*write_csv(work, 0.0), *SHORT)
    trained(work, *words)
    rows = table(0.0)
    rows.assign(**{column: rows[column] * 2.0}).to_csv(work / "rows.csv", index=False)
    assert "rows.csv has changed since" in refused(work, *words)


def test_size_and_time_put_back_do_not_hide_other_bytes(work: Path) -> None:
    words = (*write_csv(work, 0.0), *SHORT)
    trained(work, *words)
    file = work / "rows.csv"
    before, text = file.stat(), file.read_text()
    file.write_text(text.replace("\n3,9,3.3\n", "\n3,9,7.3\n"))
    assert file.read_text() != text
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert "rows.csv has changed since" in refused(work, *words)


def test_results_shared_by_two_folders_belong_to_the_file_of_one(work: Path) -> None:
    words = (*write_csv(work, 0.0), *SHORT)
    trained(work, *words)
    for name, shift in (("same", 0.0), ("other", 1.0)):
        (work / name).mkdir()
        write_csv(work / name, shift)
    shared = f"runs={work / 'runs'}"
    again = command(work / "same", *words, shared).wait()
    assert (again.code, "trained already" in again.out) == (0, True)
    before = contents(work / "runs")
    ended = command(work / "other", *words, shared).wait()
    assert ended.code == 2
    assert f"rows.csv was {work / 'rows.csv'} then" in ended.line
    assert contents(work / "runs") == before


def test_a_file_that_is_gone_is_missed_as_at_training(work: Path) -> None:
    words = (*write_csv(work, 0.0), *SHORT)
    trained(work, *words)
    (work / "rows.csv").unlink()
    ended = command(work, *words).wait()
    assert (ended.code, "rows.csv: no such file" in ended.line) == (2, True)


@pytest.mark.parametrize("package", ["scikit-learn", "numpy", "regbench"])
def test_rows_are_compared_where_another_package_may_make_others(work: Path, package: str) -> None:
    words = ("dataset=moons", *SHORT)
    folder = trained(work, *words)
    record = json.loads((folder / "run.json").read_bytes())
    assert record["data_files"] == []
    answered(work, *words, before=[unreadable_data])
    edit_record(folder, versions=record["versions"] | {package: "0.0.1"})
    answered(work, *words)
    edit_record(folder, versions=record["versions"] | {package: "0.0.1"}, data_checksum="0" * 64)
    assert "dataset=moons gives other rows now" in refused(work, *words)


def test_data_of_which_nothing_is_known_are_read_and_compared(work: Path) -> None:
    words = (*write_csv(work, 0.0), *SHORT)
    edit_record(trained(work, *words), data_files=None)
    answered(work, *words)
    write_csv(work, 1.0)
    assert "dataset=csv gives other rows now" in refused(work, *words)


def test_a_run_from_before_data_were_recorded_is_shown_and_says_so(work: Path) -> None:
    words = (*write_csv(work, 0.0), *SHORT)
    folder = trained(work, *words)
    edit_record(folder, schema=1)
    write_csv(work, 1.0)
    note = "regbench: note: run.json does not say which data and code made this run; resume=fresh trains it again\n"
    assert answered(work, *words) == note
    (folder / "run.json").unlink()
    assert answered(work, *words) == note


def test_a_record_of_a_later_regbench_is_refused_by_name(work: Path) -> None:
    words = ("dataset=moons", *SHORT)
    edit_record(trained(work, *words), schema=3)
    ended = command(work, *words).wait()
    assert ended.code == 1
    assert "run.json has schema 3, this regbench has 2" in ended.line


@pytest.mark.parametrize("begin", [trained, interrupted])
def test_a_folder_that_was_renamed_is_refused_by_the_keys_that_differ(work: Path, begin: Callable[..., Path]) -> None:
    words = ("dataset=moons", *SHORT)
    one = begin(work, *words)
    ended = command(work / "elsewhere", *words, "seed=1", "schedule.optimizer.lr=0.25").wait()
    assert ended.code == 0
    one.rename(one.with_name(run_folder(work / "elsewhere").name))
    line = refused(work, *words, "seed=1", "schedule.optimizer.lr=0.25")
    assert "was trained with another configuration: " in line
    assert "seed=0 there, 1 here" in line
    assert "schedule.optimizer.lr=0.001 there, 0.25 here" in line
