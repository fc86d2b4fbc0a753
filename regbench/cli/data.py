"""`regbench data FILE`: how regbench reads a person's data, without training anything."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.display.warning import print_warning
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    from regbench.compose.loader import CheckedLoader
    from regbench.data.dataset import Dataset

HELP = """\
usage: regbench data FILE [overrides]
       regbench data dataset=NAME [overrides]

Reads the data as `regbench run` would with the same overrides, and trains nothing. Shows each column (kind, missing
values, distinct values, range, a small histogram, and how well it alone tells the target of held-out rows), the
target, rows that are on both sides of the split, columns that may leak the target, and the command to type.

  FILE        a table or another kind of data, told by the end of its name; a folder holds images or texts
  overrides   as for `regbench run`: dataset.target=price 'dataset.drop=[id]' dataset.split.method=folds
"""

BY_SUFFIX = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npz": "npz",
    ".arff": "arff",
    ".dat": "keel",
    ".ts": "series",
    ".svm": "libsvm",
    ".libsvm": "libsvm",
}
"""Data sets by the end of a file's name; any other file is a table in text."""


def show_data(words: Sequence[str]) -> int:
    """Describe a data set and return the exit code 0.

    Raises:
        ConfigError: an override cannot be used, or the data cannot be read.
    """
    if not words or words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0 if words else 2
    from regbench.compose.loader import open_loader
    from regbench.compose.spelling import keep_names
    from regbench.data.profile import profile
    from regbench.display.data_profile import print_profile

    words = [keep_names(word) for word in words]
    overrides = [*(_name_file(words[0]) if "=" not in words[0] else words[:1]), *words[1:]]
    with open_loader(None, None, print_warning) as loader:
        overrides += _guess_target(loader, overrides)
        dataset = _compose_dataset(loader, overrides)
    command = ["regbench", "run", "-m", *overrides, "regularizer=none,l2,dropout", "seed=0,1,2"]
    print_profile(profile(dataset), shlex.join(command))
    return 0


def _compose_dataset(loader: CheckedLoader, overrides: Sequence[str]) -> Dataset:
    """Return the data set that overrides describe; nothing is read."""
    from regbench.compose.loader import PRIMARY
    from regbench.compose.single_run import compose_run
    from regbench.data.loading import build_dataset

    return build_dataset(compose_run(loader, PRIMARY, overrides).dataset)


def _name_file(word: str) -> list[str]:
    """Return the overrides that name a file or folder and the data set that reads its kind.

    Raises:
        ConfigError: there is no such file, or nothing tells what a folder holds.
    """
    from regbench.compose.spelling import spell_override

    place, path = Path(word).expanduser(), spell_override("dataset.path", word)
    if place.is_dir():
        return [f"dataset={_tell_folder(place)}", path]
    suffix = next((end.lower() for end in reversed(place.suffixes) if end.lower() in BY_SUFFIX), "")
    return [f"dataset={BY_SUFFIX.get(suffix, 'csv')}", path]


def _guess_target(loader: CheckedLoader, overrides: Sequence[str]) -> list[str]:
    """Return the override that takes a table's last column for its target, where none was named, and say so."""
    given = dict(word.partition("=")[::2] for word in overrides)
    if given.get("dataset") not in ("csv", "parquet") or "dataset.target" in given or "dataset.path" not in given:
        return []
    from regbench.compose.spelling import spell_override
    from regbench.data.tables import Table

    table = _compose_dataset(loader, [*overrides, "dataset.target=''"])
    assert isinstance(table, Table)
    last = str(table.read_frame(table.path, "dataset.path").columns[-1])
    print(f"target: the last column {escape(last)!r}, because none was named; dataset.target=NAME takes another")
    return [spell_override("dataset.target", last)]


def _tell_folder(folder: Path) -> str:
    """Return the data set for a folder of folders: of texts, or of images."""
    for path in sorted(folder.glob("*/*")) + sorted(folder.glob("*/*/*")):
        if path.suffix.lower() == ".txt":
            return "text"
        if path.is_file():
            return "image_folder"
    raise ConfigError(f"{escape(str(folder))} holds no folders of files; data takes a file, or a folder of classes")
