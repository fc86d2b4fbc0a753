"""What the tests of sweeps share."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench.cli.main import main
from tests.sweep.commands import SMALL


@pytest.fixture(scope="session", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Pay once for the imports and for torch's first step; the forks have them for nothing."""
    runs = tmp_path_factory.mktemp("warm")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(runs)
        assert main(["run", *SMALL]) == 0
    import joblib.externals.loky  # noqa: F401

    import regbench.sweeps.execute  # noqa: F401


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty folder to run in."""
    return tmp_path / "work"
