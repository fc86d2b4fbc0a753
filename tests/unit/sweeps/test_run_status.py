"""States of runs, as their folders tell them."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from regbench.statuses import RunState
from regbench.store.run_folder import RunFolder
from regbench.sweeps.manifest import PlannedRun, describe
from regbench.sweeps.run_status import RunStatus, StatusReader
from tests.unit.sweeps.folders import configure, put_result, read_statuses, result

RUNS = describe([configure(seed=seed) for seed in range(5)])


def test_every_state_is_told(tmp_path: Path) -> None:
    contents = [
        result(status="finished"),  # as earlier versions wrote it
        result(status="stopped_early"),
        result(status="diverged"),
        {"status": "failed", "error": "no"},
    ]
    for run, content in zip(RUNS, contents, strict=False):
        put_result(tmp_path, run, content)
    (tmp_path / RUNS[4].run_id).mkdir()
    statuses = read_statuses(tmp_path, RUNS)
    assert [s.run for s in statuses] == RUNS
    assert [s.state for s in statuses] == ["complete", "stopped_early", "diverged", "failed", "missing"]
    assert [s.error for s in statuses] == [None, None, None, "no", None]
    assert statuses[0].figures("val") == {"loss": 0.5, "accuracy": 0.9}


def test_a_run_without_a_result_is_running_interrupted_or_missing(tmp_path: Path) -> None:
    alive, resumed, dead, left, claimed, untouched = (tmp_path / f"run{n}" for n in range(6))
    runs = [PlannedRun(path.name, {}) for path in (alive, resumed, dead, left, claimed, untouched)]
    for path in (resumed, dead, left):
        (path / "checkpoint").mkdir(parents=True)
        (path / "checkpoint/last.safetensors").write_bytes(b"anything")
    (dead / ".lock").write_text("4711 host\n")  # the name of an owner that was killed
    RunFolder.claim(claimed).close()
    with RunFolder.claim(alive), RunFolder.claim(resumed):
        states = [status.state for status in read_statuses(tmp_path, runs)]
    assert states == ["running", "running", "interrupted", "interrupted", "missing", "missing"]
    assert [status.state for status in read_statuses(tmp_path, runs)][:2] == ["missing", "interrupted"]


def test_states_change_with_every_look(tmp_path: Path) -> None:
    (run,) = RUNS[:1]
    reader = StatusReader(tmp_path, [run])
    seen = []

    def look() -> None:
        reader.poll()
        seen.append(str(reader.statuses[0].state))

    look()
    with RunFolder.claim(tmp_path / run.run_id) as folder:
        look()
        (folder.path / "checkpoint/prev.safetensors").write_bytes(b"anything")
    look()
    put_result(tmp_path, run, {"status": "failed", "error": "x"})
    look()
    put_result(tmp_path, run, result(status="diverged"))
    look()
    assert seen == ["missing", "running", "interrupted", "failed", "diverged"]


def test_reading_states_never_keeps_a_run_from_starting(tmp_path: Path) -> None:
    """A killed run's lock is asked about again and again by another process while this one claims the folder."""
    run = PlannedRun("run", {})
    (tmp_path / "run").mkdir()
    reader = os.fork()
    if not reader:
        with suppress(BaseException):
            while True:
                read_statuses(tmp_path, [run])
        os._exit(1)
    try:
        for _ in range(300):
            (tmp_path / "run/.lock").write_text("4711 host\n")
            RunFolder.claim(tmp_path / "run").close()
    finally:
        os.kill(reader, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == -signal.SIGKILL, "the reader failed"


def test_a_complete_result_is_read_once_and_a_failure_again(tmp_path: Path) -> None:
    done, failed = RUNS[:2]
    put_result(tmp_path, done, result(0.9))
    put_result(tmp_path, failed, {"status": "failed", "error": "first"})
    seen = StatusReader(tmp_path, [done, failed])
    seen.poll()
    put_result(tmp_path, done, result(0.1))
    os.utime(tmp_path / failed.run_id / "result.json", ns=(1, 1))
    put_result(tmp_path, failed, {"status": "failed", "error": "second"})
    seen.poll()
    assert seen.statuses[0].figures("val")["accuracy"] == 0.9
    assert seen.statuses[1].error == "second"
    (tmp_path / failed.run_id / "result.json").unlink()  # what a run does that is tried again
    seen.poll()
    assert seen.statuses[1] == RunStatus(failed)
    put_result(tmp_path, failed, result(0.7))
    seen.poll()
    assert seen.statuses[1].state is RunState.COMPLETE


def test_an_unchanged_failure_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_result(tmp_path, RUNS[0], {"status": "failed", "error": "once"})
    seen = StatusReader(tmp_path, RUNS[:1])
    seen.poll()
    monkeypatch.setattr("regbench.sweeps.run_status.read_json", None)
    seen.poll()
    assert seen.statuses[0].error == "once"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"status": "finished"}', b'{"status": "odd", "best": {}}',
     b'{"status": ["finished"], "best": {}}', b'{"status": "finished", "best": 3}', b" " * (1 << 24) + b"{}"],
)  # fmt: skip
def test_a_broken_result_is_a_failure_with_its_reason(tmp_path: Path, content: bytes) -> None:
    put_result(tmp_path, RUNS[0], content)
    (status,) = read_statuses(tmp_path, RUNS[:1])
    assert status.state == "failed"
    assert (status.error or "").startswith("result.json ")


