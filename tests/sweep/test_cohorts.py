"""Runs that were trained side by side go on side by side: products are rounded by the number of runs in them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from regbench.config.run_config import RunConfig
from regbench.runs.lifecycle import FolderSink
from regbench.store.staged_end import StagedEnd
from regbench.sweeps.cohorts import cut_cohorts, name_cohort, read_cohort
from tests.sweep.commands import HERE, folders, sweep

PAIRS = (
    *("regularizer=l2", "seed=0,1,2,3", "sweep.cohort=2", HERE, "quiet=true"),
    *("schedule.epochs=40", "schedule.optimizer.lr=0.01", "schedule.stop.patience=1", "dataset.train_size=600"),
)
"""Two pairs of runs of the default network; the runs of a pair stop at different epochs."""

CUTS = (
    *("regularizer=ema", "seed=0,1", "dataset.split.seed=0,1", "sweep.cohort=4", HERE, "quiet=true"),
    *("schedule.epochs=40", "schedule.optimizer.lr=0.01", "schedule.stop.patience=1", "dataset.train_size=600"),
)
"""Four runs of two cuts of the data, which stop at different epochs."""

NOTICED = 1.0
"""Seconds within which a worker looks whether it is to stop."""


def interrupt_at_the_first_end() -> None:
    """Press Ctrl-C when the first run ends: others of its cohort are half trained, a second cohort has not begun."""
    finish, still_to_press = FolderSink.finish, threading.Semaphore(1)  # twice would end it without a commit

    def finish_and_interrupt(self: FolderSink, *content: object) -> StagedEnd:
        end = finish(self, *content)  # type: ignore[arg-type]
        if still_to_press.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(NOTICED)
        return end

    FolderSink.finish = finish_and_interrupt  # type: ignore[method-assign]


def tables(work: Path) -> dict[str, bytes]:
    return {path.name: (path / "metrics.csv").read_bytes() for path in folders(work)}


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize(("words", "size"), [(PAIRS, 2), (CUTS, 4)], ids=["seeds", "cuts"])
def test_those_of_which_one_run_has_ended_are_not_put_together_anew(
    tmp_path: Path, words: Sequence[str], size: int
) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert sweep(straight, *words).code == 0
    assert len({table.count(b"\n") for table in tables(straight).values()}) > 1, "all runs stop at one epoch"
    assert sweep(broken, *words, before=[interrupt_at_the_first_end]).code == 130
    ended = [path for path in folders(broken) if (path / "result.json").exists()]
    assert 0 < len(ended) < size, "a whole cohort has ended: nothing is tested"
    assert sweep(broken, *words).code == 0
    assert tables(broken) == tables(straight)


def configs(folder: Path) -> list[RunConfig]:
    names: dict[str, object] = {"name": "x"}
    return [RunConfig(dataset=names, model=names, schedule={}, seed=seed, runs=folder) for seed in range(5)]


def test_interrupted_cohorts_come_first_and_whole(tmp_path: Path) -> None:
    runs = configs(tmp_path)
    recorded = {runs[1].run_id(): "b", runs[3].run_id(): "b"}
    found = cut_cohorts(runs, 2, lambda config: recorded.get(config.run_id()))
    assert found == [(runs[1], runs[3]), (runs[0], runs[2]), (runs[4],)]


def test_a_cohort_is_named_by_its_runs_whatever_their_order(tmp_path: Path) -> None:
    runs = configs(tmp_path)
    assert name_cohort(runs) == name_cohort(runs[::-1]) != name_cohort(runs[:4])
    assert read_cohort(runs[0]) is None
