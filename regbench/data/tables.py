"""A person's own table, with one or more columns to predict: text files and Excel's, and Parquet."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.config.fields import choice, flag, text, text_or_texts, texts
from regbench.data.absent_columns import refuse_absent
from regbench.data.columns import ColumnRules, read_column
from regbench.data.dataset import REQUIRED
from regbench.data.files import read_file
from regbench.data.parquet_tables import parse_parquet
from regbench.data.records import FREE, TEST, VAL, Column, Numeric, Raw, Roles
from regbench.data.row_keys import RowKeys, append_parts, read_row_keys
from regbench.data.row_numbers import find_row_numbers, note_missing_header, note_row_numbers
from regbench.data.table_targets import read_targets
from regbench.data.targets import TASKS
from regbench.data.text_files import TextCells, TextFile
from regbench.data.text_tables import refuse_repeated
from regbench.data.weights import read_weights
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd

PARTS = {"path": FREE, "val_path": VAL, "test_path": TEST}
"""Settings that name a file, with the part that its rows are for."""


@dataclass(frozen=True, kw_only=True)
class Table(TextCells):
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
    missing_target: str = choice("refuse", "drop", help="rows without a target: refuse the table, or leave them out")
    categories: tuple[str, ...] = texts((), help="columns whose cells are names, even where they look like numbers")
    standardize_target: bool = flag(True, help="regression: mean 0 and deviation 1, measured on the training rows")

    def files(self) -> tuple[str, ...]:
        """Return the paths of all files."""
        return tuple(self._list_files().values())

    def published_test(self) -> tuple[str, ...]:
        """Return the path of the test file, where there is one."""
        return () if self.test_path is None else (self.test_path,)

    def _list_files(self) -> dict[str, str]:
        """Return the paths of the files to read by the setting that names each."""
        test = self.test_path if self.reads_test else None
        files = {"path": self.path, "val_path": self.val_path, "test_path": test}
        return {name: path for name, path in files.items() if path is not None}

    @abstractmethod
    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Return the rows of a file; `path` is what messages call it.

        Raises:
            ConfigError: it cannot be read.
        """

    def read(self) -> Raw:
        """Return the rows of the file, then those of `val_path` and of `test_path`."""
        given = self._list_files()
        frames = [self.read_frame(path, f"dataset.{name}") for name, path in given.items()]
        if len(frames) == 1:
            return self.convert(frames[0])
        if self.split.column is not None:
            raise ConfigError(
                f"dataset.{list(given)[-1]} does not go with dataset.split.column, which says the part of each row; "
                "take one of them"
            )
        paths = list(given.values())
        whole = dataclasses.replace(self, path=" with the rows after it of ".join(paths))
        roles = np.repeat(np.array([PARTS[name] for name in given], dtype=np.int8), [len(frame) for frame in frames])
        return whole.convert(append_parts(frames, paths), roles)

    def read_frame(self, path: str, setting: str) -> pd.DataFrame:
        """Return the rows of the file that a setting names."""
        return self.parse(read_file(path, setting), path)

    def read_feature(self, column: pd.Series[Any], where: str, rules: ColumnRules) -> Column:
        """Return a feature column; `where` is what messages call it, and `rules` what the person says of texts.

        Raises:
            ConfigError: it cannot be used.
        """
        return read_column(column, where, rules)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns to predict."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def text_form(self) -> dict[str, str]:
        """How the file is written as a text; nothing of other kinds."""
        return {}

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns whose cells are texts even where all look like numbers: lists of labels."""
        return self.targets if self.target_separator is not None else ()

    def convert(self, frame: pd.DataFrame, roles: Roles | None = None) -> Raw:
        """Return the rows of a frame, target and features apart; `roles` are those of its rows, if files give them.

        Raises:
            ConfigError: a column that is named does not exist, no feature is left, or a column cannot be used.
        """
        frame.columns = frame.columns.map(str)
        refuse_repeated(frame.columns, self.path)
        frame = self.empty_cells(frame, self.path)
        row_numbers = find_row_numbers(frame, self.path)
        rules = ColumnRules(self.decimal, self.thousands, self.dates, self.categories)
        keys = read_row_keys(frame, self.split, self.drop, self.path, rules)
        left_out = self._list_left_out(frame, keys, row_numbers)
        features = [name for name in frame.columns if name not in left_out]
        if not features:
            raise ConfigError(f"{self.path}: no column is left to learn from besides the target {self.targets[0]!r}")
        if len(frame) == 0:
            raise ConfigError(f"{self.path}: the table has no rows")
        if self.missing_target == "drop":
            return self._drop_unlabelled(frame, roles)
        task, y, classes, outputs, notes = read_targets(
            frame[list(self.targets)], self.task, self.target_separator, self.path, rules
        )
        read = (self.read_feature(frame[name], f"{self.path}: column {name!r}", rules) for name in features)
        columns = tuple(map(self._keep_marks, read))
        return Raw(
            origin=self.path,
            task=task,
            layout="table",
            x=columns,
            y=y,
            classes=classes,
            weights=None if self.weight is None else read_weights(frame[self.weight], self.path, rules),
            outputs=outputs,
            standardize_target=self.standardize_target and task == "regression",
            groups=keys.groups,
            times=keys.times,
            roles=keys.roles if roles is None else roles,
            left_out=left_out,
            missing=self.missing,
            text_form=self.text_form,
            aside=keys.aside,
            notes=(*keys.notes, *notes, *note_row_numbers(columns), *note_missing_header(frame)),
        )

    def _keep_marks(self, column: Column) -> Column:
        """Return a column with the marks that a person named, so that rows to predict are read by them too."""
        if not isinstance(column, Numeric) or column.written or column.kind != "number":
            return column
        if not self.divides_by_points:
            return column
        return dataclasses.replace(column, written=("number", "", "", ","))

    def _drop_unlabelled(self, frame: pd.DataFrame, roles: Roles | None) -> Raw:
        """Return the rows of a frame that have a target."""
        unlabelled = frame[list(self.targets)].isna().any(axis=1).to_numpy()
        kept = frame[~unlabelled].reset_index(drop=True)
        roles = None if roles is None else roles[~unlabelled]
        raw = dataclasses.replace(self, missing_target="refuse").convert(kept, roles)
        dropped = int(unlabelled.sum())
        note = (f"{dropped} of {len(frame)} rows have no target and are left out",) if dropped else ()
        return dataclasses.replace(raw, notes=(*note, *raw.notes))

    def _list_left_out(self, frame: pd.DataFrame, keys: RowKeys, row_numbers: dict[str, str]) -> dict[str, str]:
        """Return the columns that are not features, each with the reason.

        Raises:
            ConfigError: there is no such column, or it is given two reasons.
        """
        left_out: dict[str, str] = {}
        refuse_absent("dataset.categories", self.categories, frame.columns, self.path)
        settings = (("target", self.targets), ("weight", () if self.weight is None else (self.weight,)))
        for setting, names in (*settings, ("drop", self.drop)):
            refuse_absent(f"dataset.{setting}", names, frame.columns, self.path)
            for name in names:
                if left_out.get(name, setting) != setting:
                    raise ConfigError(f"dataset.{setting}={escape(name)} is not allowed; it is the {left_out[name]}")
                left_out[name] = setting
        for name, setting in keys.left_out.items():
            if left_out.get(name, "drop") != "drop":
                raise ConfigError(f"{setting}={escape(name)} is not allowed; it is the {left_out[name]}")
        named = {name: "dataset.drop" if reason == "drop" else reason for name, reason in left_out.items()}
        return {**row_numbers, **named, **keys.left_out}


@dataclass(frozen=True, kw_only=True)
class Csv(TextFile, Table):
    """A text table with a header line: separated by , ; tab or | (the most frequent in the header), in UTF-8.

    Also packed by gzip, bzip2, xz or zip, and the first sheet of an Excel file (.xlsx, with the extra `xlsx`).
    """

    @property
    def name_columns(self) -> tuple[str, ...]:
        """Columns whose cells stay texts, even where all of them look like numbers."""
        return (*self.text_columns, *self.categories)


@dataclass(frozen=True, kw_only=True)
class Parquet(Table):
    """A table in Apache Parquet."""

    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Return the rows of a Parquet file."""
        keys = (self.weight, self.split.groups, self.split.time, self.split.column)
        kept = (*self.targets, *self.drop, *self.categories, *filter(None, keys))
        return parse_parquet(content, path, kept, self.categories)
