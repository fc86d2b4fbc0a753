"""Runs that are really trained, once, for the pages that need networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench import api

TECHNIQUES = ("none", "l1", "mixup", "input_noise")


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of the two moons: three techniques, and l1 at three strengths, a run of three epochs each."""
    runs = tmp_path_factory.mktemp("report")
    common = [
        "dataset=moons",
        "schedule.epochs=3",
        "model.widths=[16]",
        f"runs={runs}",
        "name=moons",
        "sweep.workers=1",
    ]
    strengths = ["regularizer=l1", "regularizer.l1.strength=1e-4,1e-3,1e-2"]
    api.sweep(common, parts=[["regularizer=none,mixup,input_noise"], strengths])
    return runs / "moons"


@pytest.fixture(scope="session")
def run_folders(sweep: Path) -> dict[str, Path]:
    """One run of each technique."""
    return {name: next(iter(sorted(sweep.glob(f"moons-mlp-{name}-s0-*")))) for name in TECHNIQUES}
