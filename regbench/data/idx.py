"""The file format of MNIST and its relatives: images and labels as unsigned bytes, gzip or not."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regbench.config.fields import choice, flag, nested, text
from regbench.data.dataset import REQUIRED, Dataset, SplitRule
from regbench.data.files import read_file
from regbench.data.records import Raw, last_rows_are_test
from regbench.errors import ConfigError

UNSIGNED_BYTE = 0x08


@dataclass(frozen=True, kw_only=True)
class Idx(Dataset):
    """Images and labels in MNIST's file format, by path; pixels 0 to 255 are divided by 255.

    Without test files the test part is cut from the training files. Format: LeCun, Cortes and Burges, The MNIST
    database: two zero bytes, the type (8: unsigned byte), the number of axes, the axes as big-endian int32, the bytes.
    """

    train_images: str = text(REQUIRED, help="path of the training images")
    train_labels: str = text(REQUIRED, help="path of the training labels")
    test_images: str | None = text(None, optional=True, help="path of the test images; null cuts them from training")
    test_labels: str | None = text(None, optional=True, help="path of the test labels")
    layout: str = choice("image", "table", help="one channel of H x W, or H · W columns")
    split: SplitRule = nested(SplitRule(val=0.1, test=None))
    standardize: bool = flag(False, help="pixels are scaled to [0, 1] already")

    def files(self) -> tuple[str, ...]:
        """Return the paths of the training files and, where there are any, the test files."""
        return (self.train_images, self.train_labels, *(self.published_test() if self.reads_test else ()))

    def published_test(self) -> tuple[str, ...]:
        """Return the paths of the test images and their labels, where there are any."""
        return tuple(path for path in (self.test_images, self.test_labels) if path is not None)

    def read(self) -> Raw:
        """Return x `[N, 1, H, W]` or `[N, H · W]` in [0, 1], the rows of the test files last."""
        if (self.test_images is None) != (self.test_labels is None):
            missing = "test_images" if self.test_images is None else "test_labels"
            raise ConfigError(f"dataset.{missing} is required: test images and test labels come together, or both null")
        images, labels = read_pair(self.train_images, self.train_labels, "train")
        tests = 0
        if self.reads_test and self.test_images is not None and self.test_labels is not None:
            more, their_labels = read_pair(self.test_images, self.test_labels, "test")
            if more.shape[1:] != images.shape[1:]:
                raise ConfigError(
                    f"{self.test_images}: images of {more.shape[1:]} pixels; those of training have {images.shape[1:]}"
                )
            images, labels = np.concatenate([images, more]), np.concatenate([labels, their_labels])
            tests = len(their_labels)
        found, numbers = np.unique(labels, return_inverse=True)
        shape = (-1, 1, *images.shape[1:]) if self.layout == "image" else (-1, math.prod(images.shape[1:]))
        return Raw(
            origin=self.train_images,
            task="classification",
            layout=self.layout,
            x=images.reshape(shape),
            divisor=255.0,
            y=numbers.astype(np.int64),
            classes=tuple(str(label) for label in found),
            features=tuple(f"pixel_{place}" for place in range(shape[1])) if self.layout == "table" else (),
            roles=last_rows_are_test(len(numbers), tests),
        )


def read_pair(images_path: str, labels_path: str, part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the images `[N, H, W]` and the labels `[N]` of one part.

    Raises:
        ConfigError: a file is not in the format, is cut, or the two differ in length.
    """
    images = parse_idx(read_file(images_path, f"dataset.{part}_images"), images_path, axes=3)
    labels = parse_idx(read_file(labels_path, f"dataset.{part}_labels"), labels_path, axes=1)
    if len(images) != len(labels):
        raise ConfigError(
            f"{images_path} has {len(images)} images, {labels_path} has {len(labels)} labels; they must agree"
        )
    return images, labels


def parse_idx(content: bytes, path: str, axes: int) -> NDArray[np.uint8]:
    """Return the array of an idx file of unsigned bytes with `axes` axes."""
    magic = struct.pack(">HBB", 0, UNSIGNED_BYTE, axes)
    if content[:4] != magic:
        kind = "images" if axes == 3 else "labels"
        raise ConfigError(f"{path}: starts with {content[:4].hex()}; a file of idx {kind} starts with {magic.hex()}")
    start = 4 + 4 * axes
    if len(content) < start:
        raise ConfigError(f"{path}: the file is cut: {len(content)} bytes, and the head alone has {start}")
    shape = struct.unpack(f">{axes}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise ConfigError(
            f"{path}: {len(content) - start} bytes after the head; its shape {shape} needs {math.prod(shape)}"
        )
    if 0 in shape:
        raise ConfigError(f"{path}: its shape {shape} has an axis of 0; there is nothing to learn from")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
