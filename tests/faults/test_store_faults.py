"""Kills, full disks, damaged files and rival processes against a stand-in training that only stores.

Oracle everywhere: the files of one undisturbed run. "Same" means that metrics.csv, result.json and the tensors are
byte-identical to it once the same command was given again.
"""

from __future__ import annotations

import errno
import itertools
import os
import resource
import shutil
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from regbench.errors import ConfigError, RegbenchError
from regbench.store import CheckpointError, FolderInUse, RunFolder, StorageError, read_checkpoint
from regbench.store.checkpoint import SCHEMA, write_checkpoint

EPOCHS, EVERY = 7, 2
HEADER = ("epoch", "loss", "val_loss")
RESULT_FILES = ("metrics.csv", "result.json", "checkpoint/best.safetensors")
STEPS = ("mkdir", "write", "ftruncate", "fsync", "link", "replace", "unlink")
PICKLE = b"cos\nsystem\n(S'echo executed > canary'\ntR."


def train(path: Path, until: int = EPOCHS, config_hash: str = "c0ffee") -> dict[str, Any] | None:
    """Stand in for a training: every epoch's numbers follow from the epoch before. `until` stops without a trace."""
    with RunFolder.claim(path) as folder:
        done = folder.result()
        if done is not None:
            return done
        folder.write_config("seed: 0\n")
        folder.write_run({"device": "cpu"})
        commit = folder.resume(config_hash, HEADER)
        weights = torch.zeros(40, dtype=torch.float64) if commit is None else commit.tensors["w"]
        epoch = 0 if commit is None else commit.facts["epoch"]
        while epoch < until:
            epoch += 1
            weights = weights * 0.9 + epoch
            row = {"epoch": epoch, "loss": weights[0].item() / 3, "val_loss": float("nan") if epoch == 3 else None}
            folder.append(row, {"epoch": epoch, "seconds": time.monotonic()})
            if epoch % EVERY == 0:
                folder.commit({"w": weights}, {"epoch": epoch, "best": float("inf")})
        if until == EPOCHS:
            folder.finish({"status": "complete", "loss": weights[0].item()}, {"w": weights})
        return folder.result()


def fingerprint(path: Path) -> dict[str, Any]:
    return {name: (path / name).read_bytes() for name in RESULT_FILES}


def contents(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file() and f.name != ".lock"}


def assert_no_temporaries(path: Path) -> None:
    assert [f.name for f in path.rglob("*") if f.name.endswith(".tmp")] == []


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("reference") / "run"
    train(path)
    return fingerprint(path)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """A run stopped in epoch 5: `prev` has epoch 2, `last` epoch 4, one row is not committed."""
    train(tmp_path / "run", until=5)
    return tmp_path / "run"


