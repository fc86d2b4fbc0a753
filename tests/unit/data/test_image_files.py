"""Image files: pixels of each format against those that were written; damage, links and sizes that are refused."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regbench.data import load, memory
from regbench.data.images import decode, read_head
from regbench.data.loading import build_dataset
from regbench.data.records import FREE, TEST, VAL, Raw
from regbench.errors import ConfigError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)
LOSSLESS = {"png": {}, "bmp": {}, "webp": {"lossless": True}}


def encode(image: Image.Image, kind: str = "png", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def save(place: Path, pixels: np.ndarray, kind: str = "png", **options: Any) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(encode(Image.fromarray(pixels), kind, **options))


def read(folder: Path, **options: Any) -> Raw:
    return build_dataset({"name": "image_folder", "path": str(folder), **options}).read()


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(folder, **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def try_decoding(content: bytes) -> np.ndarray | str:
    """Return the pixels of an image, or why it is refused."""
    try:
        read_head(content, "image")
        return decode(content, "image", "rgb", None)
    except ConfigError as reason:
        return str(reason)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two classes with six images each."""
    for number, pixels in enumerate(PIXELS):
        save(tmp_path / "images" / ("cat" if number < 6 else "ape") / f"{number:02}.png", pixels)
    return tmp_path / "images"


def test_classes_are_the_folders_in_sorted_order_and_rows_the_files(folder: Path) -> None:
    raw = read(folder)
    assert (raw.classes, raw.y.tolist(), raw.layout) == (("ape", "cat"), [0] * 6 + [1] * 6, "image")
    expected = np.concatenate([PIXELS[6:], PIXELS[:6]]).transpose(0, 3, 1, 2)
    assert isinstance(raw.x, np.ndarray)
    assert np.array_equal(raw.x / raw.divisor, expected / 255)
    assert (raw.roles, raw.notes) == (None, ())


@pytest.mark.parametrize("kind", LOSSLESS)
def test_formats_without_loss_give_the_pixels_that_were_written(kind: str) -> None:
    content = encode(Image.fromarray(PIXELS[0]), kind, **LOSSLESS[kind])
    assert np.array_equal(decode(content, "image", "rgb", None), PIXELS[0].transpose(2, 0, 1))


def test_jpeg_and_gif_give_plain_colours_nearly() -> None:
    plain = Image.new("RGB", (16, 8), (200, 100, 50))
    for kind in ("jpeg", "gif"):
        found = decode(encode(plain, kind), "image", "rgb", None)
        assert np.abs(found.astype(int) - np.array([200, 100, 50])[:, None, None]).max() <= 3


def test_grey_is_the_luma_of_itu_r_601() -> None:
    found = decode(encode(Image.fromarray(PIXELS[0])), "image", "grey", None)
    assert np.abs(found[0] - PIXELS[0] @ np.array([0.299, 0.587, 0.114])).max() <= 0.51


def test_transparent_pixels_lie_on_white() -> None:
    """Alpha compositing over white: a · colour + (1 - a) · 255."""
    alpha = np.full((6, 5, 1), 51, dtype=np.uint8)
    content = encode(Image.fromarray(np.concatenate([PIXELS[0], alpha], axis=2)))
    expected = (0.2 * PIXELS[0] + 0.8 * 255).transpose(2, 0, 1)
    assert np.abs(decode(content, "image", "rgb", None) - expected).max() <= 1.0
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    assert decode(encode(palette, transparency=0), "image", "grey", None).min() == 255


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_images_are_turned_as_exif_says(orientation: int, turn: Callable[[np.ndarray], np.ndarray]) -> None:
    """Expected: the turns of the EXIF standard, table of tag 274."""
    exif = Image.Exif()
    exif[274] = orientation
    content = encode(Image.fromarray(PIXELS[0]), exif=exif)
    expected = turn(PIXELS[0])
    head = read_head(content, "image")
    assert np.array_equal(decode(content, "image", "rgb", None), expected.transpose(2, 0, 1))
    assert (head.height, head.width) == expected.shape[:2]


def test_16_bit_images_keep_all_their_steps(folder: Path) -> None:
    deep = (np.arange(30, dtype=np.uint16).reshape(6, 5) * 2000) + 7
    save(folder / "cat" / "deep.png", deep)
    raw = read(folder, channels="grey")
    assert isinstance(raw.x, np.ndarray)
    assert np.array_equal(raw.x[-1, 0] / raw.divisor, deep / 65535)
    shallow = decode((folder / "ape" / "06.png").read_bytes(), "image", "grey", None)
    np.testing.assert_allclose(raw.x[0] / raw.divisor, shallow / 255, rtol=1e-15)


def test_parts_of_the_folder_keep_their_roles_and_order(tmp_path: Path) -> None:
    for part, start in (("train", 0), ("validation", 4), ("test", 8)):
        for number in range(start, start + 4):
            save(tmp_path / part / "ab"[number % 2] / f"{number:02}.png", PIXELS[number])
    raw = read(tmp_path)
    assert raw.roles is not None
    assert raw.roles.tolist() == [FREE] * 4 + [VAL] * 4 + [TEST] * 4
    split = load({"name": "image_folder", "path": str(tmp_path)})
    order = [0, 2, 1, 3]
    assert np.array_equal(split.train.x * 255, PIXELS[order].transpose(0, 3, 1, 2))
    assert np.array_equal(split.test.x * 255, PIXELS[[8 + place for place in order]].transpose(0, 3, 1, 2))
    assert "validation is validation" in raw.notes[0]


