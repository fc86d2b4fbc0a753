"""The table at the end of a run."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regbench.display.run_summary import print_result
from regbench.runs.result import read_result

FOLDER = Path("runs/default/digits-mlp-l2-s0-0123456789")
RESULT: dict[str, Any] = {
    "status": "stopped_early",
    "stopping": {"rule": "metric", "reason": "val_loss has not improved for 10 epochs"},
    "best_epoch": 31,
    "epochs": 41,
    "rolled_back_to": 31,
    "best": {
        "train": {"loss": 0.03, "accuracy": 0.99},
        "val": {"loss": 0.11, "accuracy": 0.96},
        "test": {"loss": 0.12, "accuracy": 0.95},
    },
    "last": {
        "train": {"loss": 0.01, "accuracy": 1.0},
        "val": {"loss": 0.14, "accuracy": 0.94},
        "test": {"loss": 0.15, "accuracy": 0.93},
    },
    "parameters": 8970,
    "seconds": 187.0,
    "effects": {"l2": {"share": 0.25, "rows": 12, "nothing": None}, "none": {}},
}


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


def changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(RESULT), **changes}


def printed(capsys: pytest.CaptureFixture[str], result: dict[str, Any]) -> str:
    print_result(read_result(FOLDER, result))
    return capsys.readouterr().out


def cells(text: str, label: str) -> list[str]:
    """The figures of the row that begins with a label."""
    line = next(line for line in text.splitlines() if line.strip().startswith(label))
    return line.strip().removeprefix(label).split()


def test_all_parts_at_the_best_and_at_the_last_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, RESULT)
    assert cells(text, "train") == ["0.0300", "0.9900", "0.0100", "1.0000"]
    assert cells(text, "validation") == ["0.1100", "0.9600", "0.1400", "0.9400"]
    assert cells(text, "test") == ["0.1200", "0.9500", "0.1500", "0.9300"]
    assert "best epoch 31" in text
    assert "last epoch 41" in text


def test_the_gap_is_test_minus_train_with_its_sign(capsys: pytest.CaptureFixture[str]) -> None:
    assert cells(printed(capsys, RESULT), "gap (test - train)") == ["+0.0900", "-0.0400", "+0.1400", "-0.0700"]


def test_reason_rollback_size_time_effects_and_folder(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, RESULT).splitlines()
    assert "stopped early: val_loss has not improved for 10 epochs" in lines
    assert lines[-5:] == [
        "weights     rolled back to epoch 31 of 41",
        "parameters  8,970",
        "time        3:07",
        "l2          share 0.2500, rows 12, nothing -",
        f"folder      {FOLDER}",
    ]


def test_plain_text_within_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, RESULT)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_long_folder_is_never_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("/data") / ("x" * 120) / "a b"
    print_result(read_result(folder, RESULT))
    assert capsys.readouterr().out.splitlines()[-1].endswith(f" {folder}")


def test_without_validation_its_row_is_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    result = changed()
    result["best"]["val"] = result["last"]["val"] = None
    assert cells(printed(capsys, result), "validation") == ["-"] * 4


def test_a_diverged_run_shows_what_is_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    result = changed(status="diverged", stopping={"rule": "none", "reason": "the training loss is not finite"})
    result["last"] = {part: {"loss": math.nan, "accuracy": math.inf} for part in ("train", "val", "test")}
    text = printed(capsys, result)
    assert "diverged: the training loss is not finite" in text
    assert cells(text, "test") == ["0.1200", "0.9500", "nan", "inf"]
    assert cells(text, "gap (test - train)")[2:] == ["nan", "nan"]


def test_initial_weights_have_no_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    assert "rolled back to the initial ones" in printed(capsys, changed(best_epoch=0, rolled_back_to=0))


def test_a_run_that_is_best_at_its_end_was_not_rolled_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert "weights     those of epoch 41 of 41" in printed(capsys, changed(best_epoch=41, rolled_back_to=41))


def test_brackets_in_a_reason_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    assert "[bold]x[/]" in printed(capsys, changed(stopping={"rule": "none", "reason": "[bold]x[/] :smile:"}))


def test_a_finished_run_says_that_nothing_was_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_result(replace(read_result(FOLDER, RESULT), reused=True))
    text = capsys.readouterr().out
    assert "trained already, nothing to do; stopped early: val_loss" in text
    assert cells(text, "test") == ["0.1200", "0.9500", "0.1500", "0.9300"]


def test_what_is_off_on_the_data_and_what_was_chosen_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, changed(idle={"cutout": "fraction=0.25 of 2 columns is rounded to 0"}, notes=["few rows"]))
    assert "cutout      off on these data, because fraction=0.25 of 2 columns is rounded to 0\n" in text
    assert "note        few rows\n" in text


@pytest.mark.parametrize("broken", [{"idle": [1], "notes": {}}, {"idle": None, "notes": None}, {}])
def test_a_result_that_says_nothing_of_that_is_shown_all_the_same(
    capsys: pytest.CaptureFixture[str], broken: dict[str, Any]
) -> None:
    assert printed(capsys, changed(**broken)) == printed(capsys, RESULT)
