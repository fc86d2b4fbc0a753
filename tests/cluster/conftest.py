"""What the cluster tests compare with: the same sweep, trained without any engine."""

from __future__ import annotations

import pytest

from tests.cluster.clusters import LONG, figures, sweep
from tests.conftest import Shared


@pytest.fixture(scope="session")
def trained_here(shared: Shared) -> dict[str, object]:
    """The figures of the six runs as one worker of this machine finds them."""
    with shared("trained_here") as folder:
        assert sweep(folder, "sweep.workers=1", *LONG).code == 0
    found = figures(folder)
    assert len(found) == 6
    return found
