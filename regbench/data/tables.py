"""A person's own table: a CSV or Parquet file with a target column."""

from __future__ import annotations

import csv
import dataclasses
import io
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.config.fields import choice, flag, text, text_or_texts, texts
from regbench.data.columns import read_column
from regbench.data.dataset import REQUIRED, Dataset
from regbench.data.files import read_file
from regbench.data.records import FREE, TEST, VAL, Column, Raw
from regbench.data.row_keys import RowKeys, append_parts, read_row_keys
from regbench.data.table_targets import read_targets
from regbench.data.targets import TASKS
from regbench.data.weights import read_weights
from regbench.errors import ConfigError, escape, suggest

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = ",;\t|"
PARTS = {"path": FREE, "val_path": VAL, "test_path": TEST}
"""Settings that name a file, with the part that its rows are for."""


@dataclass(frozen=True, kw_only=True)
class Table(Dataset):
    """Base of all kinds of table files: which column is the target, and what is done with the others.

    Numbers stay numbers, missing ones become the median of the training rows; truth values are 0 and 1; dates are days
    since 1970-01-01; texts become one column of 0 and 1 for each text of the training rows, missing being one of them.
    """

    path: str = text(REQUIRED, help="path of the file")
    test_path: str | None = text(None, optional=True, help="a second file of the same columns: its rows are the test")
    val_path: str | None = text(None, optional=True, help="a file of the same columns: its rows are for validation")
    target: str | tuple[str, ...] = text_or_texts(
        REQUIRED, help="name of the column to predict; several are numbers, or 0 and 1 for labels"
    )
    task: str = choice(*TASKS, help="infer: texts, and whole numbers with few values, are classes")
    target_separator: str | None = text(
        None, optional=True, help="multilabel: what separates labels in a target of texts, such as ';'"
    )
    weight: str | None = text(None, optional=True, help="column that says how much each row counts; null: all the same")
    drop: tuple[str, ...] = texts((), help="columns to leave out, such as row numbers and names")
    standardize_target: bool = flag(True, help="regression: mean 0 and deviation 1, measured on the training rows")

    def files(self) -> tuple[str, ...]:
        """Return the paths of all files."""
        return tuple(path for path in (self.path, self.val_path, self.test_path) if path is not None)

    @abstractmethod
    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Return the rows of a file; `path` is what messages call it.

        Raises:
            ConfigError: it cannot be read.
        """

    def read(self) -> Raw:
        """Return the rows of the file, then those of `val_path` and of `test_path`."""
        files = {"path": self.path, "val_path": self.val_path, "test_path": self.test_path}
        given = {name: path for name, path in files.items() if path is not None}
        frames = [self.parse(read_file(path, f"dataset.{name}"), path) for name, path in given.items()]
        if len(frames) == 1:
            return self.convert(frames[0])
        if self.split.column is not None:
            raise ConfigError(
                f"dataset.{list(given)[-1]} does not go with dataset.split.column, which says the part of each row; "
                "take one of them"
            )
        paths = list(given.values())
        whole = dataclasses.replace(self, path=" with the rows after it of ".join(paths))
        raw = whole.convert(append_parts(frames, paths))
        roles = np.repeat(np.array([PARTS[name] for name in given], dtype=np.int8), [len(frame) for frame in frames])
        return dataclasses.replace(raw, roles=roles)

    def read_feature(self, column: pd.Series[Any], where: str) -> Column:
        """Return a feature column; `where` is what messages call it.

        Raises:
            ConfigError: it cannot be used.
        """
        return read_column(column, where)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns to predict."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns whose cells are texts even where all look like numbers: lists of labels."""
        return self.targets if self.target_separator is not None else ()

    def convert(self, frame: pd.DataFrame) -> Raw:
        """Return the rows of a frame, target and features apart.

        Raises:
            ConfigError: a column that is named does not exist, no feature is left, or a column cannot be used.
        """
        frame.columns = frame.columns.map(str)
        refuse_repeated(frame.columns, self.path)
        keys = read_row_keys(frame, self.split, self.drop, self.path)
        left_out = self._list_left_out(frame, keys)
        features = [name for name in frame.columns if name not in left_out]
        if not features:
            raise ConfigError(f"{self.path}: no column is left to learn from besides the target {self.targets[0]!r}")
        if len(frame) == 0:
            raise ConfigError(f"{self.path}: the table has no rows")
        task, y, classes, outputs, notes = read_targets(
            frame[list(self.targets)], self.task, self.target_separator, self.path
        )
        return Raw(
            origin=self.path,
            task=task,
            layout="table",
            x=tuple(self.read_feature(frame[name], f"{self.path}: column {name!r}") for name in features),
            y=y,
            classes=classes,
            weights=None if self.weight is None else read_weights(frame[self.weight], self.path),
            outputs=outputs,
            standardize_target=self.standardize_target and task == "regression",
            groups=keys.groups,
            times=keys.times,
            roles=keys.roles,
            left_out=left_out,
            aside=keys.aside,
            notes=(*keys.notes, *notes),
        )

    def _list_left_out(self, frame: pd.DataFrame, keys: RowKeys) -> dict[str, str]:
        """Return the columns that are not features, each with the reason.

        Raises:
            ConfigError: there is no such column, or it is given two reasons.
        """
        left_out: dict[str, str] = {}
        settings = (("target", self.targets), ("weight", () if self.weight is None else (self.weight,)))
        for setting, names in (*settings, ("drop", self.drop)):
            for name in names:
                if name not in frame.columns:
                    raise ConfigError(
                        f"dataset.{setting}={escape(name)}: no such column in {self.path}; "
                        f"{suggest(name, frame.columns)}"
                    )
                if left_out.get(name, setting) != setting:
                    raise ConfigError(f"dataset.{setting}={escape(name)} is not allowed; it is the {left_out[name]}")
                left_out[name] = setting
        for name, setting in keys.left_out.items():
            if left_out.get(name, "drop") != "drop":
                raise ConfigError(f"{setting}={escape(name)} is not allowed; it is the {left_out[name]}")
        named = {name: "dataset.drop" if reason == "drop" else reason for name, reason in left_out.items()}
        return {**named, **keys.left_out}


