"""Recorded files: which changes are seen, and which questions cost no reading."""

from __future__ import annotations

import os
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest

from regbench.data.dataset import REQUIRED
from regbench.data.fingerprint import FileRecord, hash_file, read_file_record, read_recorded
from regbench.data.loading import build_dataset, dataset_class, dataset_names
from regbench.errors import ConfigError

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The published SHA-256 of no bytes at all."""

ROWS = "a,y\n" + "".join(f"{number},{number % 3}\n" for number in range(30))


def refuse_to_hash(path: Path) -> str:
    raise AssertionError(f"{path} was read")


def record(path: Path) -> FileRecord:
    """Return the record of a CSV file, as if it had been written long before it was read."""
    dataset = build_dataset({"name": "csv", "path": str(path), "target": "y"})
    _, files = read_recorded(dataset, dataset.read)
    assert files is not None
    (found,) = files
    return replace(found, recorded_ns=found.recorded_ns + 10**10)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return path


def test_the_hash_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert hash_file(tmp_path / "empty") == EMPTY


def test_an_untouched_file_is_trusted_unread(rows: Path) -> None:
    assert record(rows).is_unchanged(refuse_to_hash)


def test_a_file_of_another_size_is_another_one_unread(rows: Path) -> None:
    known = record(rows)
    rows.write_text(ROWS + "1,1\n")
    assert not known.is_unchanged(refuse_to_hash)


def test_a_touched_file_is_read_and_is_the_same(rows: Path) -> None:
    known = record(rows)
    os.utime(rows)
    assert known.is_unchanged(hash_file)
    with pytest.raises(AssertionError, match="was read"):
        known.is_unchanged(refuse_to_hash)


def test_other_bytes_of_the_same_size_and_modification_time_are_seen(rows: Path) -> None:
    known, before = record(rows), rows.stat()
    time.sleep(0.05)  # more than a tick of the clock that stamps files
    rows.write_text(ROWS.replace("7,1", "7,2"))
    os.utime(rows, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (rows.stat().st_size, rows.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert not known.is_unchanged(hash_file)


def test_a_file_that_was_young_when_it_was_recorded_is_never_trusted(rows: Path) -> None:
    """Its times are the recorded ones, as after a second write within one tick of the clock."""
    known = record(rows)
    written = max(known.mtime_ns, known.ctime_ns)
    young = replace(known, recorded_ns=written + 10**9, sha256=EMPTY)
    assert not young.is_unchanged(hash_file)
    assert replace(young, recorded_ns=written + 3 * 10**9).is_unchanged(hash_file)


def test_a_relative_path_is_the_file_that_it_names_now(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(rows.parent)
    known = record(Path("rows.csv"))
    assert known.path == str(rows)
    elsewhere = rows.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(FileNotFoundError):
        known.is_unchanged(hash_file)
    (elsewhere / "rows.csv").write_text(ROWS)
    assert known.is_unchanged(hash_file)
    (elsewhere / "rows.csv").write_text(ROWS.replace("7,1", "7,2"))
    assert not known.is_unchanged(hash_file)


def test_a_file_that_changes_while_it_is_read_is_refused(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = build_dataset({"name": "csv", "path": str(rows), "target": "y"})
    read = type(dataset).read

    def read_late(self):  # type: ignore[no-untyped-def]
        rows.write_text(ROWS + "1,1\n")
        return read(self)

    monkeypatch.setattr(type(dataset), "read", read_late)
    with pytest.raises(ConfigError, match=r"rows\.csv changed while it was read"):
        read_recorded(dataset, dataset.read)


def test_what_can_be_read_only_once_is_read_once_and_not_recorded(tmp_path: Path) -> None:
    ends = os.pipe()
    os.write(ends[1], ROWS.encode())
    os.close(ends[1])
    dataset = build_dataset({"name": "csv", "path": f"/dev/fd/{ends[0]}", "target": "y"})
    raw, files = read_recorded(dataset, dataset.read)
    os.close(ends[0])
    assert (len(raw.y), files) == (30, None)


def test_every_data_set_says_what_it_reads() -> None:
    for name in dataset_names():
        declared = fields(dataset_class(name))
        required = {field.name: f"a {field.name}" for field in declared if field.default == REQUIRED}
        paths = tuple(value for key, value in required.items() if key not in ("target", "time"))
        assert build_dataset({"name": name, **required}).files() == paths, name
    four = {"train_images": "p", "train_labels": "q", "test_images": "r", "test_labels": "s"}
    assert build_dataset({"name": "idx", **four}).files() == ("p", "q", "r", "s")


def test_a_record_reads_back_equal_and_nothing_else_does(rows: Path) -> None:
    known = record(rows)
    assert read_file_record(known.to_json()) == known
    for damaged in (None, [], "x", {}, known.to_json() | {"size": "7"}, known.to_json() | {"more": 1}):
        assert read_file_record(damaged) is None


class TestFolder:
    """A folder of many files is one record."""

    @pytest.fixture
    def known(self, tmp_path: Path) -> FileRecord:
        for name in ("a/1.txt", "a/2.txt", "b/1.txt", "b/2.txt"):
            (tmp_path / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "texts" / name).write_text(f"text {name}")
        dataset = build_dataset({"name": "text", "path": str(tmp_path / "texts")})
        _, files = read_recorded(dataset, dataset.read)
        assert files is not None
        (found,) = files
        return replace(found, recorded_ns=found.recorded_ns + 10**10)

    def test_untouched_it_is_trusted_unread(self, known: FileRecord) -> None:
        assert known.is_unchanged(refuse_to_hash)

    def test_touched_it_is_read_and_is_the_same(self, known: FileRecord) -> None:
        time.sleep(0.05)
        os.utime(Path(known.path) / "a/1.txt")
        with pytest.raises(AssertionError, match="was read"):
            known.is_unchanged(refuse_to_hash)
        assert known.is_unchanged(hash_file)

    @pytest.mark.parametrize("change", ["write", "rename", "swap"])
    def test_whatever_changes_in_it_is_seen(self, known: FileRecord, change: str) -> None:
        """None of these changes the size of all files together."""
        time.sleep(0.05)
        first, second = Path(known.path) / "a/1.txt", Path(known.path) / "b/1.txt"
        before = first.stat()
        if change == "write":
            first.write_text("TEXT a/1.txt")
            os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))
        elif change == "rename":
            first.rename(first.with_name("3.txt"))
        else:
            first.rename(first.with_name("x"))
            second.rename(first)
            first.with_name("x").rename(second)
        assert not known.is_unchanged(hash_file)

    def test_more_and_fewer_files_are_seen_unread(self, known: FileRecord) -> None:
        (Path(known.path) / "a/3.txt").write_text("more")
        assert not known.is_unchanged(refuse_to_hash)
        (Path(known.path) / "a/3.txt").unlink()
        (Path(known.path) / "a/2.txt").unlink()
        assert not known.is_unchanged(refuse_to_hash)
