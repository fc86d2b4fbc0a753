"""The folder of a study: who may write it, and its files, each replaced whole."""

from __future__ import annotations

import io
import json
import math
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regbench.errors import ConfigError, RegbenchError, escape
from regbench.store import durable, locks

PLAN, CHOICES, VERDICT = "study.json", "choices.json", "verdict.json"
TRIALS, TIMING, FRESH, FRESH_TIMING, REFERENCES, CURVES = (
    "trials.csv",
    "timing.csv",
    "fresh.csv",
    "fresh_timing.csv",
    "references.csv",
    "curves.csv",
)
GENERATIONS, ROWS, KEPT = "generations", "rows", "kept"
RUNS = "runs.csv"
"""Names the folder of each trial, where they have folders."""
PAGE = "report.html"
LOCK = "study.lock"
DIGITS = 6
"""Significant digits of figures that a person reads; those that are computed with are written in full."""


@dataclass(frozen=True)
class StudyFolder:
    """The files of a study."""

    path: Path

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return the content of a JSON file; None where there is none.

        Raises:
            RegbenchError: the file is damaged.
        """
        try:
            found = json.loads((self.path / name).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise RegbenchError(f"{escape(str(self.path / name))} cannot be read: {error}") from error
        if not isinstance(found, dict):
            raise RegbenchError(f"{escape(str(self.path / name))} is damaged; add resume=fresh to begin anew")
        return found

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file with sorted keys."""
        self.write(name, f"{json.dumps(content, sort_keys=True, indent=1, allow_nan=False)}\n".encode())

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table, empty cells for what is not known."""
        self.write(name, table.to_csv(index=False, lineterminator="\n").encode())

    def read_table(self, name: str) -> pd.DataFrame | None:
        """Return a table, numbers exactly as they were written and no infinite ones; None where there is none.

        Raises:
            RegbenchError: it cannot be read as a table.
        """
        try:
            content = io.BytesIO((self.path / name).read_bytes())
            return pd.read_csv(content, keep_default_na=False, na_values=["", "nan", "inf"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RegbenchError(f"{escape(str(self.path / name))} cannot be read: {error}") from error

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Write arrays by name into one .npz file, equal bytes for equal arrays: no time of day is in it."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for key, array in arrays.items():
                content = io.BytesIO()
                np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0)), content.getvalue())
        self.write(name, packed.getvalue())

    def read_arrays(self, name: str) -> dict[str, np.ndarray[Any, Any]] | None:
        """Return the arrays of an .npz file by name; None where there is none."""
        try:
            with np.load(self.path / name, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file durably, all or nothing.

        Raises:
            StorageError: it cannot be written.
        """
        path = self.path / name
        durable.make_folder(path.parent)
        durable.replace(path, content)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        durable.remove(self.path / name)

    def discard(self) -> None:
        """Remove all that a study has written here, the plan first: without it, nothing of the rest counts."""
        names = (PLAN, CHOICES, VERDICT, TRIALS, TIMING, FRESH, FRESH_TIMING, REFERENCES, CURVES, RUNS, PAGE)
        durable.remove(*(self.path / name for name in names))
        for folder in (GENERATIONS, ROWS, KEPT):
            shutil.rmtree(self.path / folder, ignore_errors=True)


@contextmanager
def claim(path: Path) -> Iterator[StudyFolder]:
    """Provide the folder of a study, made if need be, which no other process may write meanwhile.

    Raises:
        ConfigError: another process has it, or it cannot be made.
    """
    try:
        durable.make_folder(path)
        lock, owner = locks.take_lock_or_name_owner(path / LOCK)
    except OSError as error:
        raise ConfigError(f"{escape(str(path))}: {error.strerror or error}") from error
    if lock is None:
        raise ConfigError(f"{escape(str(path))}: a study is being made here by {owner}; wait, or take another name=")
    try:
        yield StudyFolder(path)
    finally:
        with suppress(OSError):
            locks.unlock(lock)


def shorten_floats(value: object) -> Any:
    """Return JSON values with floats of 6 significant digits, and None for those that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): shorten_floats(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shorten_floats(item) for item in value]
    if isinstance(value, np.ndarray):
        return shorten_floats(value.tolist())
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None
    return value


def join_tables(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return tables one below the other with these columns; one that a table lacks is empty there."""
    return pd.concat([table.reindex(columns=list(columns)) for table in tables], ignore_index=True)
