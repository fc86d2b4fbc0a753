"""Reading a person's file: every way in which that fails is one line. A relative path starts at the current folder."""

from __future__ import annotations

import difflib
import gzip
import zlib
from pathlib import Path

from regbench.errors import ConfigError, escape

GZIP = b"\x1f\x8b"


def read_file(path: str, setting: str) -> bytes:
    """Return the content of a file, unpacked if it is gzip (by its first bytes, whatever its name).

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
    if content[:2] == GZIP:
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as reason:
            raise ConfigError(f"{path}: damaged gzip file: {reason}") from None
    if not content:
        raise ConfigError(f"{path}: the file is empty")
    return content


def _describe_folder(place: Path) -> str:
    """Say what would have been right: the nearest names in the folder, or that there is no such folder."""
    try:
        names = [entry.name for entry in place.parent.iterdir()]
    except OSError:
        return f"there is no folder {escape(str(place.parent))} to list (relative paths start at the current folder)"
    near = difflib.get_close_matches(place.name, names, n=1)
    return f"did you mean {str(place.parent / near[0])!r}?" if near else "relative paths start at the current folder"
