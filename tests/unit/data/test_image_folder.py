"""Images in folders: pixels, classes, published parts, and what is refused by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regbench.data.loading import build_dataset, load
from regbench.data.records import Raw, Split
from regbench.errors import ConfigError

RED, BLUE = (200, 0, 0), (0, 0, 200)


def paint(
    folder: Path, name: str, colour: Any, size: tuple[int, int] = (6, 4), mode: str = "RGB", **options: Any
) -> Path:
    """Save a picture of one colour, width x height."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(folder / name, **options)
    return folder / name


def fill(folder: Path, count: int = 10) -> Path:
    for number in range(count):
        paint(folder / "red", f"{number}.png", (200, number, 0))
        paint(folder / "blue", f"{number}.png", (0, number, 200))
    return folder


def read(folder: Path, **settings: Any) -> Raw:
    return build_dataset({"name": "image_folder", "path": str(folder), **settings}).read()


def load_folder(folder: Path, **settings: Any) -> Split:
    return load({"name": "image_folder", "path": str(folder), **settings})


def refusal(folder: Path, **settings: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        load_folder(folder, **settings)
    (line,) = str(refused.value).splitlines()
    return line


def test_a_folder_is_a_class_and_pixels_are_in_0_to_1(tmp_path: Path) -> None:
    split = load_folder(fill(tmp_path))
    assert (split.layout, split.classes, split.train.x.shape[1:]) == ("image", ("blue", "red"), (3, 4, 6))
    rows = np.concatenate([split.train.x, split.val.x, split.test.x])
    labels = np.concatenate([split.train.y, split.val.y, split.test.y])
    np.testing.assert_allclose(rows[labels == 1][:, 0], 200 / 255)
    np.testing.assert_allclose(rows[labels == 0][:, 2], 200 / 255)


def test_folders_called_train_and_test_are_the_published_parts(tmp_path: Path) -> None:
    fill(tmp_path / "train", 8)
    fill(tmp_path / "valid", 2)
    fill(tmp_path / "test", 3)
    split = load_folder(tmp_path)
    assert [len(part.y) for part in (split.train, split.val, split.test)] == [16, 4, 6]
    assert any("valid is validation" in note for note in split.reading.notes)


def test_grey_is_luma_and_sixteen_bits_are_not_cut(tmp_path: Path) -> None:
    fill(tmp_path)
    grey = read(tmp_path, channels="grey")
    assert grey.x.shape == (20, 1, 4, 6)
    assert grey.x[-10, 0, 0, 0] == round(0.299 * 200)
    for name in ("a", "b"):
        for number in range(5):
            pixels = np.full((4, 6), 1000 * (number + 1), dtype=np.uint16)
            (tmp_path / "deep" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "deep" / name / f"{number}.png")
    deep = read(tmp_path / "deep", channels="grey")
    assert (deep.x.dtype, deep.divisor, deep.x[4, 0, 0, 0]) == (np.uint16, 65_535.0, 5000)


def test_a_photograph_taken_sideways_is_turned(tmp_path: Path) -> None:
    fill(tmp_path)
    halves = Image.new("RGB", (4, 6), RED)
    halves.paste(BLUE, (0, 3, 4, 6))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by a quarter
    halves.save(tmp_path / "red" / "turned.png", exif=exif)
    raw = read(tmp_path)
    assert raw.x.shape[1:] == (3, 4, 6)
    turned = raw.x[-1]
    assert (turned[2, 0, 0], turned[0, 0, 5]) == (200, 200)  # the lower half is on the left


def test_other_sizes_are_scaled_to_cover_and_cut(tmp_path: Path) -> None:
    fill(tmp_path)
    paint(tmp_path / "red", "wide.png", RED, size=(40, 10))
    said = refusal(tmp_path)
    assert "wide.png" in said
    assert "dataset.size=[H,W]" in said
    assert read(tmp_path, size=8).x.shape[1:] == (3, 8, 8)
    assert read(tmp_path, size=[4, 6]).x.shape[1:] == (3, 4, 6)


def test_transparent_pixels_lie_on_white(tmp_path: Path) -> None:
    fill(tmp_path)
    paint(tmp_path / "red", "zz.png", (200, 0, 0, 0), mode="RGBA")
    raw = read(tmp_path)
    assert raw.x[-1].min() == 255
    assert any("laid on white" in note for note in raw.notes)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "red" / "bad.png").write_bytes(b"no image"), "bad.png"),
        (lambda folder: cut(folder / "red" / "0.png"), "0.png"),
        (lambda folder: animate(folder / "red" / "film.gif"), "film.gif: an animated image"),
        (lambda folder: os.symlink("/etc/hostname", folder / "red" / "link.png"), "link.png is a symbolic link"),
        (lambda folder: (folder / "empty").mkdir(), "empty"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, spoil: Any, said: str) -> None:
    spoil(fill(tmp_path))
    assert said in refusal(tmp_path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def animate(path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in (RED, BLUE)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def test_other_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "red" / "readme.txt").write_text("hello")
    (tmp_path / "red" / ".hidden.png").write_text("hello")
    assert any(note.startswith("2 files passed over") for note in read(tmp_path).notes)


def test_a_missing_folder_and_a_size_of_three_are_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")
    fill(tmp_path)
    assert "dataset.size" in refusal(tmp_path, size=[1, 2, 3])
