"""Living workers and dead ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from regbench.errors import ConfigError
from regbench.store import durable, locks
from regbench.store.locks import lock_is_taken
from regbench.sweeps.heartbeat import Heartbeat, HeartbeatWriter, read_heartbeats

HOST = os.uname().nodename
CHILD = """
import sys, time
from pathlib import Path
from regbench.sweeps.heartbeat import HeartbeatWriter
with HeartbeatWriter.open(Path(sys.argv[1]), "child-1") as heartbeat:
    heartbeat.report("a label", 4, 1, 2)
    print("ready", flush=True)
    time.sleep(600)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".sweep").iterdir())


def test_a_worker_is_there_while_it_lives(tmp_path: Path) -> None:
    with (
        HeartbeatWriter.open(tmp_path / "new", "b-2.x") as second,
        HeartbeatWriter.open(tmp_path / "new", "a-1") as first,
    ):
        assert read_heartbeats(tmp_path / "new") == []  # it has written nothing yet
        first.report("digits mlp", 128, 3, 50)
        second.report("iris [linear]", 1, 0, 9)
        assert read_heartbeats(tmp_path / "new") == [
            Heartbeat("a-1", HOST, "digits mlp", 128, 3, 50),
            Heartbeat("b-2.x", HOST, "iris [linear]", 1, 0, 9),
        ]
    assert read_heartbeats(tmp_path / "new") == []
    assert names(tmp_path / "new") == []


def test_it_writes_at_most_every_half_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("regbench.sweeps.heartbeat.time.monotonic", lambda: now[0])
    with HeartbeatWriter.open(tmp_path, "w") as heartbeat:
        heard = []
        for epoch in range(8):
            heartbeat.report("x", 1, epoch, 8)
            heard.append(read_heartbeats(tmp_path)[0].epoch)
            now[0] += 0.2
    assert heard == [0, 0, 0, 3, 3, 3, 6, 6]


def test_a_killed_worker_is_gone_and_what_it_left_too(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        assert [heartbeat.label for heartbeat in read_heartbeats(tmp_path)] == ["a label"]
        with pytest.raises(ConfigError, match="another worker is called child-1"):
            HeartbeatWriter.open(tmp_path, "child-1")
        child.send_signal(signal.SIGKILL)
    (tmp_path / ".sweep" / ".worker-child-1.json.tmp").write_text("half")
    assert len(names(tmp_path)) == 3
    assert read_heartbeats(tmp_path) == []
    assert names(tmp_path) == []
    HeartbeatWriter.open(tmp_path, "child-1").close()


def test_a_worker_survives_readers_who_clear_up(tmp_path: Path) -> None:
    """A reader that removes a lock between its opening and its locking must leave the worker with a file of its own."""
    lock = tmp_path / ".sweep" / "worker-w.lock"
    for _ in range(20):
        with HeartbeatWriter.open(tmp_path, "w") as heartbeat:
            heartbeat.report("x", 1, 1, 1)
            assert read_heartbeats(tmp_path) == read_heartbeats(tmp_path) != []
            assert lock_is_taken(lock)
        assert not lock.exists()


def test_a_lock_removed_while_it_is_taken_is_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = locks.lock
    calls = []

    def remove_first(path: Path) -> int | None:
        descriptor = taken(path)
        calls.append(path)
        if len(calls) == 1:
            path.unlink()
        return descriptor

    monkeypatch.setattr(locks, "lock", remove_first)
    with HeartbeatWriter.open(tmp_path, "w") as heartbeat:
        assert len(calls) == 2
        heartbeat.report("x", 1, 1, 1)
        assert len(read_heartbeats(tmp_path)) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"host": 1}', "null", "[" * 9999])
def test_an_account_that_cannot_be_read_is_left_out(tmp_path: Path, text: str) -> None:
    with HeartbeatWriter.open(tmp_path, "w"):
        (tmp_path / ".sweep" / "worker-w.json").write_text(text)
        assert read_heartbeats(tmp_path) == []


def test_counts_that_are_none_are_left_out(tmp_path: Path) -> None:
    with HeartbeatWriter.open(tmp_path, "w"):
        for odd in ("true", "-1", "1.5", '"3"', "1e3", "99999999999999999999"):
            text = f'{{"host": "h", "label": "x", "runs": {odd}, "epoch": 1, "epochs": 1}}'
            (tmp_path / ".sweep" / "worker-w.json").write_text(text)
            assert read_heartbeats(tmp_path) == []


def test_a_link_in_place_of_a_lock_leads_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("content")
    (tmp_path / ".sweep").mkdir()
    (tmp_path / ".sweep" / "worker-w.lock").symlink_to(target)
    assert read_heartbeats(tmp_path) == []
    assert target.read_text() == "content"


def test_a_full_disk_does_not_stop_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise durable.StorageError("no space")

    with HeartbeatWriter.open(tmp_path, "w") as heartbeat:
        monkeypatch.setattr(durable, "publish", refuse)
        heartbeat.report("x", 1, 1, 1)
        assert read_heartbeats(tmp_path) == []


def test_names_and_places_that_cannot_be(tmp_path: Path) -> None:
    for name in ("", "../x", "a/b", ".", "a\n"):
        with pytest.raises(ValueError, match="file's name"):
            HeartbeatWriter.open(tmp_path, name)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="sweep's folder"):
        HeartbeatWriter.open(tmp_path / "file", "w")
    assert read_heartbeats(tmp_path / "missing") == []
