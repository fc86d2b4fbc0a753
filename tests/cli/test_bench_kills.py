"""A study that is killed ends, given again, with the same bytes as one that nobody disturbs."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WORDS = [
    *("dataset=iris", "study.arms=[l2,dropout,mixup]", "study.cocktail=true", "study.replicates=5", "study.trials=2"),
    *("study.finalists=1", "name=s"),
    *("sweep.workers=1", "study.reference=false", "schedule.epochs=12", "model.widths=[8]"),
]
TABLES = ("trials.csv", "choices.json", "fresh.csv", "verdict.json", "report.html", "study.json")


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "regbench", "bench", *WORDS],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A study straight through, and the seconds it took from the plan on."""
    folder = tmp_path_factory.mktemp("straight")
    process, plan = start(folder), folder / "runs" / "s" / "study.json"
    while not plan.exists():  # the folder is locked a moment before
        assert process.poll() is None
        time.sleep(0.01)
    began = time.monotonic()
    assert process.wait() == 0
    return folder / "runs" / "s", time.monotonic() - began


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("seed", range(20))
def test_a_kill_at_a_random_moment_changes_no_byte(straight: tuple[Path, float], tmp_path: Path, seed: int) -> None:
    """The plan, which holds measured times, is that of the straight one."""
    study, seconds = straight
    shutil.copytree(study, tmp_path / "runs" / "s", ignore=lambda folder, names: set(names) - {"study.json", "s"})
    process, lock = start(tmp_path), tmp_path / "runs" / "s" / "study.lock"
    while not lock.exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0.0, seconds))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert start(tmp_path).wait() == 0
    for name in TABLES:
        assert (tmp_path / "runs" / "s" / name).read_bytes() == (study / name).read_bytes(), name
