"""What the cluster tests compare with: the same sweep, trained without any engine."""

from __future__ import annotations

import pytest

from tests.cluster.clusters import LONG, figures, sweep


@pytest.fixture(scope="session")
def trained_here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The figures of the eight runs as one worker of this machine finds them."""
    folder = tmp_path_factory.mktemp("here")
    assert sweep(folder, "sweep.workers=1", *LONG).code == 0
    found = figures(folder)
    assert len(found) == 8
    return found
