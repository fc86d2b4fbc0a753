"""What every test relies on: one thread, no settings of the person's shell, the same random examples each time."""

from __future__ import annotations

import os
import signal

# Started in the background of a shell, this process ignores Ctrl-C, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before torch is first imported: pytest-xdist's workers share the cores, and more threads than cores only slow them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
for name in ("REGBENCH_CONFIG_PATH", "HYDRA_FULL_ERROR"):
    os.environ.pop(name, None)

from hypothesis import settings  # noqa: E402  (the lines above must come first)

# No deadline: a shared machine is slow at times. Derandomized: a red test is red for everyone.
settings.register_profile("regbench", deadline=None, derandomize=True)
settings.load_profile("regbench")

import fcntl  # noqa: E402
import hashlib  # noqa: E402
from collections import defaultdict  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import AbstractContextManager, contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TypeAlias  # noqa: E402

import pytest  # noqa: E402

SAMPLE_SEED = "regbench"
"""Chooses which cases of a matrix `make test` runs; the choice hardly changes when the matrix grows."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-cases", action="store_true", help="run every case of tests marked `matrix`, not a sample")


def pytest_report_header(config: pytest.Config) -> str:
    return "matrix: all cases" if config.getoption("--all-cases") else f"matrix: sample of seed {SAMPLE_SEED!r}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep, of each test marked `matrix(cases=N)`, N cases: those whose names have the least hashes."""
    if config.getoption("--all-cases"):
        return
    matrices: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("matrix")
        if mark is not None:
            matrices[item.nodeid.partition("[")[0], mark.kwargs["cases"]].append(item)
    dropped: set[pytest.Item] = set()
    for (_, cases), found in matrices.items():
        ordered = sorted(found, key=lambda item: hashlib.sha256(f"{SAMPLE_SEED} {item.name}".encode()).hexdigest())
        dropped.update(ordered[cases:])
    if dropped:
        config.hook.pytest_deselected(items=[item for item in items if item in dropped])
        items[:] = [item for item in items if item not in dropped]


Shared: TypeAlias = Callable[[str], AbstractContextManager[Path]]
"""Gives a folder that all workers of pytest-xdist share, to one of them at a time."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """For sweeps that several workers compare with: the first trains them, and the others find them finished."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    @contextmanager
    def lend(name: str) -> Iterator[Path]:
        folder = root / name
        folder.mkdir(exist_ok=True)
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder

    return lend