def test_classes_may_be_called_train_and_test(tmp_path: Path) -> None:
    for number, pixels in enumerate(PIXELS):
        save(tmp_path / ("train", "test")[number % 2] / f"{number}.png", pixels)
    raw = read(tmp_path)
    assert (raw.classes, raw.roles) == (("test", "train"), None)


def test_other_sizes_are_scaled_to_cover_and_cut_to_the_centre(folder: Path) -> None:
    """A wide image of three bands: scaled by half, the middle band of it is left."""
    bands = np.repeat(np.array([0, 100, 200], dtype=np.uint8), 12)[None].repeat(12, axis=0)
    save(folder / "cat" / "wide.png", bands)
    raw = read(folder, size=6, channels="grey")
    assert isinstance(raw.x, np.ndarray)
    assert raw.x.shape[1:] == (1, 6, 6)
    assert np.array_equal(raw.x[-1, 0, :, 1:-1], np.full((6, 4), 100))
    assert "13 of 13 images are of another size: scaled to cover it, centre cut out" in raw.notes
    same = read(folder, size=[12, 36], channels="grey")
    assert isinstance(same.x, np.ndarray)
    assert np.array_equal(same.x[-1, 0], bands)


def test_images_in_folders_of_a_class_are_of_that_class(folder: Path) -> None:
    save(folder / "cat" / "more" / "z.png", PIXELS[0])
    assert read(folder).y.tolist() == [0] * 6 + [1] * 7


class TestRefused:
    def test_sizes_that_differ(self, folder: Path) -> None:
        save(folder / "cat" / "00.png", PIXELS[0, :4])
        message = refusal(folder)
        assert "06.png is 6 x 5 (height x width)" in message
        assert "00.png 4 x 5; give dataset.size=[H,W]" in message

    @pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "webp", "gif"])
    def test_files_cut_anywhere_are_refused_by_name_or_are_whole(self, folder: Path, kind: str) -> None:
        whole = encode(Image.fromarray(PIXELS[0]), kind)
        expected = decode(whole, "image", "rgb", None)
        found = [try_decoding(whole[:end]) for end in range(0, len(whole), 7)]
        assert sum(isinstance(one, str) and one.startswith("image: ") for one in found) > 0.8 * len(found)
        assert all(np.array_equal(one, expected) for one in found if not isinstance(one, str))

    def test_a_damaged_file_by_its_name(self, folder: Path) -> None:
        content = bytearray((folder / "cat" / "03.png").read_bytes())
        content[len(content) // 2] ^= 255
        (folder / "cat" / "03.png").write_bytes(content)
        assert "cat/03.png: damaged image" in refusal(folder)
        (folder / "cat" / "03.png").write_bytes(b"no image")
        assert "cat/03.png: no image that can be read" in refusal(folder)

    @pytest.mark.parametrize("kind", ["gif", "webp", "png"])
    def test_animated_files(self, folder: Path, kind: str) -> None:
        frames = [Image.fromarray(pixels) for pixels in PIXELS[:3]]
        (folder / "cat" / f"moves.{kind}").write_bytes(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert f"moves.{kind}: an animated image" in refusal(folder, size=4)

    def test_more_pixels_than_pillow_takes_for_safe(self, folder: Path) -> None:
        (folder / "cat" / "huge.png").write_bytes(encode(Image.new("1", (10_000, 9_000))))
        assert "huge.png: too large to be decoded safely" in refusal(folder, size=4)

    def test_more_than_memory_holds_before_anything_is_decoded(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
        monkeypatch.setattr("regbench.data.image_folder.decode", lambda *_: pytest.fail("decoded"))
        assert "12 x 3 x 6 x 5 values take" in refusal(folder)

    def test_links_out_of_the_folder(self, folder: Path, tmp_path: Path) -> None:
        save(tmp_path / "elsewhere.png", PIXELS[0])
        (folder / "cat" / "link.png").symlink_to(tmp_path / "elsewhere.png")
        assert "cat/link.png is a symbolic link" in refusal(folder)
        (folder / "cat" / "link.png").unlink()
        (folder / "dog").symlink_to(tmp_path)
        assert "dog is a symbolic link" in refusal(folder)

    def test_links_inside_are_files_like_others(self, folder: Path) -> None:
        (folder / "cat" / "link.png").symlink_to(folder / "ape" / "06.png")
        assert len(read(folder).y) == 13

    def test_a_class_that_training_does_not_have(self, tmp_path: Path) -> None:
        for part in ("train", "test"):
            for name in ("a", "b", *(["c"] if part == "test" else [])):
                save(tmp_path / part / name / "0.png", PIXELS[0])
        assert "test/c: training has no class of this name; it has a, b" in refusal(tmp_path)

    def test_folders_beside_the_parts(self, tmp_path: Path) -> None:
        for place in ("train/a", "train/b", "extra"):
            save(tmp_path / place / "0.png", PIXELS[0])
        assert "the folder 'extra' lies beside train" in refusal(tmp_path)

    def test_folders_without_images(self, folder: Path) -> None:
        (folder / "dog").mkdir()
        assert "dog: no file of this class ends in .png" in refusal(folder)
        assert "no such folder" in refusal(folder / "nothing")
        assert "0 folders to take classes from" in refusal(folder / "cat")

    @pytest.mark.parametrize("size", [[1, 2, 3], 0, [], "wide"])
    def test_sizes_that_are_none(self, folder: Path, size: object) -> None:
        if size == []:
            assert len(read(folder, size=size).y) == 12
            return
        assert "dataset.size" in refusal(folder, size=size)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
    def test_files_that_may_not_be_read(self, folder: Path) -> None:
        (folder / "cat" / "00.png").chmod(0)
        assert "00.png: cannot be read" in refusal(folder)
