"""A run that was interrupted does not go on with other data than it began with."""

from __future__ import annotations

from pathlib import Path

import pytest

from regbench.cli.main import main
from regbench.training.cohort import Cohort


def write_rows(path: Path, shift: float) -> None:
    rows = [f"{k % 7},{(k * k) % 11},{k % 7 + 0.1 * (k % 5) + shift}" for k in range(120)]
    path.write_text("a,b,y\n" + "\n".join(rows) + "\n")


def test_changed_data_are_refused_and_fresh_starts_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("regbench.training.fit.COMMIT_SECONDS", 0.0)
    write_rows(tmp_path / "rows.csv", 0.0)
    words = ["run", "-q", "dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "schedule.epochs=5"]
    step = Cohort.step

    def strike(self, chosen, moment, rates):  # type: ignore[no-untyped-def]
        if moment.epoch == 3:
            raise KeyboardInterrupt
        return step(self, chosen, moment, rates)

    monkeypatch.setattr(Cohort, "step", strike)
    assert main(words) == 130
    monkeypatch.setattr(Cohort, "step", step)
    capsys.readouterr()
    table = next(tmp_path.glob("runs/*/*/metrics.csv"))
    committed = table.read_bytes()
    write_rows(tmp_path / "rows.csv", 1.0)
    assert main(words) == 1
    refusal = capsys.readouterr().err
    assert "the data have changed since its last commit" in refusal
    assert len(refusal.splitlines()) == 1
    assert table.read_bytes() == committed
    assert main([*words, "resume=fresh"]) == 0
    assert len(table.read_text().splitlines()) == 6
