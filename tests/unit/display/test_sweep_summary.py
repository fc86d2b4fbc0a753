"""`sweep.csv` and the table at the end of a sweep."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from regbench.display.sweep_summary import MOST_GROUPS, MOST_LISTED, format_score, print_outcome, print_sweep
from regbench.errors import ConfigError
from regbench.statuses import RunState
from regbench.sweeps.manifest import PlannedRun, describe
from regbench.sweeps.ranking import Score
from regbench.sweeps.result import SweepResult
from regbench.sweeps.run_status import RunStatus
from regbench.sweeps.table import write_csv
from tests.unit.sweeps.folders import configure, make_status, put_result, read_statuses, result


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, strict=True))


def small_sweep(folder: Path) -> list[PlannedRun]:
    """Six runs: two complete, one diverged, one failed, two missing."""
    runs = describe([configure(t, seed) for t in ({}, {"l2": {"strength": 0.1}}) for seed in range(3)])
    contents = (result(0.9), result(0.7), result(status="diverged"), {"status": "failed", "error": "no\nmore"})
    for run, content in zip(runs, contents, strict=False):
        put_result(folder, run, content)
    return runs


def printed(folder: Path, statuses: Any, capsys: pytest.CaptureFixture[str]) -> str:
    print_sweep(statuses, folder)
    return capsys.readouterr().out


def test_every_run_has_a_row_whatever_became_of_it(tmp_path: Path) -> None:
    runs = small_sweep(tmp_path)
    path = write_csv(tmp_path, read_statuses(tmp_path, runs))
    assert path == tmp_path / "sweep.csv"
    rows = rows_of(path)
    assert list(rows[0]) == [
        "run_id", "regularizer", "regularizer.l2.strength", "seed", "status", "best_epoch", "epochs",
        "train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "seconds", "error",
    ]  # fmt: skip
    assert [row["run_id"] for row in rows] == [run.run_id for run in runs]
    assert [row["status"] for row in rows] == ["complete", "complete", "diverged", "failed", "missing", "missing"]
    assert list(rows[0].values())[1:] == [
        "none", "", "0", "complete", "7", "9", "0.1", "0.95", "0.5", "0.9", "0.6", "0.8", "1.5", "",
    ]  # fmt: skip
    assert (rows[3]["error"], rows[3]["val_accuracy"], rows[3]["regularizer.l2.strength"]) == ("no\\nmore", "", "0.1")


def test_numbers_read_back_equal(tmp_path: Path) -> None:
    figures = [0.1 + 0.2, 1e-300, -5e-324, 1.7976931348623157e308, 2.0]
    statuses = [make_status({"seed": place, "x": x}, result(x), f"r{place}") for place, x in enumerate(figures)]
    rows = rows_of(write_csv(tmp_path, statuses))
    assert [float(row["val_accuracy"]) for row in rows] == figures
    assert [float(row["x"]) for row in rows] == figures


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-x", "@SUM(A1)"])
def test_no_text_is_a_formula(tmp_path: Path, text: str) -> None:
    statuses = [
        make_status({text: text}, {"status": "failed", "error": text}, "a"),
        make_status({text: -1.5}, None, "b"),
    ]
    rows = rows_of(write_csv(tmp_path, statuses))
    assert [rows[0][f"'{text}"], rows[0]["error"], rows[1][f"'{text}"]] == [f"'{text}", f"'{text}", "-1.5"]


def test_cells_survive_quotes_commas_and_control_characters(tmp_path: Path) -> None:
    texts = ['a,"b"', "x\r\n=y", "\x1b[31m", "\ud800", "é", [1, "a,b"], None, True]
    statuses = [make_status({"x": text}, None, f"r{place}") for place, text in enumerate(texts)]
    path = write_csv(tmp_path, statuses)
    assert [row["x"] for row in rows_of(path)] == [
        'a,"b"', "x\\r\\n=y", "\\x1b[31m", "\\ud800", "é", '[1, "a,b"]', "null", "true",
    ]  # fmt: skip
    assert len(path.read_bytes().splitlines()) == len(texts) + 1


def test_parts_and_metrics_of_different_runs_share_a_header(tmp_path: Path) -> None:
    statuses = [
        make_status({"seed": 0}, result(None, 0.5), "a"),
        make_status({"seed": 1}, result(3.0, 4.0, metric="mse"), "b"),
    ]
    first, second = rows_of(write_csv(tmp_path, statuses))
    assert (first["val_accuracy"], first["val_mse"], first["val_loss"], first["test_accuracy"]) == ("", "", "", "0.5")
    assert (second["val_accuracy"], second["val_mse"], second["test_mse"]) == ("", "3.0", "4.0")


def test_a_sweep_without_results_has_a_table_too(tmp_path: Path) -> None:
    (row,) = rows_of(write_csv(tmp_path, [make_status({"seed": 1})]))
    assert (row["run_id"], row["status"], row["train_loss"]) == ("run", "missing", "")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_csv(tmp_path / "file", [])


def test_the_table_the_best_the_failures_and_the_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = small_sweep(tmp_path)
    text = printed(tmp_path, read_statuses(tmp_path, runs), capsys)
    lines = text.splitlines()
    first = next(line for line in lines if line.startswith("none"))
    assert first.split() == ["none", "2/3", "0.8000", "±", "0.1000", "0.8000", "±", "0.0000"]
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
    assert rows_of(write_csv(tmp_path, runs))[1]["status"] == state.value


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


def test_two_who_write_at_once_do_not_clash(tmp_path: Path) -> None:
    statuses = [make_status({"seed": n}, result(), f"r{n}") for n in range(200)]
    children = []
    for _ in range(4):
        pid = os.fork()
        if not pid:
            code = 1
            try:
                for _ in range(5):
                    write_csv(tmp_path, statuses)
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    assert len(rows_of(tmp_path / "sweep.csv")) == 200
