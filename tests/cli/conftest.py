"""What the tests of the command line share: the command run in this process, with the training replaced by a record."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.session import Session, write


@pytest.fixture
def regbench(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> Iterator[Session]:
    """The command, in an empty folder, with `run_one` and `run_sweep` replaced by a record of what they were given."""
    session = Session(capsys)
    for name, function in (
        ("runs.execute.run_one", session.record),
        ("sweeps.execute.run_sweep", session.record_sweep),
    ):
        path, _, attribute = f"regbench.{name}".rpartition(".")
        module = ModuleType(path)
        setattr(module, attribute, function)
        monkeypatch.setitem(sys.modules, path, module)
    monkeypatch.delenv("REGBENCH_CONFIG_PATH", raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))
    handlers, level = list(logging.root.handlers), logging.root.level
    yield session
    logging.root.handlers[:], logging.root.level = handlers, level  # `--info` answers through the root logger


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A person's own configuration folder: a preset, a grid, and a technique's settings under another file name."""
    write(
        tmp_path / "experiment/cocktail.yaml",
        "# @package _global_\n"
        "defaults:\n  - override /regularizer: [l2, dropout]\n"
        "seed: 7\nname: mine\nregularizer: {l2: {strength: 3.0e-3}}\n",
    )
    write(
        tmp_path / "experiment/grid.yaml",
        '# @package _global_\nhydra: {sweeper: {params: {regularizer: "[],[l2],[l2,dropout]"}}}\n',
    )
    return tmp_path
