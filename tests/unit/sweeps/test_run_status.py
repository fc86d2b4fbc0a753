"""How runs stand, as their folders tell it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regbench.sweeps.manifest import describe
from regbench.sweeps.run_status import Standing, Survey
from tests.unit.sweeps.folders import configure, put_result, result, survey

ENTRIES = describe([configure(seed=seed) for seed in range(5)])


def test_every_state_is_told(tmp_path: Path) -> None:
    contents = [
        result(),
        result(status="stopped_early"),
        result(status="diverged"),
        {"status": "failed", "error": "no"},
    ]
    for entry, content in zip(ENTRIES, contents, strict=False):
        put_result(tmp_path, entry, content)
    (tmp_path / ENTRIES[4].run_id).mkdir()
    standings = survey(tmp_path, ENTRIES)
    assert [s.entry for s in standings] == ENTRIES
    assert [s.state for s in standings] == ["done", "done", "done", "failed", "waiting"]
    assert [s.status for s in standings] == ["complete", "stopped_early", "diverged", "failed", "waiting"]
    assert [s.error for s in standings] == [None, None, None, "no", None]
    assert standings[0].figures("val") == {"loss": 0.5, "accuracy": 0.9}


def test_a_complete_result_is_read_once_and_a_failure_again(tmp_path: Path) -> None:
    done, failed = ENTRIES[:2]
    put_result(tmp_path, done, result(0.9))
    put_result(tmp_path, failed, {"status": "failed", "error": "first"})
    seen = Survey(tmp_path, [done, failed])
    seen.poll()
    put_result(tmp_path, done, result(0.1))
    os.utime(tmp_path / failed.run_id / "result.json", ns=(1, 1))
    put_result(tmp_path, failed, {"status": "failed", "error": "second"})
    seen.poll()
    assert seen.standings[0].figures("val")["accuracy"] == 0.9
    assert seen.standings[1].error == "second"
    (tmp_path / failed.run_id / "result.json").unlink()  # what a run does that is tried again
    seen.poll()
    assert seen.standings[1] == Standing(failed)
    put_result(tmp_path, failed, result(0.7))
    seen.poll()
    assert seen.standings[1].state == "done"


def test_an_unchanged_failure_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_result(tmp_path, ENTRIES[0], {"status": "failed", "error": "once"})
    seen = Survey(tmp_path, ENTRIES[:1])
    seen.poll()
    monkeypatch.setattr("regbench.sweeps.run_status.read_json", None)
    seen.poll()
    assert seen.standings[0].error == "once"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"status": "complete"}', b'{"status": "odd", "best": {}}',
     b'{"status": ["complete"], "best": {}}', b'{"status": "complete", "best": 3}', b" " * (1 << 24) + b"{}"],
)  # fmt: skip
def test_a_broken_result_is_a_failure_with_its_reason(tmp_path: Path, content: bytes) -> None:
    put_result(tmp_path, ENTRIES[0], content)
    (standing,) = survey(tmp_path, ENTRIES[:1])
    assert standing.state == "failed"
    assert (standing.error or "").startswith("result.json ")


def test_a_result_that_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    for place, entry in enumerate(ENTRIES[:2]):
        (tmp_path / entry.run_id).mkdir()
        path = tmp_path / entry.run_id / "result.json"
        path.mkdir() if place else os.mkfifo(path)
    (tmp_path / ENTRIES[2].run_id).write_text("a file in place of a folder")
    assert [s.state for s in survey(tmp_path, ENTRIES)] == ["failed", "failed", "waiting", "waiting", "waiting"]


def test_figures_that_are_none_are_left_out(tmp_path: Path) -> None:
    odd = {"loss": None, "accuracy": "0.9", "a": True, "b": 10**400, "c": float("nan"), "d": float("inf"), "e": 1}
    content = {**result(), "best": {"train": odd, "val": None, "test": []}, "epochs": "9", "seconds": None}
    put_result(tmp_path, ENTRIES[0], content)
    (standing,) = survey(tmp_path, ENTRIES[:1])
    assert standing.figures("train") == {"e": 1.0}
    assert [standing.figures(part) for part in ("val", "test", "other")] == [{}, {}, {}]
    assert [standing.has_part(part) for part in ("train", "val", "test")] == [True, False, False]
    assert [standing.number(name) for name in ("epochs", "seconds", "best_epoch")] == [None, None, 7]
