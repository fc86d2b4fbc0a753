"""No test row is read before all choices are on the disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from regbench.cli.main import main

WORDS = [
    *("dataset=csv", "dataset.path=rows.csv", "dataset.test_path=test.csv", "dataset.target=y"),
    *("study.arms=[l2,dropout,mixup]", "study.cocktail=true"),
    *("study.replicates=5", "study.trials=2", "name=s", "sweep.workers=1", "study.reference=false"),
    *("schedule.epochs=3", "model.widths=[8]"),
]
SEARCHED = ("study.json", "trials.csv", "choices.json")


def write(path: Path, rows: int, seed: int, scale: float = 1.0) -> None:
    generator = np.random.default_rng(seed)
    x = scale * generator.normal(size=(rows, 3))
    y = np.where(x[:, 0] + 0.5 * generator.normal(size=rows) > 0, "yes", "no")
    lines = [",".join([*(f"{value:.6f}" for value in row), label]) for row, label in zip(x, y, strict=True)]
    path.write_text("\n".join(["a,b,c,y", *lines, ""]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.csv", 120, 0)
    return tmp_path


def test_garbage_in_the_test_file_changes_nothing_before_the_fresh_runs(folder: Path) -> None:
    write(folder / "test.csv", 40, 1)
    assert main(["bench", *WORDS]) == 0
    study, other = folder / "runs" / "s", folder / "other"
    before = {name: (study / name).read_bytes() for name in SEARCHED}
    parts = {path.name: path.read_bytes() for path in (study / "generations").glob("*.npz")}
    figures = (study / "fresh.csv").read_bytes()
    study.rename(other)
    study.mkdir()
    shutil.copy(other / "study.json", study)  # the plan holds measured times
    write(folder / "test.csv", 40, 2, scale=1e6)
    assert main(["bench", *WORDS]) == 0
    assert before == {name: (study / name).read_bytes() for name in SEARCHED}
    assert parts == {path.name: path.read_bytes() for path in (study / "generations").glob("*.npz")}
    assert figures != (study / "fresh.csv").read_bytes()


def test_the_search_ends_though_nobody_ever_writes_into_the_test_file(folder: Path) -> None:
    os.mkfifo(folder / "test.csv")
    process = subprocess.Popen(
        [sys.executable, "-m", "regbench", "bench", *WORDS],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not (folder / "runs" / "s" / "choices.json").exists():
            assert process.poll() is None, "it ended before its choices were made"
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (folder / "runs" / "s" / "fresh.csv").exists()
