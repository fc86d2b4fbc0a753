"""What is read again: finished runs by several at once, and the best configuration of a sweep as words to train."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import regbench

SHORT = {"schedule.epochs": 2, "dataset": "iris", "model.widths": [4]}


def test_a_finished_run_is_read_by_several_at_once(tmp_path: Path) -> None:
    first = regbench.run(runs=tmp_path, **SHORT)
    with ThreadPoolExecutor(8) as threads:
        again = list(threads.map(lambda _: regbench.run(runs=tmp_path, **SHORT), range(24)))
    assert all(result.reused and result.best == first.best for result in again)


def test_the_best_overrides_train_the_same_again(tmp_path: Path) -> None:
    ramp = "schedule.ramp={l2: {strength: {shape: step}}}"
    words = ["regularizer=l2", "regularizer.l2.strength=1e-4,1e-3", "seed=0,1", ramp]
    swept = regbench.sweep(words, runs=tmp_path, name="first", **SHORT)
    again = regbench.run(swept.best[0].overrides, runs=tmp_path, name="first", seed=0)
    assert again.reused, "the same configuration is the same folder"


@pytest.mark.parametrize("given", [None, 3, "seed=1", [1]])
def test_what_is_no_list_of_overrides_is_refused(given: object) -> None:
    with pytest.raises(regbench.ConfigError, match="list of overrides"):
        regbench.run(given)  # type: ignore[arg-type]


def test_what_is_no_list_of_parts_is_refused() -> None:
    with pytest.raises(regbench.ConfigError, match=r"parts=None is not allowed"):
        regbench.sweep([], parts=None)  # type: ignore[arg-type]
