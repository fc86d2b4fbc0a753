"""When runs are stored, and what one run that cannot be stored means to its cohort."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.runs.lifecycle import FolderSink
from regbench.store import RunFolder, durable
from regbench.training.cohort_run import Observer, make_run
from regbench.training.fit import fit
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split, train_cohort


def setting_of(epochs: int) -> Setting:
    split = make_split(*draw_classes(60, (5,)), val=20, test=10)
    return make_setting(split, {"name": "linear"}, epochs=epochs, batch_size=15)


class Refusing(Memory):
    """A sink whose disk is full when the result comes."""

    def finish(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        raise OSError("no space left on device")


def test_a_result_that_cannot_be_stored_does_not_keep_the_others_from_theirs() -> None:
    setting = setting_of(epochs=2)
    sinks = [Memory(), Memory(), Refusing(), Memory()]
    with pytest.raises(OSError, match="no space"):
        train_cohort(setting, [make_run(setting.spec, seed, sink) for seed, sink in enumerate(sinks)])
    assert [sink.result.get("status") for sink in sinks] == ["complete", "complete", None, "complete"]
    assert all(sink.commits for sink in sinks)


def test_runs_of_a_cohort_are_marked_as_ended_once_all_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, the ones left would resume in a smaller stack, which rounds otherwise."""
    setting, seen, stage, show = setting_of(epochs=1), [], durable.stage, durable.show
    monkeypatch.setattr(durable, "stage", lambda path, data: (seen.append("stored"), stage(path, data)))
    monkeypatch.setattr(durable, "show", lambda path: (seen.append("marked"), show(path)))
    with ExitStack() as stack:
        folders = [stack.enter_context(RunFolder.claim(tmp_path / str(seed))) for seed in range(40)]
        for folder in folders:
            folder.resume("abc", setting.spec.header)
        train_cohort(setting, [make_run(setting.spec, seed, FolderSink(own)) for seed, own in enumerate(folders)])
        assert seen == ["stored"] * 40 + ["marked"] * 40
        assert all(folder.result() for folder in folders)


class Slow(Memory):
    """A sink on a clock of its own: an epoch takes 3 seconds, and a commit as long as it is told."""

    def __init__(self, commit_seconds: float) -> None:
        super().__init__()
        self.now, self.commit_seconds = 0.0, commit_seconds

    def append(self, metrics: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        super().append(metrics, timing)
        self.now += 3.0

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        super().commit(tensors, facts)
        self.now += self.commit_seconds


@pytest.mark.parametrize(
    ("commit_seconds", "epochs"),
    [(0.07, [*range(1, 13)]), (0.08, [1, 3, 5, 7, 9, 11]), (0.2, [1, 4, 7, 10]), (5.0, [1, 11])],
)
def test_commits_after_long_epochs_take_a_small_share_of_the_time(commit_seconds: float, epochs: list[int]) -> None:
    """At most a 40th, but for the first, whose cost is not known, and those that are due every 30 seconds."""
    setting = setting_of(epochs=12)
    sink = Slow(commit_seconds)
    with torch.no_grad():
        fit(setting.spec, [make_run(setting.spec, 0, sink)], [setting.data], Observer(clock=lambda: sink.now))
    assert [facts["track"]["epoch"] for _, facts in sink.commits[:-1]] == epochs
    assert sink.commits[-1][1]["track"]["epoch"] == 12, "and one with the result"
