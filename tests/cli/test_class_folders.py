"""Runs on folders of images and of texts by the command: what it says, and when a finished run is used again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regbench.cli.main import main


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with images and texts of two classes, the current one."""
    monkeypatch.chdir(tmp_path)
    for number in range(40):
        name = ("bright", "dark")[number % 2]
        for kind in ("images", "texts"):
            (tmp_path / kind / name).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 128, (8, 8), dtype=np.uint8) + 127 * (1 - number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "images" / name / f"{number:02}.png")
        (tmp_path / "texts" / name / f"{number:02}.txt").write_text(f"{name} day {number}")
    return tmp_path


def run(*words: str) -> int:
    return main(["run", *words, "threads=1", "schedule.epochs=3", "schedule.batch_size=8"])


def test_images_are_trained_and_a_finished_run_is_used_until_the_folder_changes(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "dataset=image_folder",
        "dataset.path=images",
        "dataset.channels=grey",
        "model=cnn",
        "model.channels=[4,4]",
    )
    assert run(*words) == 0
    told = capsys.readouterr().out
    assert "images: classification, 2 classes; rows: 24 training, 8 validation and 8 test" in told
    assert "inputs: 1 x 8 x 8" in told
    (work / "images" / "bright" / "00.png").touch()
    assert run(*words) == 0
    (work / "images" / "bright" / "00.png").unlink()
    assert run(*words) == 2
    assert "images has changed since" in capsys.readouterr().err


@pytest.mark.parametrize(("folder", "name"), [("images", "image_folder"), ("texts", "text")])
def test_a_folder_is_told_by_its_files(work: Path, folder: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", folder]) == 0
    told = capsys.readouterr().out
    assert f"dataset={name} dataset.path={folder}" in told
    assert "bright" in told


def test_a_damaged_image_is_one_line_and_nothing_is_made(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "images" / "dark" / "01.png").write_bytes(b"damaged")
    assert run("dataset=image_folder", "dataset.path=images") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (work / "runs").exists()
