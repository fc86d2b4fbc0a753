"""The articles' worked example through the command line: eight figures, and the zeros of the lasso."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from regbench.cli.main import main

# Mean squared error in training and test, and weights exactly zero of eight; scikit-learn's, fully converged.
EXPECTED = {
    "article_none": (1.6713, 5.4532, 0),
    "article_ridge": (2.9305, 1.7757, 0),
    "article_lasso": (2.8764, 2.1149, 6),
    "article_elastic_net": (2.8329, 1.7884, 1),
    "article_elastic_net_printed": (3.1694, 2.1436, 0),
    "article_ridge_ball": (2.9305, 1.7757, 0),
    "article_lasso_ball": (2.8764, 2.1149, 6),
    "article_elastic_net_ball": (2.8329, 1.7884, 1),
}


@pytest.mark.matrix(cases=3)
@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPECTED)
def test_worked_example(experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", f"experiment={experiment}", "quiet=true"]) == 0
    (path,) = (tmp_path / "runs" / "default").iterdir()
    result = json.loads((path / "result.json").read_text())
    train, test, zeros = EXPECTED[experiment]
    assert result["best"]["train"]["mse"] == pytest.approx(train, abs=1e-3)
    assert result["best"]["test"]["mse"] == pytest.approx(test, abs=1e-3)
    weight = load_file(path / "checkpoint" / "best.safetensors")["linear.weight"]
    assert weight.shape == (1, 8)
    assert (weight == 0.0).sum() == zeros
    assert result["parameters"] == 9
