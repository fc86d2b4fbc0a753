"""CSV tables that grow by one row an epoch and can be cut back, byte for byte, to what a checkpoint committed."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path

from regbench.store import durable
from regbench.store.checkpoint import FRESH, CheckpointError


class Table:
    """An open CSV file with a fixed header, and the length and sha256 of the bytes that belong to it.

    The bytes on disk are exactly those counted here: a row that could not be written whole is taken back.
    """

    def __init__(self, path: Path, descriptor: int, header: Sequence[str] | None, kept: bytes) -> None:
        self.path = path
        self.length = len(kept)
        self._descriptor = descriptor
        self._header = None if header is None else tuple(header)
        self._digest = hashlib.sha256(kept)

    @classmethod
    def start(cls, path: Path, header: Sequence[str] | None) -> Table:
        """Start an empty table; without a header, the keys of the first row are the header."""
        table = cls(path, durable.open_appending(path), header, b"")
        table.cut()
        if header is not None:
            table._write(format_row(header))
        return table

    @classmethod
    def reopen(cls, path: Path, header: Sequence[str], length: int, sha256: str) -> Table:
        """Open a table of which the first `length` bytes were committed; nothing is changed before `cut`.

        Raises:
            CheckpointError: the file is missing, its committed bytes were edited, or its columns are not `header`.
        """
        kept = _read(path, length)
        if kept is None:
            raise CheckpointError(f"{path} is missing, but {length} bytes of it were committed; put it back, {FRESH}")
        if len(kept) != length or hashlib.sha256(kept).hexdigest() != sha256:
            raise CheckpointError(f"{path} was edited in the {length} bytes already committed; put it back, {FRESH}")
        found = _parse_header(kept)
        if found != tuple(header):
            changed = ", ".join(sorted(set(found) ^ set(header))) or "their order"
            raise CheckpointError(f"{path} has other columns than this run would write ({changed}); {FRESH}")
        return cls(path, durable.open_appending(path), header, kept)

    @classmethod
    def reopen_unverified(cls, path: Path, length: int) -> Table:
        """Open a table that is not part of the result: keep the whole lines of its first `length` bytes."""
        kept = _read(path, length) or b""
        kept = kept[: kept.rfind(b"\n") + 1]
        return cls(path, durable.open_appending(path), _parse_header(kept) if kept else None, kept)

    @property
    def sha256(self) -> str:
        """The hash of the table's bytes, in hexadecimal."""
        return self._digest.hexdigest()

    def cut(self) -> None:
        """Remove everything after the table's own bytes."""
        durable.cut(self._descriptor, self.length, self.path)

    def append(self, row: Mapping[str, object]) -> None:
        """Add one row; a column without a value stays empty.

        Raises:
            ValueError: the row has a key that is not a column.
            StorageError: the row could not be written; it was taken back.
        """
        first = self._header is None
        header = tuple(row) if self._header is None else self._header
        if not row.keys() <= set(header):
            raise ValueError(f"{self.path.name} has no column {', '.join(sorted(set(row) - set(header)))}")
        line = format_row(row.get(name) for name in header)
        self._write(format_row(header) + line if first else line)
        self._header = header

    def sync(self) -> None:
        """Make all rows durable."""
        durable.sync(self._descriptor, self.path)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        length, digest = self.length, self._digest.copy()
        try:
            durable.append(self._descriptor, data, self.path)
            self._digest.update(data)
            self.length += len(data)
        except BaseException:  # a full disk or Ctrl-C: without this a torn row could be committed
            self.length, self._digest = length, digest
            with contextlib.suppress(durable.StorageError):
                self.cut()
            raise


def format_row(values: Iterable[object]) -> bytes:
    """Return one CSV line: floats as the shortest text that reads back equal, None as nothing, NaN as `nan`.

    >>> format_row([1, 0.1, None, float("nan"), "a,b"])
    b'1,0.1,,nan,"a,b"\\n'

    Raises:
        TypeError: a value is neither a real number nor a text nor None.
    """
    row = list(values)
    cells = [_cell(value) for value in row]
    if len(cells) > 1 and not any(isinstance(value, str) for value in row):
        return (",".join(cells) + "\n").encode()  # only texts need quotes, and csv.writer costs as much as the cells
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: object) -> str:
    if type(value) is float:
        return repr(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    raise TypeError(f"a cell holds a number, a text or None, not {type(value).__name__}")


def _parse_header(data: bytes) -> tuple[str, ...]:
    first = data.split(b"\n", 1)[0].decode("utf-8", "replace")
    return tuple(next(csv.reader([first]), []))


def _read(path: Path, length: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(min(length, os.fstat(file.fileno()).st_size))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise durable.StorageError(f"cannot read {path}: {error.strerror}") from error
