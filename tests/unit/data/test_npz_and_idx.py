"""Arrays from a person's files: MNIST's format and .npz, right and wrong."""

from __future__ import annotations

import contextlib
import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regbench.data import load
from regbench.errors import ConfigError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 3, 4), dtype=np.uint8)
LABELS = (np.arange(60) % 3).astype(np.uint8)


def pack(array: np.ndarray) -> bytes:
    """Return an array of bytes in MNIST's format."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as refused:
        load(values)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def idx(tmp_path: Path) -> dict[str, Any]:
    """Return settings for 40 training and 20 test images."""
    parts = {"train": slice(0, 40), "test": slice(40, 60)}
    paths = {f"{part}_images": write(tmp_path, f"{part}-images", pack(IMAGES[rows])) for part, rows in parts.items()}
    paths |= {f"{part}_labels": write(tmp_path, f"{part}-labels", pack(LABELS[rows])) for part, rows in parts.items()}
    return {"name": "idx", **paths}


class TestIdx:
    def test_reads_images_and_keeps_the_test_files_apart(self, idx: dict[str, Any]) -> None:
        split = load({**idx, "split": {"val": 0.0}})
        assert (split.layout, split.classes) == ("image", ("0", "1", "2"))
        assert np.array_equal(split.train.x, IMAGES[:40, None] / 255)
        assert np.array_equal(split.test.x, IMAGES[40:, None] / 255)
        assert np.array_equal(split.test.y, LABELS[40:])

    def test_flattens_on_request(self, idx: dict[str, Any]) -> None:
        split = load({**idx, "layout": "table", "split": {"val": 0.0}})
        assert np.array_equal(split.test.x, IMAGES[40:].reshape(20, 12) / 255)
        assert len(split.features) == 12

    def test_gzip_is_the_same_data_whatever_the_name(self, idx: dict[str, Any], tmp_path: Path) -> None:
        packed = write(tmp_path, "packed", gzip.compress(pack(IMAGES[:40])))
        assert load({**idx, "train_images": packed}).checksum == load(idx).checksum

    def test_without_test_files_cuts_a_fifth(self, idx: dict[str, Any]) -> None:
        split = load({**idx, "test_images": None, "test_labels": None})
        assert (len(split.train.y), len(split.val.y), len(split.test.y)) == (28, 4, 8)

    def test_relative_paths_start_at_the_current_folder(
        self, idx: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert load({**idx, "train_images": "train-images"}).checksum == load(idx).checksum

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "the file is empty"),
            (b"\x89PNG\r\n", "starts with 89504e47; a file of idx images starts with 00000803"),
            (pack(LABELS), "starts with 00000801; a file of idx images"),
            (pack(IMAGES[:40].astype(">i4"))[:2] + b"\x0c\x03", "starts with 00000c03"),
            (pack(IMAGES[:40])[:10], "the file is cut: 10 bytes, and the head alone has 16"),
            (pack(IMAGES[:40])[:-1], "479 bytes after the head; its shape (40, 3, 4) needs 480"),
            (pack(IMAGES[:40]) + b"\0", "481 bytes after the head"),
            (struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "0 bytes after the head"),
            (pack(IMAGES[:39]), "has 39 images,"),
            (pack(IMAGES[:40, :0, :0]), "its shape (40, 0, 0) has an axis of 0"),
            (gzip.compress(pack(IMAGES[:40]))[:-9], "damaged gzip file"),
        ],
    )
    def test_a_wrong_file_is_named(self, idx: dict[str, Any], tmp_path: Path, content: bytes, message: str) -> None:
        said = refusal({**idx, "train_images": write(tmp_path, "wrong", content)})
        assert message in said
        assert str(tmp_path / "wrong") in said

    def test_test_files_come_in_pairs(self, idx: dict[str, Any]) -> None:
        assert "dataset.test_labels is required" in refusal({**idx, "test_labels": None})

    def test_test_images_must_have_the_size_of_the_others(self, idx: dict[str, Any], tmp_path: Path) -> None:
        other = write(tmp_path, "other", pack(IMAGES[40:, :2]))
        assert "images of (2, 4) pixels; those of training have (3, 4)" in refusal({**idx, "test_images": other})

    def test_a_test_label_that_training_lacks_is_refused(self, idx: dict[str, Any], tmp_path: Path) -> None:
        other = write(tmp_path, "other", pack(np.full(20, 7, dtype=np.uint8)))
        assert "class '7' is absent from the training rows" in refusal({**idx, "test_labels": other})

    def test_a_missing_file_suggests_the_nearest(self, idx: dict[str, Any], tmp_path: Path) -> None:
        said = refusal({**idx, "train_images": str(tmp_path / "train-image")})
        assert "dataset.train_images=" in said
        assert f"no such file; did you mean {str(tmp_path / 'train-images')!r}?" in said

    def test_a_folder_and_a_missing_folder_are_told_apart(self, idx: dict[str, Any], tmp_path: Path) -> None:
        assert "this is a folder" in refusal({**idx, "train_images": str(tmp_path)})
        assert "there is no folder" in refusal({**idx, "train_images": str(tmp_path / "no" / "file")})
        assert "cannot be read" in refusal({**idx, "train_images": "a\0b"})


class TestNpz:
    X = RNG.normal(size=(50, 3))
    Y = np.arange(50) % 2

    def save(self, folder: Path, **arrays: Any) -> dict[str, Any]:
        np.savez(folder / "data.npz", **arrays)
        return {"name": "npz", "path": str(folder / "data.npz"), "standardize": False}

    @pytest.mark.parametrize(
        ("shape", "layout"), [((50, 3), "table"), ((50, 2, 5), "series"), ((50, 1, 4, 5), "image")]
    )
    def test_the_number_of_axes_is_the_layout(self, tmp_path: Path, shape: tuple[int, ...], layout: str) -> None:
        split = load(self.save(tmp_path, x=np.ones(shape, dtype=np.float32), y=self.Y))
        assert (split.layout, split.train.x.shape) == (layout, (30, *shape[1:]))
        assert split.train.x.dtype == np.float64

    def test_keeps_a_test_part_of_its_own(self, tmp_path: Path) -> None:
        parts = {"x_train": self.X, "y_train": self.Y, "x_test": self.X[:7] + 1, "y_test": self.Y[:7]}
        split = load(self.save(tmp_path, **parts))
        assert np.array_equal(split.test.x, self.X[:7] + 1)
        assert len(split.val.y) == 10

    def test_texts_are_classes_in_sorted_order(self, tmp_path: Path) -> None:
        split = load(self.save(tmp_path, x=self.X, y=np.array(["no", "yes"])[self.Y]))
        assert split.classes == ("no", "yes")
        rows = {tuple(row): label for row, label in zip(self.X, self.Y, strict=True)}
        assert [rows[tuple(row)] for row in split.test.x] == split.test.y.tolist()

    @pytest.mark.parametrize(
        ("y", "task"),
        [
            (np.arange(50) % 2, "classification"),
            (np.arange(50) % 2 + 0.0, "classification"),
            (np.arange(50) % 2 == 0, "classification"),
            (np.arange(50), "regression"),
            (np.arange(50) % 4, "classification"),
            (np.tile(np.arange(4), 100), "classification"),
            (np.tile(np.arange(10), 100), "regression"),  # counts, for all anybody knows
            (np.arange(50) % 2 + 0.5, "regression"),
            (RNG.normal(size=50), "regression"),
        ],
    )
    def test_the_task_is_inferred(self, tmp_path: Path, y: np.ndarray, task: str) -> None:
        assert load(self.save(tmp_path, x=RNG.normal(size=(len(y), 2)), y=y)).task == task

    def test_the_task_can_be_given(self, tmp_path: Path) -> None:
        options = self.save(tmp_path, x=self.X, y=self.Y[:, None])
        split = load({**options, "task": "regression", "standardize_target": False})
        assert split.task == "regression"
        assert set(split.train.y) == {0.0, 1.0}
        assert load({**options, "task": "classification"}).classes == ("0", "1")

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"x": X}, "no array 'y'; needed are x and y, or x_train"),
            ({"a": X, "b": Y}, "no array 'x'"),
            ({"x_train": X, "y_train": Y}, "no array 'x_test'"),
            ({"x": X[:49], "y": Y}, "y has shape (50,); its x has 49 rows"),
            ({"x": X[:, 0], "y": Y}, "x has shape (50,); it must be [N, D]"),
            ({"x": X[:, :0], "y": Y}, "x has shape (50, 0)"),
            ({"x": np.where(X[4, 1] == X, np.nan, X), "y": Y}, "x[4, 1] is nan; every value must be a finite number"),
            ({"x": np.where(X[4, 1] == X, -np.inf, X), "y": Y}, "x[4, 1] is -inf"),
            ({"x": X, "y": np.where(np.arange(50) == 9, np.nan, 0.5)}, "y[9] is nan"),
            ({"x": X.astype(str), "y": Y}, "it must be numbers"),
            ({"x": X, "y": Y.astype(complex)}, "y is of type complex128"),
            ({"x": X, "y": np.array([{}] * 50)}, "holds Python objects, which are never read"),
            ({"x": X, "y": np.zeros(50, dtype=int)}, "every row is of class '0'"),
            ({"x": X[:9], "y": Y[:9]}, "9 row(s) are too few"),
            ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, "rows of x_train have shape (3,)"),
        ],
    )
    def test_wrong_arrays_are_named(self, tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
        said = refusal(self.save(tmp_path, **arrays))
        assert message in said
        assert str(tmp_path / "data.npz") in said

    def test_objects_are_never_unpickled(self, tmp_path: Path) -> None:
        class Bomb:
            def __reduce__(self) -> tuple[Any, ...]:
                return (Path.touch, (tmp_path / "exploded",))

        options = self.save(tmp_path, x=self.X, y=np.array([Bomb()] * 50, dtype=object))
        assert "never read" in refusal(options)
        assert not (tmp_path / "exploded").exists()

    @pytest.mark.parametrize("cut", [1, 30, 200])
    def test_a_cut_archive_is_refused(self, tmp_path: Path, cut: int) -> None:
        options = self.save(tmp_path, x=self.X, y=self.Y)
        write(tmp_path, "data.npz", (tmp_path / "data.npz").read_bytes()[:-cut])
        assert "npz archive" in refusal(options)

    def test_a_flipped_bit_is_noticed(self, tmp_path: Path) -> None:
        options = self.save(tmp_path, x=self.X, y=self.Y)
        sound = (tmp_path / "data.npz").read_bytes()
        for place in range(0, 700, 7):
            write(tmp_path, "data.npz", sound[:place] + bytes([sound[place] ^ 255]) + sound[place + 1 :])
            with contextlib.suppress(ConfigError):
                load(options)
        write(tmp_path, "data.npz", sound[:600] + bytes([sound[600] ^ 1]) + sound[601:])
        assert "damaged .npz archive" in refusal(options)

    def test_values_too_large_to_standardise_are_named(self, tmp_path: Path) -> None:
        options = self.save(tmp_path, x=np.column_stack([self.X, self.X * 1e200]), y=self.Y)
        assert "the values of 'x4' are too large to standardise" in refusal({**options, "standardize": True})
