"""Image files as arrays: what their heads say, and their pixels, by Pillow; what cannot be read right is refused."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.errors import ConfigError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif")
MODES = {"rgb": "RGB", "grey": "L"}
CHANNELS = {"rgb": 3, "grey": 1}
DEEP = "I"
"""How the modes of 16-bit grey images start; their brightnesses reach 65,535."""

ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
"""The tag of EXIF that says how a camera was held, and its values with height and width exchanged."""

METADATA = (b"eXIf", b"exif", b"xmp", b"XMP")
"""Bytes without which no PNG file says how the camera was held."""


@dataclass(frozen=True)
class ImageHead:
    """What the head of an image file says: its size as it is seen, and whether it is 16-bit or has an alpha channel."""

    height: int
    width: int
    is_deep: bool
    has_alpha: bool
    is_grey: bool


def read_head(content: bytes, where: str) -> ImageHead:
    """Return what the head of an image says; its pixels are not decoded.

    Raises:
        ConfigError: it is no image of the formats, damaged, animated, or larger than Pillow takes for safe.
    """
    with _opened(content, where) as image:
        image.verify()  # the checksums of a PNG file, which decoding passes over
    with _opened(content, where) as image:
        height, width = image.size if _is_sideways(image, content) else image.size[::-1]
        grey = image.mode in ("1", "L", "LA") or image.mode.startswith(DEEP)
        return ImageHead(height, width, image.mode.startswith(DEEP), image.has_transparency_data, grey)


def decode(content: bytes, where: str, channels: str, size: tuple[int, int] | None) -> NDArray[Any]:
    """Return the pixels of an image `[C, H, W]`, uint8, or uint16 for a 16-bit grey one.

    It is turned as its EXIF says, laid on white where it is transparent, made grey by ITU-R 601 luma or given three
    channels, and where a size is given scaled so that it covers it and cut to its centre.

    Args:
        content: the bytes of the file.
        where: what messages call it.
        channels: "rgb" or "grey".
        size: height and width; None keeps those of the image.

    Raises:
        ConfigError: it is damaged, or one of those that `read_head` refuses.
    """
    from PIL import Image, ImageOps

    with _opened(content, where) as image:
        image.load()
        turned = ImageOps.exif_transpose(image)
        if turned.mode.startswith(DEEP):
            return _decode_deep(turned, CHANNELS[channels], size)
        if turned.has_transparency_data:
            layers = turned.convert("RGBA")
            turned = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers)
        plain = turned.convert(MODES[channels])
        if size is not None and plain.size != size[::-1]:
            plain = ImageOps.fit(plain, size[::-1], Image.Resampling.BILINEAR)
        pixels = np.asarray(plain)
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _is_sideways(image: Image, content: bytes) -> bool:
    """Tell whether height and width are exchanged. Of a PNG file Pillow would decode all pixels to find that out."""
    if image.format == "PNG" and not any(tag in content for tag in METADATA):
        return False
    return image.getexif().get(ORIENTATION) in SIDEWAYS


def _decode_deep(image: Image, channels: int, size: tuple[int, int] | None) -> NDArray[Any]:
    """Return a 16-bit grey image as uint16, scaled as numbers because Pillow may cut it to 8 bits."""
    from PIL import Image, ImageOps

    if "transparency" in image.info:
        raise ValueError("16-bit grey with a transparent brightness is not read")
    pixels = np.asarray(image)
    if size is not None and pixels.shape != size:
        numbers = Image.fromarray(pixels.astype(np.float32))
        pixels = np.asarray(ImageOps.fit(numbers, size[::-1], Image.Resampling.BILINEAR)).round()
    return np.repeat(pixels[None].astype(np.uint16), channels, axis=0)


@contextmanager
def _opened(content: bytes, where: str) -> Iterator[Image]:
    """Open an image; every way in which it cannot be read is one line."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, which change no pixel
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                # A camera's MPO file is a JPEG with a preview behind it; the first image is the picture.
                if getattr(image, "is_animated", False) and image.format != "MPO":
                    raise ConfigError(f"{where}: an animated image; a row is one picture, so save one frame of it")
                yield image
        except ConfigError:
            raise
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as reason:
            raise ConfigError(f"{where}: too large to be decoded safely: {reason}") from None
        except UnidentifiedImageError:
            raise ConfigError(f"{where}: no image that can be read ({', '.join(FORMATS)}), or damaged") from None
        except Exception as reason:  # Pillow fails in a dozen ways on damaged bytes, all of them the file's fault
            raise ConfigError(f"{where}: damaged image: {' '.join(str(reason).split())}") from None
