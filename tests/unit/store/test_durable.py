"""The order of the durable steps: what a power cut at any moment may find on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regbench.store import durable


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The durable steps in the order in which they happen, each with the name of the file it is about."""
    seen: list[tuple[str, str]] = []

    def watch(name: str, file_of: Callable[..., str]) -> None:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            seen.append((name, Path(file_of(*args)).name))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, call)

    def opened(descriptor: int, *_: object) -> str:
        return os.readlink(f"/proc/self/fd/{descriptor}")

    if not Path("/proc/self/fd").exists():
        pytest.skip("the names of open files are read from /proc")
    for name in ("write", "fsync"):
        watch(name, opened)
    for name in ("replace", "link"):
        watch(name, lambda source, target: target)
    return seen


def test_a_file_is_durable_before_its_name_and_its_name_before_the_call_returns(
    tmp_path: Path, steps: list[tuple[str, str]]
) -> None:
    durable.replace(tmp_path / "a", b"one", b"two")
    assert steps == [
        ("write", ".a.tmp"),
        ("write", ".a.tmp"),
        ("fsync", ".a.tmp"),
        ("replace", "a"),
        ("fsync", tmp_path.name),
    ]
    assert (tmp_path / "a").read_bytes() == b"onetwo"


def test_the_older_generation_is_durable_before_the_newer_is_touched(
    tmp_path: Path, steps: list[tuple[str, str]]
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    durable.replace(tmp_path / "a", b"new", keep=tmp_path / "b")
    assert steps == [
        ("write", ".a.tmp"),
        ("fsync", ".a.tmp"),
        ("link", ".b.tmp"),
        ("replace", "b"),
        ("fsync", tmp_path.name),
        ("replace", "a"),
        ("fsync", tmp_path.name),
    ]
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"new", b"old"]


def test_generations_that_are_one_file_part_at_the_next_write(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")  # as after a kill between the two renames
    durable.replace(tmp_path / "a", b"new", keep=tmp_path / "b")
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == {"a": b"new", "b": b"old"}


def test_every_new_folder_is_made_durable_in_its_parent(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    durable.make_folder(tmp_path / "one" / "two")
    assert steps == [("fsync", tmp_path.name), ("fsync", "one")]
    durable.make_folder(tmp_path / "one" / "two")
    assert len(steps) == 2


def test_writes_that_take_one_byte_at_a_time_store_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:1]))
    durable.replace(tmp_path / "a", b"0123456789", memoryview(b"abc"))
    assert (tmp_path / "a").read_bytes() == b"0123456789abc"


def test_a_disk_that_takes_nothing_is_an_error_not_a_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", lambda descriptor, data: 0)
    with pytest.raises(durable.StorageError, match=r"cannot write 3 bytes to .*a: No space left on device"):
        durable.replace(tmp_path / "a", b"abc")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_the_middle_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        durable.replace(tmp_path / "a", b"new")
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == {"a": b"old"}


def test_remove_skips_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"")
    durable.remove(tmp_path / "a", tmp_path / "b")
    assert list(tmp_path.iterdir()) == []
