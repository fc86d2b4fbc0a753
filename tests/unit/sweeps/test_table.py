"""`sweep.csv`, and the same table as a DataFrame."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest

from regbench.errors import ConfigError
from regbench.runs.provenance import Origin
from regbench.statuses import RunState
from regbench.sweeps.table import make_frame, write_csv
from tests.unit.sweeps.folders import make_status, read_statuses, result, small_sweep


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, strict=True))


def test_every_run_has_a_row_whatever_became_of_it(tmp_path: Path) -> None:
    runs = small_sweep(tmp_path)
    path = write_csv(tmp_path, read_statuses(tmp_path, runs))
    assert path == tmp_path / "sweep.csv"
    rows = rows_of(path)
    assert list(rows[0]) == [
        "run_id", "regularizer", "regularizer.l2.strength", "seed", "status", "best_epoch", "epochs",
        "train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy",
        "last_test_loss", "last_test_accuracy", "seconds", "error",
    ]  # fmt: skip
    assert [row["run_id"] for row in rows] == [run.run_id for run in runs]
    assert [row["status"] for row in rows] == ["complete", "complete", "diverged", "failed", "missing", "missing"]
    assert list(rows[0].values())[1:] == [
        "none", "", "0", "complete", "7", "9", "0.1", "0.95", "0.5", "0.9", "0.6", "0.8", "0.6", "0.8", "1.5", "",
    ]  # fmt: skip
    assert (rows[3]["error"], rows[3]["val_accuracy"], rows[3]["regularizer.l2.strength"]) == ("no\\nmore", "", "0.1")


def test_the_data_have_a_column_where_runs_of_the_same_settings_had_several(tmp_path: Path) -> None:
    known = [make_status({"seed": seed}, result(), f"r{seed}") for seed in range(3)]
    left = make_status({"seed": 3}, None, "r3")
    same = [replace(status, origin=Origin(data_checksum="a" * 64)) for status in known]
    assert "data" not in make_frame([*same, left])
    mixed = [same[0], replace(same[1], origin=Origin(data_checksum="b" * 64)), known[2], left]
    assert list(make_frame(mixed)["data"])[:3] == ["a" * 10, "b" * 10, "unknown"]
    rows = rows_of(write_csv(tmp_path, mixed))
    assert [row["data"] for row in rows] == ["a" * 10, "b" * 10, "unknown", ""]
    assert list(rows[0])[:4] == ["run_id", "seed", "data", "status"]


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


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.INTERRUPTED, RunState.MISSING])
def test_a_run_that_is_left_has_its_state(tmp_path: Path, state: RunState) -> None:
    (row,) = rows_of(write_csv(tmp_path, [make_status({"seed": 1}, left=state)]))
    assert row["status"] == state.value


def test_the_frame_is_the_table_with_numbers_as_numbers(tmp_path: Path) -> None:
    statuses = read_statuses(tmp_path, small_sweep(tmp_path))
    rows, frame = rows_of(write_csv(tmp_path, statuses)), make_frame(statuses)
    assert list(frame.columns) == list(rows[0])
    assert list(frame["run_id"]) == [row["run_id"] for row in rows]
    for name in ("seed", "best_epoch", "val_accuracy", "seconds", "regularizer.l2.strength"):
        assert frame[name].dtype.kind in "if", name
        found = [None if missing else value for value, missing in zip(frame[name], frame[name].isna(), strict=True)]
        assert found == [float(row[name]) if row[name] else None for row in rows], name


def test_lists_are_texts_in_the_frame_so_that_rows_can_be_grouped() -> None:
    frame = make_frame([make_status({"model.widths": widths}, None, str(widths)) for widths in ([8], [8, 8], [8])])
    assert frame.groupby("model.widths").size().to_dict() == {"[8]": 2, "[8, 8]": 1}


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
