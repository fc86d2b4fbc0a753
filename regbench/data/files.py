"""Reading a person's file: every way in which that fails is one line. A relative path starts at the current folder."""

from __future__ import annotations

import bz2
import difflib
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from regbench.errors import ConfigError, escape

PACKED: tuple[tuple[str, bytes, Callable[[bytes], bytes]], ...] = (
    ("gzip", b"\x1f\x8b", gzip.decompress),
    ("bzip2", b"BZh", bz2.decompress),
    ("xz", b"\xfd7zXZ\x00", lzma.decompress),
)
"""Ways of packing one file, with its first bytes."""

MARKED = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""Marks of byte order, with which a text may begin."""

ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06")
"""First bytes of zip archives; the second begins an empty one."""


def read_file(path: str, setting: str) -> bytes:
    """Return the content of a file, unpacked if it is gzip, bzip2 or xz (by its first bytes, whatever its name).

    Args:
        path: where a person says it is.
        setting: the setting that says so, for messages (`dataset.path`); empty for a file named on the command line.

    Raises:
        ConfigError: there is no such file, it is a folder, empty, unreadable or damaged.
    """
    typed = f"{setting}={escape(path)}" if setting else escape(path)
    try:
        place = Path(path).expanduser()
        content = place.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{typed}: no such file; {_describe_folder(place)}") from None
    except IsADirectoryError:
        raise ConfigError(f"{typed}: this is a folder; the path of a file is needed") from None
    except OSError as reason:
        raise ConfigError(f"{typed}: cannot be read: {reason.strerror or reason}") from None
    except (ValueError, RuntimeError) as reason:  # a zero byte; the home of an unknown person
        raise ConfigError(f"{typed}: cannot be read: {reason}") from None
    for name, mark, unpack in PACKED:
        if content.startswith(mark):
            try:
                content = unpack(content)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as reason:
                raise ConfigError(f"{path}: damaged {name} file: {reason}") from None
            break
    if not content:
        raise ConfigError(f"{path}: the file is empty")
    return content


def find_large(path: str, larger: int) -> Path | None:
    """Return the place of a plain file larger than so many bytes, which is better read piece by piece.

    None: it is smaller, packed, not in UTF-8 by its mark, not a file, or cannot be looked at; `read_file` says why.
    """
    try:
        place = Path(path).expanduser()
        if not place.is_file() or place.stat().st_size <= larger:
            return None
        with place.open("rb") as file:
            start = file.read(8)
    except (OSError, ValueError, RuntimeError):
        return None
    packed = any(start.startswith(mark) for mark in (*(mark for _, mark, _ in PACKED), *ARCHIVES, *MARKED))
    return None if packed else place


def unpack_archive(content: bytes, path: str) -> bytes:
    """Return the one file of a zip archive; other content as it is.

    Raises:
        ConfigError: the archive is damaged, locked, or holds several files.
    """
    if not content.startswith(ARCHIVES):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if _is_table(name)]
            if len(names) != 1:
                raise ConfigError(f"{escape(path)}: the archive holds {len(names)} files; it takes one with one table")
            return archive.read(names[0])
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, zlib.error) as reason:
        raise ConfigError(f"{escape(path)}: damaged or locked zip archive: {reason}") from None


def _is_table(name: str) -> bool:
    """Tell whether a part of an archive is a file that a person put there; some systems add others of their own."""
    return (
        not name.endswith(("/", "Thumbs.db"))
        and "__MACOSX" not in name
        and not PurePosixPath(name).name.startswith(".")
    )


def _describe_folder(place: Path) -> str:
    """Say what would have been right: the nearest names in the folder, or that there is no such folder."""
    try:
        names = [entry.name for entry in place.parent.iterdir()]
    except OSError:
        return f"there is no folder {escape(str(place.parent))} to list (relative paths start at the current folder)"
    near = difflib.get_close_matches(place.name, names, n=1)
    return f"did you mean {str(place.parent / near[0])!r}?" if near else "relative paths start at the current folder"
