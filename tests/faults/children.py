"""The command as a process that can be killed: forked from the tests, which have paid for the imports once."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regbench.cli.main import main
from regbench.training import fit

DURABLE_STEPS = ("mkdir", "write", "ftruncate", "fsync", "link", "replace", "unlink")
"""The functions of `os` through which a run changes its folder."""

PATIENCE = 60.0
"""Seconds after which a process that was waited for counts as hanging."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, minus the signal if one killed it, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of a refusal; fails if it is a traceback or more than a line."""
        assert len(self.err.splitlines()) == 1, self.err
        return self.err.strip()


@dataclass(frozen=True)
class Child:
    """A forked process in which the command runs, in a folder of its own that also takes what it prints."""

    pid: int
    folder: Path

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait_until_halted(self) -> None:
        """Wait until it has stopped itself with SIGSTOP."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), self.end(status)

    def wait(self) -> Ended:
        return self.end(os.waitpid(self.pid, 0)[1])

    def end(self, status: int) -> Ended:
        out, err = ((self.folder / name).read_text() for name in ("out", "err"))
        return Ended(os.waitstatus_to_exitcode(status), out, err)


def fork(folder: Path, work: Callable[[], int], *before: Callable[[], object]) -> Child:
    """Start `work` in a fork, in `folder`; `before` is called there first, to prepare what goes wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: fork next to threads, which do not matter
        pid = os.fork()
    if pid:
        return Child(pid, folder)
    code = 99
    try:
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        for prepare in before:
            prepare()
        code = work()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def command(folder: Path, *words: str, before: Sequence[Callable[[], object]] = ()) -> Child:
    """Start `regbench run` with these words in a fork."""
    return fork(folder, lambda: main(["run", *words]), *before)


@contextmanager
def started(*words: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the installed command, as a person does; it is killed if the test does not wait for its end."""
    program = shutil.which("regbench", path=str(Path(sys.executable).parent))
    assert program, "the command is not installed beside this Python"
    process = subprocess.Popen(
        [program, *words], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(happened: Callable[[], bool]) -> None:
    """Wait until something is so."""
    limit = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.005)


def count_durable_steps(strike: Callable[[int, str, tuple[Any, ...]], object]) -> None:
    """Call `strike` with number, name and arguments before each durable step of this process, from 1."""
    counter = itertools.count(1)

    def counted(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            strike(next(counter), name, args)
            return real(*args, **kwargs)

        return call

    for name in DURABLE_STEPS:
        setattr(os, name, counted(name))


def dying_at(step: int) -> Callable[[], None]:
    """Return the preparation of a process that gets SIGKILL in place of its n-th durable step.

    Where that step is a write, half of it is still done.
    """
    write = os.write

    def strike(number: int, name: str, args: tuple[Any, ...]) -> None:
        if number == step:
            if name == "write":
                write(args[0], args[1][: len(args[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: count_durable_steps(strike)


def before_call(owner: object, name: str, number: int, action: Callable[[], object]) -> Callable[[], None]:
    """Return the preparation of a process in which something happens just before the n-th call of a function."""

    def prepare() -> None:
        real, counter = getattr(owner, name), itertools.count(1)

        def call(*args: Any, **kwargs: Any) -> Any:
            if next(counter) == number:
                action()
            return real(*args, **kwargs)

        setattr(owner, name, call)

    return prepare


def send(*numbers: int) -> Callable[[], None]:
    """Return what sends signals to the own process."""

    def act() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    return act


def contents(path: Path) -> dict[str, bytes]:
    """Return all files below a folder, but for the lock."""
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file() and f.name != ".lock"}


def read_result(path: Path) -> dict[str, Any]:
    """Return a run's result without its seconds, which differ and may."""
    result: dict[str, Any] = json.loads((path / "result.json").read_bytes())
    return {name: value for name, value in result.items() if name != "seconds"}


def fingerprint(path: Path) -> Mapping[str, Any]:
    """Return what must be equal, bit for bit, whatever happened while a run came to its result."""
    names = ("metrics.csv", "curves.svg", "config.yaml", "checkpoint/best.safetensors")
    assert [f.name for f in path.rglob("*.tmp")] == [], "a temporary file was left"
    return {"result": read_result(path), **{name: (path / name).read_bytes() for name in names}}


def run_folder(work: Path) -> Path:
    """Return the only run's folder below the working folder."""
    (folder,) = (work / "runs").glob("*/*")
    return folder


def commit_every_epoch() -> None:
    """Let this process commit after every epoch, as a run with long epochs does."""
    fit.COMMIT_SECONDS = 0.0


def commit_only_when_asked() -> None:
    """Let this process commit only when it is asked to stop, as a short run does."""
    fit.COMMIT_SECONDS = 1e9
