"""`sweep.csv` and the table at the end of a sweep."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from regbench.display.sweep_summary import MOST_GROUPS, MOST_LISTED, format_score, print_outcome, print_sweep
from regbench.statuses import RunState
from regbench.sweeps.manifest import PlannedRun
from regbench.sweeps.ranking import Score
from regbench.sweeps.result import SweepResult
from regbench.sweeps.run_status import RunStatus
from tests.unit.sweeps.folders import make_status, read_statuses, result, small_sweep


def printed(folder: Path, statuses: Any, capsys: pytest.CaptureFixture[str]) -> str:
    print_sweep(statuses, folder)
    return capsys.readouterr().out


def test_the_table_the_best_the_failures_and_the_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = small_sweep(tmp_path)
    text = printed(tmp_path, read_statuses(tmp_path, runs), capsys)
    lines = text.splitlines()
    first = next(line for line in lines if line.startswith("none"))
    assert first.split() == ["none", "2/3", "0.8000", "±", "0.1000", *["0.8000", "±", "0.0000"] * 2]
    assert "1 diverged" in text
    assert any(line.startswith("best") and line.endswith("regularizer=none") for line in lines)
    assert f"{runs[3].run_id}: no" in text
    assert "more" not in text
    assert str(tmp_path / runs[3].run_id / "run.log") in text
    assert runs[4].run_id in text
    assert "3/6 complete (1 diverged), 1 failed, 2 missing" in text
    assert text.rstrip().endswith(str(tmp_path / "sweep.csv"))


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.INTERRUPTED, RunState.MISSING])
def test_runs_that_are_left_are_listed_by_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], state: RunState
) -> None:
    runs = [make_status({"seed": 0}, result(), "a"), make_status({"seed": 1}, None, "b", left=state)]
    text = printed(tmp_path, runs, capsys)
    assert any(line.split() == [state.value, "b"] for line in text.splitlines())
    assert f"1/2 complete, 0 failed, 1 {state.value}" in text


@pytest.mark.parametrize(
    ("states", "number", "said", "to_errors"),
    [
        (["complete"] * 3, None, "3 complete, 0 failed", False),
        (["complete", "failed"], None, "1 complete, 1 failed", True),
        (["complete", "failed", "missing", "interrupted"], signal.SIGINT,
         "interrupted: 1 complete, 1 failed, 2 left; the same command resumes from here", True),
        (["stopped_early", "missing"], signal.SIGTERM,
         "terminated: 1 complete, 0 failed, 1 left; the same command resumes from here", True),
        (["diverged"], signal.SIGINT, "1 complete, 0 failed", False),  # the signal came too late to leave any
    ],
)  # fmt: skip
def test_the_outcome_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    states: list[str],
    number: int | None,
    said: str,
    to_errors: bool,
) -> None:
    statuses = tuple(RunStatus(PlannedRun(f"r{n}", {"seed": n}), RunState(state)) for n, state in enumerate(states))
    print_outcome(SweepResult(folder=tmp_path, statuses=statuses, signal=number))
    streams = capsys.readouterr()
    line = f"regbench: {said}\n"
    assert (streams.out, streams.err) == (("", line) if to_errors else (line, ""))


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_no_line_of_the_table_is_wider_than_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    runs = [
        make_status(
            {"regularizer": name, "a.rather.long.key": "word " * 9, "seed": seed},
            result(0.5 + seed / 10, status=status),
        )
        for name in ("none", "dropout+elastic_net+mixup")
        for seed, status in enumerate(("complete", "complete", "diverged"))
    ]
    text = printed(tmp_path, runs, capsys)
    assert "\x1b" not in text
    table = text.partition("\n\n")[0].strip("\n").splitlines()
    assert max(map(len, table)) <= int(columns)
    assert "0.5500 ± 0.0500" in text
    assert "diverged" in text
    assert ("test accuracy" in text) == (columns != "40")


def test_long_lists_are_cut_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = [make_status({"model": f"m{place}"}, result(place / 100), f"d{place}") for place in range(MOST_GROUPS + 7)]
    bad = [make_status({"model": "m0"}, {"status": "failed", "error": "e"}, f"f{n}") for n in range(MOST_LISTED + 3)]
    text = printed(tmp_path, [*done, *bad], capsys)
    assert "... and 7 more in sweep.csv" in text
    assert "... and 3 more in sweep.csv" in text
    assert f"f{MOST_LISTED - 1}: e" in text
    assert f"f{MOST_LISTED}: e" not in text


def test_each_data_set_has_its_table_and_its_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [
        make_status({"dataset.name": data, "model": model, "seed": 0}, result(value, metric=metric))
        for data, metric, model, value in (
            ("iris", "accuracy", "a", 0.25), ("iris", "accuracy", "b", 0.5),
            ("diabetes", "mse", "a", 0.25), ("diabetes", "mse", "b", 0.5),
        )
    ]  # fmt: skip
    text = printed(tmp_path, runs, capsys)
    assert "dataset=iris\n" in text
    assert "val mse" in text
    assert "val accuracy" in text
    assert "dataset=iris model=b" in text
    assert "dataset=diabetes model=a" in text


def test_without_a_validation_part_nothing_is_called_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(tmp_path, [make_status({"model": m}, result(None)) for m in "ab"], capsys)
    assert "no validation part" in " ".join(text.split())
    assert not any(line.startswith("best") for line in text.splitlines())


def test_nothing_from_a_file_acts_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[bold]x[/bold]\x1b[31m\r:smile:"
    values = {"regularizer": hostile, f"model.{hostile}": hostile}
    runs = [
        make_status({**values, "dataset.name": hostile}, {"status": "failed", "error": hostile}, hostile),
        make_status({**values, "dataset.name": "b"}, result()),
    ]
    text = printed(tmp_path, runs, capsys)
    assert "\x1b" not in text
    assert "\r" not in text
    assert "[bold]x[/bold]\\x1b[31m\\r:smile:" in text


def test_scores() -> None:
    assert format_score(Score(0.96114, 0.00123)) == "0.9611 ± 0.0012"
    assert format_score(Score(0.5, None)) == "0.5000 ± -"
    assert format_score(None) == "-"


def test_the_table_marks_techniques_that_are_off_and_says_why_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = {"cutout": "fraction=0.25 of 2 columns is rounded to 0"}
    runs = [
        make_status(
            {"seed": seed, "regularizer": name, "model.widths": width},
            {**result(), "idle": own},
            f"{name}{seed}{width}",
        )
        for seed in (0, 1)
        for width in (8, 16)
        for name, own in (("cutout", idle), ("l2", {}))
    ]
    text = printed(tmp_path, runs, capsys)
    assert sum(line.split()[:2] == ["cutout:", "off"] for line in text.splitlines()) == 2
    assert text.count("cutout is off on these data, because fraction=0.25 of 2 columns is rounded to 0\n") == 1
    assert "l2: off" not in text
