"""Images of a person's own: a folder for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regbench.config.fields import choice, flag, integer_or_integers, nested, text
from regbench.data.class_folders import ClassFiles, find_class_files, list_part_folders, read_safely
from regbench.data.dataset import REQUIRED, Dataset, SplitRule
from regbench.data.images import CHANNELS, SUFFIXES, ImageHead, decode, read_head
from regbench.data.memory import refuse_too_big
from regbench.data.records import FREE, TEST, VAL, Raw
from regbench.errors import ConfigError

DEEPEST, DEEP_STEP = 65_535, 257
"""Largest brightness of a 16-bit image, and how many of its steps are one of an 8-bit image."""

SMALLER = "set a smaller dataset.size, or dataset.channels=grey"


@dataclass(frozen=True, kw_only=True)
class ImageFolder(Dataset):
    """Images (PNG, JPEG, BMP, WebP, GIF) in a folder for each class, or in `train`, `val`, `test` with such folders.

    Classes are the folders' names, sorted. Brightnesses are scaled to [0, 1].
    """

    path: str = text(REQUIRED, help="path of the folder")
    size: tuple[int, ...] = integer_or_integers(
        (), low=1, high=10_000, help="height and width, one number for both; [] takes images that are all of one size"
    )
    channels: str = choice("rgb", "grey", help="what each image is turned into")
    split: SplitRule = nested(SplitRule(test=None))
    standardize: bool = flag(False, help="brightnesses are scaled to [0, 1] already")

    def __post_init__(self) -> None:
        if len(self.size) > 2:
            raise ConfigError(f"dataset.size={list(self.size)} is not allowed; it takes [H,W], or one number for both")

    def files(self) -> tuple[str, ...]:
        """Return the path of the folder: all that is in it; without the test part, those of its other parts."""
        return (self.path,) if self.reads_test else list_part_folders(self.path, FREE, VAL)

    def published_test(self) -> tuple[str, ...]:
        """Return the path of the folder of the test part, where there is one."""
        return list_part_folders(self.path, TEST)

    def read(self) -> Raw:
        """Return x `[N, C, H, W]`, bytes, or 16 bits where an image has them."""
        found = find_class_files(self.path, SUFFIXES, reads_test=self.reads_test)
        heads = [read_head(read_safely(found.root, file), found.show(file)) for file in found.files]
        height, width = self._choose_size(found, heads)
        shape = (len(heads), CHANNELS[self.channels], height, width)
        refuse_too_big(shape, self.path, SMALLER)
        is_deep = any(head.is_deep for head in heads)
        return Raw(
            origin=self.path,
            task="classification",
            layout="image",
            x=self._decode_all(found, np.empty(shape, np.uint16 if is_deep else np.uint8)),
            divisor=float(DEEPEST if is_deep else 255),
            y=found.y,
            classes=found.classes,
            roles=found.roles,
            notes=(*found.notes, *self._describe(heads)),
        )

    def _choose_size(self, found: ClassFiles, heads: list[ImageHead]) -> tuple[int, int]:
        """Return the height and width that are asked for, or else those that all images have."""
        if self.size:
            return self.size[0], self.size[-1]
        first = heads[0]
        for file, head in zip(found.files, heads, strict=True):
            if (head.height, head.width) != (first.height, first.width):
                raise ConfigError(
                    f"{found.show(found.files[0])} is {first.height} x {first.width} (height x width), "
                    f"{found.show(file)} {head.height} x {head.width}; give dataset.size=[H,W], "
                    "to which all are scaled and cut"
                )
        return first.height, first.width

    def _decode_all(self, found: ClassFiles, x: NDArray[Any]) -> NDArray[Any]:
        """Fill x with the images and return it."""
        size = (x.shape[2], x.shape[3]) if self.size else None
        for place, file in enumerate(found.files):
            pixels = decode(read_safely(found.root, file), found.show(file), self.channels, size)
            if pixels.shape != x.shape[1:]:
                raise ConfigError(f"{found.show(file)} changed while it was read; give the command again")
            x[place] = pixels * np.uint16(DEEP_STEP) if x.dtype == np.uint16 > pixels.dtype else pixels
        return x

    def _describe(self, heads: list[ImageHead]) -> list[str]:
        """Say what was done to the images that a person may not expect."""
        notes = []
        alpha = sum(head.has_alpha for head in heads)
        if alpha:
            notes.append(f"{alpha} of {len(heads)} images are transparent somewhere: laid on white")
        resized = sum((head.height, head.width) != (self.size[0], self.size[-1]) for head in heads) if self.size else 0
        if resized:
            notes.append(f"{resized} of {len(heads)} images are of another size: scaled to cover it, centre cut out")
        grey = sum(head.is_grey for head in heads)
        if self.channels == "rgb" and grey == len(heads):
            notes.append("all images are grey, so their three channels are equal; dataset.channels=grey takes one")
        elif self.channels == "grey" and grey < len(heads):
            notes.append(f"{len(heads) - grey} of {len(heads)} images have colours: turned grey")
        return notes
