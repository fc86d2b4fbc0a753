"""MNIST-1D as published: the test accuracies of Greydanus (2020), mean of five seeds, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regbench.cli.main import main

PUBLISHED = {"mnist1d_linear": (0.32, 410), "mnist1d_mlp": (0.68, 15_210)}


@pytest.mark.reproduce
@pytest.mark.parametrize("experiment", PUBLISHED)
def test_published_accuracy(experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "-m", f"experiment={experiment}", "seed=0,1,2,3,4", "quiet=true"]) == 0
    results = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/*/result.json")]
    accuracy, parameters = PUBLISHED[experiment]
    assert len(results) == 5
    assert {result["parameters"] for result in results} == {parameters}
    assert {(result["status"], result["best_epoch"]) for result in results} == {("complete", 150)}
    reached = [result["best"]["test"]["accuracy"] for result in results]
    assert np.mean(reached) == pytest.approx(accuracy, abs=0.025), reached