def in_child(work: Callable[[], object]) -> tuple[int, str]:
    """Run in a forked process; return its exit code (minus the signal that killed it) and its refusal, if any."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork next to threads, which do not matter
        pid = os.fork()
    if pid == 0:
        code, message = 0, ""
        try:
            work()
        except RegbenchError as error:
            code, message = error.exit_code, str(error)
        except BaseException as error:
            code, message = 99, repr(error)
        send = message.encode()
        os.writev(write, [send])
        os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text


def kill_at(step: int, work: Callable[[], object], torn: bool = False) -> int:
    """Run `work` in a child that gets SIGKILL in place of its n-th durable step; return how the child ended."""
    counter = itertools.count(1)

    def deadly(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(counter) == step:
                if torn and name == "write":
                    real(args[0], args[1][: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    def child() -> None:
        for name in STEPS:
            setattr(os, name, deadly(getattr(os, name), name))
        work()

    code, message = in_child(child)
    assert code in (0, -signal.SIGKILL), message
    return code


def failing(monkeypatch: pytest.MonkeyPatch, name: str, at: int, code: int) -> Callable[[], bool]:
    """Make the n-th call of an `os` function fail, a write after it took a part; return whether it came to that."""
    real, counter, seen = getattr(os, name), itertools.count(1), []

    def call(*args: Any, **kwargs: Any) -> Any:
        if next(counter) == at:
            seen.append(at)
            if name == "write":
                real(args[0], args[1][: len(args[1]) // 2])
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, name, call)
    return lambda: bool(seen)


# 1, 2: kill -9


@pytest.mark.parametrize("torn", [False, True])
def test_killed_at_any_durable_step_the_same_command_ends_with_the_same_files(
    tmp_path: Path, reference: dict[str, Any], torn: bool
) -> None:
    for step in itertools.count(1):
        path = tmp_path / str(step)
        survived = kill_at(step, lambda path=path: train(path), torn) == 0
        train(path)
        assert fingerprint(path) == reference, f"killed at step {step}"
        assert_no_temporaries(path)
        shutil.rmtree(path)
        if survived:
            break
    assert step > 40  # the enumeration met every step of a whole run, not none


@pytest.mark.matrix(cases=5)
@pytest.mark.parametrize("first", range(2, 62, 6))  # the first step makes the folder
def test_killed_again_while_recovering_the_result_is_the_same(
    tmp_path: Path, reference: dict[str, Any], first: int
) -> None:
    once, twice, kills = tmp_path / "once", tmp_path / "twice", 0
    kill_at(first, lambda: train(once))
    for second in range(1, 80, 4):
        shutil.copytree(once, twice)
        survived = kill_at(second, lambda: train(twice)) == 0
        train(twice)
        assert fingerprint(twice) == reference, f"killed at step {first}, then at {second}"
        assert_no_temporaries(twice)
        shutil.rmtree(twice)
        if survived:
            break
        kills += 1
    assert kills > 6


def test_killed_while_falling_back_to_prev_the_result_is_the_same(interrupted: Path, reference: dict[str, Any]) -> None:
    last = interrupted / "checkpoint/last.safetensors"
    last.write_bytes(last.read_bytes()[:100])
    for step in itertools.count(1):
        path = interrupted.with_name(f"killed-{step}")
        shutil.copytree(interrupted, path)
        survived = kill_at(step, lambda path=path: train(path)) == 0
        train(path)
        assert fingerprint(path) == reference, f"killed at step {step}"
        if survived:
            break
    assert step > 20


def test_killed_while_starting_over_nothing_half_removed_passes_for_a_result(
    tmp_path: Path, reference: dict[str, Any]
) -> None:
    train(tmp_path / "done")

    def discard(path: Path) -> None:
        with RunFolder.claim(path) as folder:
            folder.discard()

    for step in itertools.count(1):
        path = tmp_path / str(step)
        shutil.copytree(tmp_path / "done", path)
        survived = kill_at(step, lambda path=path: discard(path)) == 0
        try:
            train(path)
        except CheckpointError:  # rows are gone, but not the checkpoint that vouches for them
            discard(path)
            train(path)
        assert fingerprint(path) == reference
        if survived:
            break
    assert step > 6


# 7, 8, 10: full and failing disks


def test_disk_full_at_any_size_names_file_and_bytes_and_keeps_what_was_committed(
    interrupted: Path, reference: dict[str, Any]
) -> None:
    size = (interrupted / "checkpoint/last.safetensors").stat().st_size
    for limit in range(0, size, 41):
        path = interrupted.with_name(f"limit-{limit}")
        shutil.copytree(interrupted, path)

        def limited(path: Path = path, limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            train(path)

        code, message = in_child(limited)
        assert code == 1, f"limit {limit}: {message}"
        assert str(path) in message
        assert limit < 60 or " bytes to " in message  # below, not even the owner's name fits into the lock file
        assert "\n" not in message
        assert read_checkpoint(path / "checkpoint/last.safetensors").facts["epoch"] >= 4
        assert read_checkpoint(path / "checkpoint/prev.safetensors").facts["epoch"] >= 2
        assert_no_temporaries(path)
        train(path)
        assert fingerprint(path) == reference


@pytest.mark.parametrize(
    ("name", "code"),
    [("write", errno.ENOSPC), ("fsync", errno.EIO), ("replace", errno.EIO), ("link", errno.EIO)],
)
def test_a_failed_step_is_never_reported_as_saved(
    tmp_path: Path, reference: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    for at in itertools.count(1):
        path = tmp_path / str(at)
        with monkeypatch.context() as patch:
            failed = failing(patch, name, at, code)
            try:
                message = "" if train(path) else "no result"
            except StorageError as error:
                message = str(error)
            assert bool(message) == failed(), f"{name} number {at}: {message!r}"
            assert not message or os.strerror(code) in message
        assert_no_temporaries(path)
        train(path)
        assert fingerprint(path) == reference, f"{name} number {at}"
        if not failed():
            break
    assert at > 2


def test_a_row_that_did_not_fit_leaves_no_torn_line_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunFolder.claim(tmp_path) as folder:
        folder.resume("c0ffee", HEADER)
        folder.append({"epoch": 1}, {"epoch": 1})
        before = (tmp_path / "metrics.csv").read_bytes()
        with monkeypatch.context() as patch:
            failing(patch, "write", 1, errno.ENOSPC)
            with pytest.raises(StorageError, match=r"cannot append \d+ bytes to .*metrics\.csv: No space left"):
                folder.append({"epoch": 2}, {"epoch": 2})
        assert (tmp_path / "metrics.csv").read_bytes() == before == b"epoch,loss,val_loss\n1,,\n"


def test_without_hard_links_the_older_generation_is_copied(
    tmp_path: Path, reference: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    train(tmp_path, until=6)
    assert read_checkpoint(tmp_path / "checkpoint/prev.safetensors").facts["epoch"] == 4
    train(tmp_path)
    assert fingerprint(tmp_path) == reference


# 9: folders that cannot be used


def test_a_parent_that_is_a_file_is_one_line_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file/run", tmp_path / ("x" * 300)):
        with pytest.raises(ConfigError, match="cannot be used as a run's folder") as refused:
            RunFolder.claim(path)
        assert refused.value.exit_code == 2
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_folder_that_may_not_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, "mkdir", 1, code)
        with pytest.raises(ConfigError, match=os.strerror(code)):
            RunFolder.claim(tmp_path / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_parent_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(ConfigError, match="Permission denied"):
            RunFolder.claim(tmp_path / "run")
    finally:
        tmp_path.chmod(0o755)


# 11, 12, 13, 18: damaged checkpoints


def damages(data: bytes) -> dict[str, bytes]:
    cut = {f"cut at {n}": data[:n] for n in (len(data) * k // 16 for k in range(16))}
    flipped = {f"flip {n}": data[:n] + bytes([data[n] ^ 1 << n % 8]) + data[n + 1 :] for n in range(0, len(data), 97)}
    return cut | flipped | {"zeros": bytes(len(data)), "longer": data + b"\0", "a program": PICKLE}


def test_a_damaged_last_is_noticed_and_prev_takes_over(interrupted: Path, reference: dict[str, Any]) -> None:
    original = (interrupted / "checkpoint/last.safetensors").read_bytes()
    for number, (name, data) in enumerate(damages(original).items()):
        path = interrupted.with_name(f"damaged-{number}")
        shutil.copytree(interrupted, path)
        (path / "checkpoint/last.safetensors").write_bytes(data)
        train(path)
        assert fingerprint(path) == reference, name
        assert "resuming from prev.safetensors" in (path / "run.log").read_text(), name
        shutil.rmtree(path)


def test_a_missing_last_is_replaced_by_prev(interrupted: Path, reference: dict[str, Any]) -> None:
    (interrupted / "checkpoint/last.safetensors").unlink()
    train(interrupted)
    assert fingerprint(interrupted) == reference


def test_a_program_in_place_of_a_file_is_never_executed(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, reference: dict[str, Any]
) -> None:
    monkeypatch.chdir(interrupted)
    for name in ("last", "prev"):
        (interrupted / f"checkpoint/{name}.safetensors").write_bytes(PICKLE)
    with pytest.raises(CheckpointError):
        train(interrupted)
    (interrupted / "result.json").write_bytes(PICKLE)
    with pytest.raises(StorageError, match=r"result\.json cannot be read"):
        train(interrupted)
    assert not (interrupted / "canary").exists()


# 14 to 16: refusals change nothing


def refuses(path: Path, *words: str, config_hash: str = "c0ffee") -> None:
    before = contents(path)
    with pytest.raises(CheckpointError) as refused:
        train(path, config_hash=config_hash)
    for word in (*words, "resume=fresh"):
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)
    assert contents(path) == before


def test_two_damaged_generations_are_refused_by_name_and_fresh_starts_over(
    interrupted: Path, reference: dict[str, Any]
) -> None:
    for name in ("last", "prev"):
        (interrupted / f"checkpoint/{name}.safetensors").write_bytes(b"")
    refuses(interrupted, "last.safetensors", "prev.safetensors")
    with RunFolder.claim(interrupted) as folder:
        folder.discard()
    train(interrupted)
    assert fingerprint(interrupted) == reference


def test_a_damaged_only_generation_is_refused(tmp_path: Path) -> None:
    train(tmp_path, until=2)
    (tmp_path / "checkpoint/last.safetensors").write_bytes(b"")
    refuses(tmp_path, "last.safetensors", "prev.safetensors")


def test_another_configuration_is_refused_with_both_values(interrupted: Path) -> None:
    refuses(interrupted, "c0ffee", "decade", config_hash="decade")


@pytest.mark.parametrize("version", [SCHEMA - 1, SCHEMA + 1])
def test_another_schema_version_is_refused_with_both_values(interrupted: Path, version: int) -> None:
    last = interrupted / "checkpoint/last.safetensors"
    commit = read_checkpoint(last)
    write_checkpoint(last, commit.tensors, {**commit.facts, "schema": version})
    refuses(interrupted, f"schema version {version}", f"has {SCHEMA}")


def test_best_in_place_of_last_is_no_commit_record(interrupted: Path, reference: dict[str, Any]) -> None:
    last = interrupted / "checkpoint/last.safetensors"
    write_checkpoint(last, {"w": torch.zeros(40, dtype=torch.float64)}, {"config_hash": "c0ffee"})
    train(interrupted)
    assert fingerprint(interrupted) == reference


# 20, 21: rows


@pytest.mark.parametrize(
    "tail", [b"6,0.1", b"6,0.1,\n6,0.1,\n", b"epoch,loss,val_loss\n", b"6,0.1,\r\n", b"\0" * 50, b"\xff\n"]
)
def test_what_follows_the_committed_rows_is_cut(interrupted: Path, reference: dict[str, Any], tail: bytes) -> None:
    for name in ("metrics.csv", "timing.csv"):
        with (interrupted / name).open("ab") as file:
            file.write(tail)
    train(interrupted)
    assert fingerprint(interrupted) == reference
    assert [line.split(b",")[0] for line in (interrupted / "timing.csv").read_bytes().splitlines()[1:]] == [
        str(epoch).encode() for epoch in range(1, EPOCHS + 1)
    ]


def test_edited_or_missing_committed_rows_are_refused(interrupted: Path) -> None:
    table = interrupted / "metrics.csv"
    original = table.read_bytes()
    for edited in (original.replace(b"\n", b"\r\n"), original.replace(b"\n2,", b"\n9,"), original[:30], b""):
        table.write_bytes(edited)
        refuses(interrupted, "metrics.csv was edited")
    table.unlink()
    refuses(interrupted, "metrics.csv is missing")


def test_lost_times_do_not_stop_a_run(interrupted: Path, reference: dict[str, Any]) -> None:
    (interrupted / "timing.csv").unlink()
    train(interrupted)
    assert fingerprint(interrupted) == reference
    assert (interrupted / "timing.csv").read_text().startswith("epoch,seconds\n5,")


# 22 to 24: rivals


def hold(path: Path) -> tuple[int, int]:
    """Fork a process that claims the folder and keeps it; return its pid and the pipe on which it said so."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        folder = RunFolder.claim(path)
        os.writev(write, [b"claimed"])
        signal.pause()
        folder.close()
        os._exit(0)
    os.close(write)
    assert os.read(read, 100) == b"claimed"
    return pid, read


