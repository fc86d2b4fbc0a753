"""Sweeps through Ray and submitit, and engines that are not there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cluster.clusters import LONG, SWEEP, figures, sweep, without

PROC = Path("/proc")


def kill_one(words: str) -> None:
    """Kill one process of this test's sweep, found by its command line."""
    for folder in PROC.glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if words in command:
                os.kill(int(folder.name), signal.SIGKILL)
                return
        except OSError:
            continue
    raise AssertionError(f"no process is called {words}")


@pytest.mark.slow
def test_ray_started_here_trains_what_this_machine_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_here: dict[str, object]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    ended = sweep(
        tmp_path / "ray",
        "sweep.backend=ray",
        "sweep.workers=2",
        *LONG,
        meanwhile=lambda: kill_one("ray::train_assignment"),
    )
    # Before it, Ray itself says that a process died.
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "regbench: 6 complete, 0 failed"), ended
    assert list(home.iterdir()) == [], "Ray left something in the home folder"
    assert figures(tmp_path / "ray") == trained_here


@pytest.mark.slow
def test_a_killed_job_of_submitit_costs_no_run(tmp_path: Path, trained_here: dict[str, object]) -> None:
    work = tmp_path / "submitit"
    engine = ("sweep.backend=submitit", "sweep.cluster=local", "sweep.workers=2", "sweep.job.timeout_min=5")
    logs = work / "runs/default/.sweep/submitit"
    ended = sweep(work, *engine, *LONG, meanwhile=lambda: kill_one(f"submitit.core._submit {logs}"))
    assert (ended.code, ended.out) == (0, "regbench: 6 complete, 0 failed\n"), ended
    assert "a worker was lost" in (work / "runs/default/sweep.log").read_text()
    assert {path.suffix for path in logs.iterdir()} == {".err", ".out"}, "pickles were left"
    assert figures(work) == trained_here


@pytest.mark.parametrize(
    ("engine", "module"),
    [("dask sweep.address=tcp://127.0.0.1:1", "distributed"), ("ray", "ray"), ("submitit", "submitit")],
)
def test_a_missing_extra_is_one_line(tmp_path: Path, engine: str, module: str) -> None:
    words = f"sweep.backend={engine}".split()
    ended = subprocess.run([*without(module), *SWEEP, *words], cwd=tmp_path, capture_output=True, text=True)
    name = engine.split()[0]
    assert ended.stderr == f"regbench: sweep.backend={name} needs the extra: pip install 'regbench[{name}]'\n"
    assert (ended.returncode, ended.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.matrix(cases=1)
@pytest.mark.slow
@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_an_address_where_nobody_answers_is_one_line(tmp_path: Path, engine: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}" if engine == "dask" else f"127.0.0.1:{port}"
    ended = sweep(tmp_path, f"sweep.backend={engine}", f"sweep.address={address}")
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.startswith(f"regbench: sweep.address={address}: no ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sweep.job.partition=cpu", "did you mean 'slurm_partition'?"),
        ("sweep.job.timeout_min=long", "sweep.job.timeout_min='long' is not allowed"),
        ("sweep.job.slurm_array_parallelism=3", "unknown key"),
    ],
)
def test_a_wrong_word_about_jobs_is_one_line(tmp_path: Path, words: str, said: str) -> None:
    ended = sweep(tmp_path, "sweep.backend=submitit", "sweep.cluster=local", words)
    (line,) = ended.err.splitlines()
    assert said in line
    assert (ended.code, ended.out) == (2, "")
    assert list(tmp_path.iterdir()) == []
