"""Folders of one file a row: a folder for each class, or `train`, `val` and `test` with a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import FREE, TEST, VAL, Labels
from regbench.errors import ConfigError, escape
from regbench.formatting import count_noun

PARTS = {
    **dict.fromkeys(("train", "training"), FREE),
    **dict.fromkeys(("val", "valid", "validation"), VAL),
    **dict.fromkeys(("test", "testing"), TEST),
}
"""Names of folders that are parts and not classes, with the part that their files are for."""


@dataclass(frozen=True)
class ClassFiles:
    """The files of a folder: those of training first, then validation, then test; by class and by name within each.

    `y` `[N]` numbers the classes, which are sorted by name. `roles` is None where the folder has no parts.
    """

    root: Path
    files: tuple[str, ...]
    y: Labels
    classes: tuple[str, ...]
    roles: NDArray[np.int8] | None
    notes: tuple[str, ...]

    def show(self, file: str) -> str:
        """Return the path of a file as messages show it."""
        return escape(str(self.root / file))


class _Found(NamedTuple):
    """One file, the number of its class, and its role."""

    file: str
    number: int
    role: int


def is_folder(path: str) -> bool:
    """Tell whether a path that a person typed is a folder."""
    try:
        return Path(path).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


def list_part_folders(path: str, *roles: int) -> tuple[str, ...]:
    """Return the paths of the folders in a folder that are parts of these roles; none where it has no parts.

    Raises:
        ConfigError: there is no such folder, or its folders are not those of parts.
    """
    root = _find_root(path)
    return tuple(str(root / name) for name, role in _find_parts(root, path).items() if name and role in roles)


def find_class_files(path: str, suffixes: Sequence[str], *, reads_test: bool = True) -> ClassFiles:
    """Return the files below a folder whose names end in one of the suffixes (lower case, with the dot).

    Args:
        path: the folder.
        suffixes: ends of the names.
        reads_test: whether files of a test part are among them.

    Raises:
        ConfigError: there is no such folder or file, a class has no file or is not one of training's, or a link leads
            out of the folder or to another folder.
    """
    root = _find_root(path)
    parts = {name: role for name, role in _find_parts(root, path).items() if reads_test or role != TEST}
    classes = _list_folders(root / next(name for name, role in parts.items() if role == FREE), path)
    if len(classes) < 2:
        raise ConfigError(
            f"{escape(path)}: {count_noun(len(classes), 'folder')} to take classes from; a folder for each of at "
            "least 2 classes is needed"
        )
    found: list[_Found] = []
    passed_over = 0
    for part, role in sorted(parts.items(), key=lambda item: item[1]):
        passed_over += _count_loose(root / part)
        for name in _list_folders(root / part, path):
            folder = root / part / name
            _refuse_unknown(folder, classes)
            files = sorted(_walk(folder, root))
            kept = [file for file in files if _has_suffix(file, suffixes)]
            if not kept and role == FREE:
                raise ConfigError(f"{escape(str(folder))}: no file of this class ends in {', '.join(suffixes)}")
            passed_over += len(files) - len(kept)
            found += [_Found(str((folder / file).relative_to(root)), classes.index(name), role) for file in kept]
    notes = [_describe_parts(parts)] if "" not in parts else []
    if passed_over:
        notes.append(
            f"{count_noun(passed_over, 'file')} passed over: hidden, beside the folders of classes, or not "
            f"ending in {', '.join(suffixes)}"
        )
    return ClassFiles(
        root=root,
        files=tuple(one.file for one in found),
        y=np.array([one.number for one in found], dtype=np.int64),
        classes=tuple(classes),
        roles=None if "" in parts else np.array([one.role for one in found], dtype=np.int8),
        notes=tuple(notes),
    )


def read_safely(root: Path, file: str) -> bytes:
    """Return the content of a file below a folder.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return (root / file).read_bytes()
    except OSError as reason:
        raise ConfigError(f"{escape(str(root / file))}: cannot be read: {reason.strerror or reason}") from None


def _find_root(path: str) -> Path:
    if not is_folder(path):
        raise ConfigError(f"dataset.path={escape(path)}: no such folder (relative paths start at the current folder)")
    return Path(path).expanduser()


def _find_parts(root: Path, path: str) -> dict[str, int]:
    """Return the folders that are parts, with their roles; the folder itself, named "", where it has none."""
    names = _list_folders(root, path)
    parts = {name: PARTS[name.lower()] for name in names if name.lower() in PARTS}
    if not any(_list_folders(root / name, path) for name in parts):
        return {"": FREE}  # classes that happen to be called so
    others = [name for name in names if name not in parts]
    if others:
        raise ConfigError(
            f"{escape(path)}: the folder {escape(others[0])!r} lies beside {', '.join(parts)}; "
            "these are parts and hold a folder for each class, so move it into one of them"
        )
    for role, name in ((FREE, "train"), (VAL, "val")):
        count = list(parts.values()).count(role)
        if count > 1 or (role == FREE and count == 0):
            raise ConfigError(f"{escape(path)}: {count} folders are called {name}; one is needed beside {list(parts)}")
    return parts


def _list_folders(place: Path, path: str) -> list[str]:
    """Return the names of the folders in a folder, sorted, hidden ones left out."""
    try:
        with os.scandir(place) as listed:
            entries = [entry for entry in listed if not entry.name.startswith(".")]
        for entry in entries:
            if entry.is_symlink() and entry.is_dir():
                raise _refuse_link(Path(entry.path))
        return sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as reason:
        raise ConfigError(f"{escape(path)}: {escape(place.name)} cannot be read: {reason.strerror}") from None


def _count_loose(place: Path) -> int:
    """Return how many files lie beside the folders of classes, hidden ones left out."""
    with os.scandir(place) as listed:
        return sum(entry.is_file() and not entry.name.startswith(".") for entry in listed)


def _walk(place: Path, root: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, relative to it."""
    inside = root.resolve()
    for folder, folders, files in os.walk(place, onerror=_refuse_unreadable):
        for name in folders:
            if (Path(folder) / name).is_symlink():
                raise _refuse_link(Path(folder) / name)
        for name in files:
            file = Path(folder) / name
            if file.is_symlink() and not file.resolve().is_relative_to(inside):
                raise _refuse_link(file)
            yield str(file.relative_to(place))


def _refuse_unreadable(reason: OSError) -> None:
    raise ConfigError(f"{escape(str(reason.filename))}: cannot be read: {reason.strerror}")


def _refuse_link(link: Path) -> ConfigError:
    return ConfigError(
        f"{escape(str(link))} is a symbolic link to a folder or to a file elsewhere; put the files themselves there"
    )


def _refuse_unknown(folder: Path, classes: Sequence[str]) -> None:
    """Refuse the folder of a class that training does not have."""
    if folder.name not in classes:
        raise ConfigError(
            f"{escape(str(folder))}: training has no class of this name; it has "
            f"{escape(', '.join(classes[:5]))}{', ...' if len(classes) > 5 else ''}"
        )


def _has_suffix(file: str, suffixes: Sequence[str]) -> bool:
    path = Path(file)
    return path.suffix.lower() in suffixes and not any(part.startswith(".") for part in path.parts)


def _describe_parts(parts: dict[str, int]) -> str:
    words = {FREE: "training", VAL: "validation", TEST: "test"}
    return f"parts of the folder: {', '.join(f'{name} is {words[role]}' for name, role in parts.items())}"