def test_a_second_process_is_told_the_owner_and_a_killed_owner_frees_the_folder_at_once(tmp_path: Path) -> None:
    pid, pipe = hold(tmp_path / "run")
    try:
        with pytest.raises(FolderInUse, match=f"process {pid} on {os.uname().nodename}") as refused:
            RunFolder.claim(tmp_path / "run")
        assert refused.value.exit_code == 2
        assert "\n" not in str(refused.value)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(pipe)
    with RunFolder.claim(tmp_path / "run"):
        pass


def test_one_process_cannot_claim_twice_either(tmp_path: Path) -> None:
    with RunFolder.claim(tmp_path), pytest.raises(FolderInUse, match=f"process {os.getpid()} "):
        RunFolder.claim(tmp_path)


def test_sixteen_processes_at_once_execute_the_run_once(tmp_path: Path, reference: dict[str, Any]) -> None:
    path, count = tmp_path / "run", tmp_path / "executions"
    read, write = os.pipe()
    pids = []
    for _ in range(16):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid:
            pids.append(pid)
            continue
        code = 99
        try:
            os.close(write)
            os.read(read, 1)  # returns in all of them when the parent closes the pipe
            real = RunFolder.finish

            def finish(folder: RunFolder, *args: Any, real: Callable[..., None] = real) -> None:
                with count.open("a") as file:
                    file.write("x")
                real(folder, *args)

            RunFolder.finish = finish  # type: ignore[method-assign]
            train(path)
            code = 0
        except FolderInUse as error:
            code = 2 if " on " in str(error) and "process " in str(error) else 98
        finally:
            os._exit(code)
    os.close(read)
    os.close(write)
    codes = {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids}
    assert 0 in codes
    assert codes <= {0, 2}
    assert count.read_text() == "x"
    assert fingerprint(path) == reference


# 32: complete runs


def test_a_complete_run_is_answered_without_touching_a_file(tmp_path: Path) -> None:
    first = train(tmp_path)
    before = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*") if f.name != ".lock"}
    assert train(tmp_path) == first
    assert {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*") if f.name != ".lock"} == before


def test_a_failed_run_is_tried_again(interrupted: Path, reference: dict[str, Any]) -> None:
    with RunFolder.claim(interrupted) as folder:
        folder.fail(ValueError("three\nlines\nlong"))
        assert folder.result() is None
    assert b'"error": "ValueError: three"' in (interrupted / "result.json").read_bytes()
    assert train(interrupted, until=6) is None
    assert not (interrupted / "result.json").exists()  # the old failure is not the state of the new attempt
    train(interrupted)
    assert fingerprint(interrupted) == reference
