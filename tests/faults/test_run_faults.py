"""Kills, signals and rival processes against real runs of the command.

Oracle everywhere: the files of the same command undisturbed. "Same" means that `metrics.csv`, the picture and the
best weights are byte-identical to it and `result.json` is equal, seconds apart, once the command was given again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from regbench.compose.loader import PRIMARY, open_loader
from regbench.compose.single_run import compose_run
from regbench.config.run_config import RunConfig
from regbench.data import fingerprint as files
from regbench.display import run_summary
from regbench.display.run_progress import open_progress
from regbench.display.run_summary import print_result
from regbench.runs import lifecycle
from regbench.runs.execute import run_one
from regbench.statuses import RunState, read_state
from regbench.store import RunFolder, durable, locks, read_checkpoint
from regbench.training import fit
from tests.faults.children import (
    Child,
    before_call,
    command,
    commit_every_epoch,
    commit_only_when_asked,
    contents,
    count_durable_steps,
    dying_at,
    fingerprint,
    fork,
    run_folder,
    send,
    started,
    wait_for,
)
from tests.faults.conftest import WORDS, Undisturbed

LONG = (*WORDS[:3], "schedule.epochs=120", "schedule.stop.patience=200", *WORDS[4:])
"""Long enough to be hit at any moment."""

Act = Callable[[], object]


def go_on(work: Path, *words: str, before: tuple[Act, ...] = (commit_every_epoch,)) -> Mapping[str, Any]:
    """Give the command again, which must end well, and return what the folder has then."""
    ended = command(work, *(words or WORDS), before=before).wait()
    assert ended.code == 0, ended.err
    return fingerprint(run_folder(work))


@pytest.fixture(scope="module")
def config(warm: None) -> RunConfig:
    """The run of `WORDS` composed already: composing is most of a short run, and writes nothing."""
    with open_loader(None, None, warn=pytest.fail) as loader:
        return compose_run(loader, PRIMARY, WORDS)


def train(config: RunConfig) -> int:
    """Train a run, followed as the command follows it."""
    print_result(run_one(config, open_progress()))
    return 0


def count_steps(config: RunConfig, work: Path) -> int:
    """Return the number of durable steps of an undisturbed run that commits every epoch."""
    numbers: list[int] = []

    def run() -> int:
        code = train(config)
        Path("steps").write_text(str(numbers[-1]))
        return code

    def count() -> None:
        count_durable_steps(lambda number, name, arguments: numbers.append(number))

    ended = fork(work, run, commit_every_epoch, count).wait()
    assert ended.code == 0, ended.err
    return int((work / "steps").read_text())


def die(config: RunConfig, work: Path, step: int) -> int:
    """Run until SIGKILL in place of a durable step, and return how the process ended."""
    return fork(work, lambda: train(config), commit_every_epoch, dying_at(step)).wait().code


def finish(config: RunConfig, work: Path) -> Mapping[str, Any]:
    """Run to the end, and return what the folder has then."""
    ended = fork(work, lambda: train(config), commit_every_epoch).wait()
    assert ended.code == 0, ended.err
    return fingerprint(run_folder(work))


@pytest.mark.slow
@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("first", range(1, 7))
def test_run_killed_at_any_durable_step_ends_the_same(
    config: RunConfig, tmp_path: Path, reference: Mapping[str, Any], first: int
) -> None:
    steps = count_steps(config, tmp_path / "counted")
    assert steps > 70, "the count misses steps"
    for step in range(first, steps, 6):  # the last one gives the lock back
        assert die(config, tmp_path / str(step), step) == -signal.SIGKILL, step
        assert finish(config, tmp_path / str(step)) == reference, step


@pytest.mark.slow
@pytest.mark.parametrize("first", [30, 42, 56])
def test_run_killed_again_while_it_recovers_ends_the_same(
    config: RunConfig, tmp_path: Path, reference: Mapping[str, Any], first: int
) -> None:
    for second in range(1, 40, 8):
        work = tmp_path / str(second)
        assert die(config, work, first) == -signal.SIGKILL
        assert die(config, work, second) == -signal.SIGKILL
        assert finish(config, work) == reference, second


def test_run_killed_at_random_moments_ends_the_same(work: Path, undisturbed: Undisturbed) -> None:
    moments = random.Random(4)
    kills = 0
    for _ in range(8):
        child = command(work, *LONG, before=[lambda: setattr(fit, "COMMIT_SECONDS", 0.03)])
        time.sleep(moments.uniform(0.1, 0.5))
        child.signal(signal.SIGKILL)
        kills += child.wait().code == -signal.SIGKILL
    assert kills > 0
    assert go_on(work, *LONG) == undisturbed(*LONG)


def test_kill_costs_no_more_than_what_came_after_the_last_commit(work: Path) -> None:
    kill = before_call(fit, "train_step", 2 * 3 + 2, send(signal.SIGKILL))
    command(work, *WORDS, before=[commit_every_epoch, kill]).wait()
    ended = command(work, *WORDS).wait()
    assert "3/3" in ended.out
    assert "2/3" not in ended.out, "two epochs were committed"


MOMENTS: dict[str, tuple[object, str, int]] = {
    "loading the data": (files, "read_recorded", 1),
    "claiming the folder": (locks, "lock", 1),
    "the first step": (fit, "train_step", 1),
    "a later step": (fit, "train_step", 8),
    "an evaluation": (fit, "measure_epoch", 2),
    "the last evaluation": (fit, "measure_epoch", 3),
    "the best weights": (durable, "replace", 1),
    "the mark of the end": (durable, "show", 1),
    "the result": (RunFolder, "stage", 1),
    "the picture": (lifecycle, "draw_curves", 1),
    "the report": (run_summary, "print_result", 1),
}


@pytest.mark.matrix(cases=8)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_ends_the_command_and_loses_nothing(
    work: Path, reference: Mapping[str, Any], moment: str, number: int, code: int
) -> None:
    owner, name, call = MOMENTS[moment]
    strike = before_call(owner, name, call, send(number))
    ended = command(work, *WORDS, before=[commit_only_when_asked, strike]).wait()
    assert ended.code == code, ended.err
    word = "terminated" if code == 143 else "interrupted"
    assert ended.line == f"regbench: {word}; the same command resumes from here"
    assert go_on(work) == reference


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_in_training_commits_the_epochs_so_far(work: Path, number: int) -> None:
    strike = before_call(fit, "train_step", 8, send(number))
    command(work, *WORDS, before=[commit_only_when_asked, strike]).wait()
    assert read_checkpoint(run_folder(work) / "checkpoint/last.safetensors").facts["track"]["epoch"] == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_second_signal_ends_the_command_at_once(
    work: Path, reference: Mapping[str, Any], number: int, code: int
) -> None:
    strike = before_call(fit, "train_step", 8, send(number, number))
    ended = command(work, *WORDS, before=[commit_every_epoch, strike]).wait()
    assert ended.code == code
    assert len(ended.line) > 0
    assert read_checkpoint(run_folder(work) / "checkpoint/last.safetensors").facts["track"]["epoch"] == 2
    assert go_on(work) == reference


def test_long_epoch_is_not_waited_for(work: Path, reference: Mapping[str, Any]) -> None:
    strike = before_call(fit, "train_step", 8, send(signal.SIGTERM))
    before = [commit_every_epoch, lambda: setattr(fit, "PATIENT_SECONDS", 0.0), strike]
    assert command(work, *WORDS, before=before).wait().code == 143
    assert read_checkpoint(run_folder(work) / "checkpoint/last.safetensors").facts["track"]["epoch"] == 2
    assert go_on(work) == reference


def halted_in_training(work: Path) -> Child:
    """Return a run that has stopped itself in its third epoch and holds its folder."""
    child = command(work, *WORDS, before=[commit_every_epoch, before_call(fit, "train_step", 7, send(signal.SIGSTOP))])
    child.wait_until_halted()
    return child


def test_second_process_is_refused_with_the_owners_pid(work: Path, reference: Mapping[str, Any]) -> None:
    owner = halted_in_training(work)
    before = contents(run_folder(work))
    rival = command(work.parent / "rival", *WORDS, f"runs={work / 'runs'}").wait()
    assert rival.code == 2
    assert f"is in use by process {owner.pid} on {os.uname().nodename}" in rival.line
    assert contents(run_folder(work)) == before
    owner.signal(signal.SIGCONT)
    assert owner.wait().code == 0
    assert fingerprint(run_folder(work)) == reference


def test_killed_owner_frees_the_folder_at_once(work: Path, reference: Mapping[str, Any]) -> None:
    owner = halted_in_training(work)
    owner.signal(signal.SIGKILL)
    owner.wait()
    assert go_on(work) == reference


def test_sixteen_processes_execute_a_sweep_once(warm: None, work: Path) -> None:
    words = (*WORDS, f"runs={work}", "-m", "seed=0,1")
    children = [command(work.parent / str(number), *words) for number in range(16)]
    codes = [child.wait().code for child in children]
    assert set(codes) <= {0, 1, 2}  # 1 and 2: a run was in use by another of the sixteen
    logs = [path.read_text() for path in work.glob("*/*/run.log")]
    assert [log.count(" training\n") for log in logs] == [1, 1]
    states = [read_state(json.loads(path.read_text())["status"]) for path in work.glob("*/*/result.json")]
    assert states == [RunState.COMPLETE] * 2


def test_installed_command_stopped_by_ctrl_c_goes_on_where_it_was(work: Path, undisturbed: Undisturbed) -> None:
    words = (*LONG[:3], "schedule.epochs=300", "schedule/stop=none", *WORDS[4:], "name=typed")
    work.mkdir()

    def trains() -> bool:
        assert process.poll() is None, "it has ended already"
        return any(table.read_bytes().count(b"\n") > 20 for table in work.glob("runs/*/*/metrics.csv"))

    with started("run", *words, cwd=work) as process:
        wait_for(trains)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "regbench: interrupted; the same command resumes from here\n")
    folder = run_folder(work)
    committed = read_checkpoint(folder / "checkpoint/last.safetensors").facts
    assert committed["metrics_bytes"] == (folder / "metrics.csv").stat().st_size, "an epoch was not committed"
    assert 19 < committed["track"]["epoch"] < 300
    assert go_on(work, *words, before=()) == undisturbed(*words)