def test_a_result_that_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    for place, run in enumerate(RUNS[:2]):
        (tmp_path / run.run_id).mkdir()
        path = tmp_path / run.run_id / "result.json"
        path.mkdir() if place else os.mkfifo(path)
    (tmp_path / RUNS[2].run_id).write_text("a file in place of a folder")
    assert [s.state for s in read_statuses(tmp_path, RUNS)] == ["failed", "failed", "missing", "missing", "missing"]


def test_figures_that_are_none_are_left_out(tmp_path: Path) -> None:
    odd = {"loss": None, "accuracy": "0.9", "a": True, "b": 10**400, "c": float("nan"), "d": float("inf"), "e": 1}
    content = {**result(), "best": {"train": odd, "val": None, "test": []}, "epochs": "9", "seconds": None}
    put_result(tmp_path, RUNS[0], content)
    (status,) = read_statuses(tmp_path, RUNS[:1])
    assert status.figures("train") == {"e": 1.0}
    assert [status.figures(part) for part in ("val", "test", "other")] == [{}, {}, {}]
    assert [status.has_part(part) for part in ("train", "val", "test")] == [True, False, False]
    assert [status.number(name) for name in ("epochs", "seconds", "best_epoch")] == [None, None, 7]


@pytest.mark.parametrize("name", ["result.json", "run.json"])
@pytest.mark.parametrize(
    ("content", "said"),
    [({"schema": 99}, "has schema 99, this regbench has 2; use that one"), ([], "is not"), ("no JSON", "is not JSON")],
)
def test_files_that_cannot_be_trusted_are_named(tmp_path: Path, name: str, content: object, said: str) -> None:
    put_result(tmp_path, RUNS[0], result())
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / RUNS[0].run_id / name).write_text(text)
    (status,) = read_statuses(tmp_path, RUNS[:1])
    assert (status.state, status.result) == (RunState.FAILED, None)
    assert (status.error or "").startswith(f"{name} {said}")


def test_the_origin_is_that_of_run_json(tmp_path: Path) -> None:
    for run in RUNS[:2]:
        put_result(tmp_path, run, result())
    (tmp_path / RUNS[0].run_id / "run.json").write_text(json.dumps({"schema": 2, "data_checksum": "da7a"}))
    assert [status.origin.data_checksum for status in read_statuses(tmp_path, RUNS[:2])] == ["da7a", None]
