"""Sweeps on a real Dask cluster: a scheduler and two worker processes on loopback."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cluster.clusters import LONG, SWEEP, dask_here, figures, rows, sweep
from tests.faults.children import started, wait_for


@pytest.mark.slow
def test_a_killed_worker_costs_no_run_and_changes_no_figure(tmp_path: Path, trained_here: dict[str, object]) -> None:
    with dask_here(tmp_path / "dask") as cluster:
        engine = ("sweep.backend=dask", f"sweep.address={cluster.address}", *LONG)
        ended = sweep(tmp_path / "cluster", *engine, meanwhile=cluster.workers[0].kill)
        assert cluster.workers[0].wait() == -signal.SIGKILL
    assert (ended.code, ended.out) == (0, "regbench: 6 complete, 0 failed\n"), ended
    assert figures(tmp_path / "cluster") == trained_here


@pytest.mark.slow
def test_ctrl_c_commits_on_the_cluster_and_the_same_command_goes_on(
    tmp_path: Path, trained_here: dict[str, object]
) -> None:
    work = tmp_path / "work"
    with dask_here(tmp_path / "dask") as cluster:
        engine = ("sweep.backend=dask", f"sweep.address={cluster.address}", *LONG)
        work.mkdir()
        with started(*SWEEP, *engine, cwd=work) as process:
            wait_for(lambda: any(rows(path) > 2 for path in work.glob("runs/*/*/metrics.csv")))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert "the same command resumes from here" in err
        assert len(figures(work)) < 6
        assert any(work.glob("runs/*/*/checkpoint/last.safetensors")), "nothing was committed"
        assert sweep(work, *engine).code == 0
    assert figures(work) == trained_here


@pytest.mark.slow
def test_a_lost_scheduler_ends_the_sweep_and_loses_no_commit(tmp_path: Path, trained_here: dict[str, object]) -> None:
    work = tmp_path / "work"
    with dask_here(tmp_path / "dask") as cluster:
        engine = ("sweep.backend=dask", f"sweep.address={cluster.address}", *LONG)
        ended = sweep(work, *engine, meanwhile=cluster.scheduler.kill)
    assert ended.code == 1
    assert f"the Dask scheduler at {cluster.address} has gone" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    assert sweep(work, "sweep.workers=1", *LONG).code == 0
    assert figures(work) == trained_here


@pytest.mark.slow
def test_workers_with_several_threads_are_refused(tmp_path: Path) -> None:
    with dask_here(tmp_path / "dask", "--nthreads", "2") as cluster:
        ended = sweep(tmp_path / "work", "sweep.backend=dask", f"sweep.address={cluster.address}")
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.endswith("has 2 threads; start each with one: dask worker --nthreads 1")
    assert list((tmp_path / "work").iterdir()) == []
