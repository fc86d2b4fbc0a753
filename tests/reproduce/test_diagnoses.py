"""Ten networks whose fault is known, diagnosed by the command: each gets the name of its fault.

Of what stands behind each name, the first is the fault that was built in; others may follow it, as where a hundred rows
with wrong labels are overfitted and too few.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regbench.cli.main import main

pytestmark = pytest.mark.reproduce

CASES = {
    "linear on spirals": (
        "underfitting",
        ("dataset=spirals", "model=linear", "schedule.optimizer.lr=0.01"),
    ),
    "MLP on spirals": (
        "fits well",
        ("dataset=spirals", "dataset.n=1500", "schedule.optimizer.lr=0.01", "schedule.epochs=60"),
    ),
    "large MLP, 100 digits, 30 % wrong labels": (
        "strong overfitting",
        (
            *("dataset=digits", "dataset.train_size=100", "dataset.label_noise=0.3"),
            *("model.widths=[512,512,512]", "schedule.epochs=60"),
        ),
    ),
    "large MLP on diabetes": (
        "strong overfitting",
        ("dataset=diabetes", "model.widths=[256,256]", "schedule.epochs=200"),
    ),
    "small MLP on breast_cancer": (
        "fits well",
        ("dataset=breast_cancer", "model.widths=[16]", "schedule.optimizer.lr=0.003"),
    ),
    "random labels": (
        "nothing to learn found",
        ("dataset=digits", "dataset.label_noise=0.9", "schedule.epochs=50"),
    ),
    "strength 3": (
        "over-regularized",
        ("dataset=breast_cancer", "regularizer=l2", "regularizer.l2.strength=3", "schedule.optimizer.lr=0.003"),
    ),
    "rate 1e-5": (
        "trained too briefly",
        ("dataset=breast_cancer", "schedule.optimizer.lr=1e-5", "schedule.epochs=20"),
    ),
    "one telling column of 41": (
        "both underfitting and overfitting",
        ("dataset=csv", "dataset.path=waves.csv", "dataset.target=y", "schedule.epochs=150"),
    ),
    "linear on 40 digits": (
        "short of data",
        ("dataset=digits", "dataset.train_size=40", "model=linear", "schedule.optimizer.lr=0.01"),
    ),
}


def write_waves(path: Path) -> None:
    """Write 800 rows of which one column says the class, in waves, and forty say nothing."""
    inputs = np.random.default_rng(0).uniform(-1, 1, size=(800, 41))
    classes = np.where(np.sin(7 * inputs[:, 0]) > 0, "up", "down")
    names = [f"x{number}" for number in range(inputs.shape[1])]
    rows = [",".join([*(f"{value:.4f}" for value in row), name]) for row, name in zip(inputs, classes, strict=True)]
    path.write_text("\n".join([",".join([*names, "y"]), *rows]) + "\n")


@pytest.mark.parametrize("case", CASES)
def test_a_fault_that_was_built_in_gets_its_name(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_waves(Path("waves.csv"))
    name, words = CASES[case]
    assert main(["diagnose", "-q", *words]) == 0
    printed = capsys.readouterr().out
    with capsys.disabled():
        print(f"\n{case}\n{printed}")
    (line,) = (line for line in printed.splitlines() if line.startswith("diagnosis"))
    assert line.removeprefix("diagnosis").strip().startswith(name)
