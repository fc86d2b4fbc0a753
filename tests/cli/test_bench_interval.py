"""`study.interval=corrected`: the same runs, judged for the cautious."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from scipy import stats

from regbench.cli.main import main

WORDS = [
    *("dataset=iris", "study.arms=[dropout]", "study.replicates=10", "study.trials=1", "name=s"),
    *("sweep.workers=1", "study.reference=false", "schedule.epochs=4", "model.widths=[8]"),
]


def test_intervals_are_corrected_without_training_and_back_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "runs" / "s"
    assert main(["bench", *WORDS]) == 0
    usual, plan = (study / "verdict.json").read_bytes(), (study / "study.json").read_bytes()
    trained = {path: path.stat().st_mtime_ns for path in study.rglob("result.json")}
    capsys.readouterr()
    assert main(["bench", *WORDS, "study.interval=corrected"]) == 0
    told = capsys.readouterr().out
    text = " ".join(told.split())  # lines are wrapped
    assert "note intervals are corrected for training rows that replicates share (0.25 test" in text
    assert "Nadeau &amp; Bengio" in (study / "report.html").read_text()
    verdict = json.loads((study / "verdict.json").read_text())
    (arm,) = verdict["arms"]
    assert verdict["interval"] == {"method": "corrected", "overlap": 0.25}
    half = stats.t.ppf(0.975, 9) * arm["s"] * math.sqrt(1 / 10 + 30 / 120)
    assert (arm["low"], arm["high"]) == pytest.approx((arm["difference"] - half, arm["difference"] + half), abs=1e-5)
    assert main(["compare", "runs/s"]) == 0
    compared = capsys.readouterr().out
    assert next(line for line in told.splitlines() if line.startswith("dropout")) in compared
    assert main(["bench", *WORDS, "study.interval=cautious"]) == 2
    assert "study.interval='cautious' is not allowed" in capsys.readouterr().err
    assert main(["bench", *WORDS]) == 0
    assert ((study / "verdict.json").read_bytes(), (study / "study.json").read_bytes()) == (usual, plan)
    assert trained == {path: path.stat().st_mtime_ns for path in study.rglob("result.json")}