@dataclass(frozen=True, kw_only=True)
class Csv(Table):
    """A text table with a header line, in UTF-8; the separator is , ; tab or | (the most frequent in the header)."""

    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Return the rows of a text table."""
        return parse_csv(content, path, self.text_columns)


@dataclass(frozen=True, kw_only=True)
class Parquet(Table):
    """A table in Apache Parquet."""

    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Return the rows of a Parquet file."""
        return parse_parquet(content, path)


def parse_csv(content: bytes, path: str, names: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows of a text table.

    Args:
        content: the bytes of the file.
        path: what messages call it.
        names: columns whose fields stay texts, even where all of them are numbers.

    Raises:
        ConfigError: it is not UTF-8, or not a table with a header and rows of equal length.
    """
    import pandas as pd

    try:
        table = content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise ConfigError(f"{path}: byte {reason.start} is not UTF-8; save the file as UTF-8") from None
    separator = refuse_ragged(table, path)
    texts = dict.fromkeys(names, "str")
    try:
        return pd.read_csv(io.StringIO(table), sep=separator, index_col=False, low_memory=False, dtype=texts)
    except ValueError as reason:
        raise ConfigError(f"{path}: no readable table: {' '.join(str(reason).split())}") from None


def parse_parquet(content: bytes, path: str) -> pd.DataFrame:
    """Return the rows of a Parquet file; `path` is what messages call it.

    Raises:
        ConfigError: it cannot be read.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        frame: pd.DataFrame = pyarrow.parquet.read_table(io.BytesIO(content)).to_pandas(ignore_metadata=True)
    except (pyarrow.ArrowException, OSError, ValueError) as reason:
        raise ConfigError(f"{path}: no readable Parquet file: {' '.join(str(reason).split())}") from None
    return frame


def refuse_ragged(table: str, path: str) -> str:
    """Return the separator of a text table whose rows all have as many fields as its header.

    Raises:
        ConfigError: a row has more or fewer fields, a quote is left open, two columns have one name, or there is a
            zero byte. (pandas would fill up short rows, and rename columns, silently.)
    """
    before, zero, _ = table.partition("\0")
    if zero:
        raise ConfigError(
            f"{path}: line {before.count(chr(10)) + 1} has a zero byte, which no text has; save the file as UTF-8"
        )
    header = table.lstrip("\r\n").split("\n", 1)[0]
    separator = max(SEPARATORS, key=header.count)
    rows = csv.reader(io.StringIO(table, newline=""), delimiter=separator, strict=True)
    names: list[str] = []
    try:
        for fields in rows:
            if not names:
                names = fields
            elif fields and len(fields) != len(names):
                raise ConfigError(
                    f"{path}: line {rows.line_num} has {len(fields)} field(s), the header has {len(names)}; "
                    "they must agree"
                )
    except csv.Error as reason:
        raise ConfigError(f"{path}: line {rows.line_num}: {reason}") from None
    if not names:
        raise ConfigError(f"{path}: the file is empty")
    refuse_repeated(names, path)
    return separator


def refuse_repeated(names: Iterable[str], where: str) -> None:
    """Refuse a table in which two columns have one name."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ConfigError(f"{where}: the column name {name!r} appears twice; every name must be different")
