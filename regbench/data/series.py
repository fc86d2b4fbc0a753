"""Series of a person's own: one row is a series of one or more channels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.config.containers import defaults_of
from regbench.config.fields import choice, flag, text, texts
from regbench.data.attribute_files import parse_attributes
from regbench.data.columns import ColumnRules
from regbench.data.dataset import REQUIRED
from regbench.data.files import read_file
from regbench.data.records import Raw, last_rows_are_test
from regbench.data.series_rows import LENGTHS, SeriesRows, make_array
from regbench.data.series_tables import SeriesColumns, parse_ucr, read_long, read_wide
from regbench.data.series_ts import parse_ts
from regbench.data.targets import TASKS, encode_target
from regbench.data.text_files import TextFile
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd

TRAINING_FILE = re.compile(r"_TRAIN(\.[a-z]+(?:\.gz)?)$")
KINDS = (".ts", ".tsv", ".txt", ".arff", ".csv")
OF_ARFF = ("target", "values", "drop")
OF_TEXTS = ("missing", "dates", "separator", "decimal", "thousands", "encoding", "quote")
OF_CSV = (*OF_ARFF, "id", "time", *OF_TEXTS)
"""Settings that a file of a kind has a use for; of those here, the other kinds have none."""


@dataclass(frozen=True, kw_only=True)
class Series(TextFile):
    """Series `[N, C, L]` of a .ts, .tsv or .txt (UCR), .arff or .csv file, with a class or a number for each.

    A CSV is wide (a row for each series, its values in columns) or, with `id`, long (a row for each moment).
    `NAME_TRAIN.ts` is read with `NAME_TEST.ts`, if that lies beside it: the published test part.
    """

    path: str = text(REQUIRED, help="path of the file")
    test_path: str | None = text(None, optional=True, help="path of the test part; null takes NAME_TEST for NAME_TRAIN")
    target: str | None = text(None, optional=True, help="CSV: column to predict; ARFF: null takes the last attribute")
    id: str | None = text(None, optional=True, help="CSV: column that says of which series a row is; null: a row each")
    time: str | None = text(
        None, optional=True, help="CSV with an id: column that orders a series; null keeps the order"
    )
    values: tuple[str, ...] = texts(
        (), help="CSV: columns of values, the channels if it is long; empty takes all others"
    )
    drop: tuple[str, ...] = texts((), help="CSV, ARFF: columns to leave out, such as names")
    lengths: str = choice(*LENGTHS, help="unequal lengths: pad repeats the last value, resample interpolates")
    task: str = choice(
        *TASKS, help="infer: as the file says; in a CSV, texts and whole numbers with few values are classes"
    )
    standardize_target: bool = flag(True, help="regression: mean 0 and deviation 1, measured on the training rows")

    def files(self) -> tuple[str, ...]:
        """Return the path of the file and, where there is one, that of its test part."""
        return (self.path, *(self.published_test() if self.reads_test else ()))

    def published_test(self) -> tuple[str, ...]:
        """Return the path of the test part, given or found."""
        test = self.find_test()
        return () if test is None else (test,)

    def find_test(self) -> str | None:
        """Return the path of the test part: the one given, else the published one where it exists."""
        if self.test_path is not None:
            return self.test_path
        beside = TRAINING_FILE.sub(r"_TEST\1", self.path)
        return beside if beside != self.path and Path(beside).expanduser().is_file() else None

    def read(self) -> Raw:
        """Return x `[N, C, L]`, the rows of the test part last; L is the length of the longest training series."""
        test = self.find_test() if self.reads_test else None
        found = self.read_part(self.path, "dataset.path")
        x, notes = make_array(found, self.path, self.lengths)
        targets, tests, left_out = found.targets, 0, found.left_out
        if test is not None:
            more = self.read_part(test, "dataset.test_path")
            rest, said = make_array(more, test, self.lengths, (x.shape[1], x.shape[2]))
            x, tests, targets = np.concatenate([x, rest]), len(rest), join_targets(targets, more.targets, test)
            left_out = {**left_out, **more.left_out}
            notes += (*said, f"{test}: its {tests} series are the test part")
        asked = found.task if self.task == "infer" else self.task
        task, y, classes = encode_target(targets, asked, f"{self.path}: target")
        return Raw(
            origin=self.path,
            task=task,
            layout="series",
            x=x,
            y=y,
            classes=classes,
            roles=last_rows_are_test(len(y), tests),
            standardize_target=self.standardize_target and task == "regression",
            left_out=left_out,
            notes=(*found.notes, *notes),
        )

    def read_part(self, path: str, setting: str) -> SeriesRows:
        """Return the series of one file, whose kind its name tells.

        Raises:
            ConfigError: the file is not of its kind, or a setting does not fit that.
        """
        kind = PurePath(path.removesuffix(".gz")).suffix.lower()
        if kind not in KINDS:
            raise ConfigError(
                f"{setting}={escape(path)} is not allowed; the name must end in {', '.join(KINDS)} (or .gz)"
            )
        self._refuse_idle_settings(kind)
        if kind == ".csv":
            return self._read_table(self.empty_cells(self.read_frame(path, setting), path), path)
        content = read_file(path, setting)
        if kind == ".ts":
            found = parse_ts(content, path)
            if not found.task:
                raise ConfigError(f"{path}: the series have no target; @classLabel or @targetLabel must be true")
            return found
        if kind in (".tsv", ".txt"):
            return parse_ucr(content, path)
        return self._read_table(parse_attributes(content, path).frame, path)

    def _read_table(self, frame: pd.DataFrame, path: str) -> SeriesRows:
        """Return the series of a table."""
        if len(frame) == 0:
            raise ConfigError(f"{path}: the table has no rows")
        columns = SeriesColumns(
            target=self.target or str(frame.columns[-1]),
            id=self.id,
            time=self.time,
            values=self.values,
            drop=self.drop,
            classes=self.task == "classification",
            rules=ColumnRules(self.decimal, self.thousands, self.dates),
        )
        return read_wide(frame, columns, path) if self.id is None else read_long(frame, columns, path)

    def _refuse_idle_settings(self, kind: str) -> None:
        """Refuse a setting that a file of this kind has no use for, and the lack of one that it needs."""
        usual = defaults_of(type(self))
        used = {".csv": OF_CSV, ".arff": OF_ARFF}.get(kind, ())
        for name in OF_CSV:
            if getattr(self, name) != usual[name] and name not in used:
                raise ConfigError(
                    f"dataset.{name} is not allowed with a {kind} file, which says by itself what is what"
                )
        if kind == ".csv" and self.target is None:
            raise ConfigError("dataset.target is required with a .csv file: dataset.target=COLUMN")
        if self.time is not None and self.id is None:
            raise ConfigError("dataset.time is not allowed without dataset.id; it orders the rows of each series")
        if self.dates != usual["dates"] and self.time is None:
            raise ConfigError(f"dataset.dates={self.dates} has no effect without dataset.time, the column of dates")


def join_targets(train: NDArray[Any], test: NDArray[Any], where: str) -> NDArray[Any]:
    """Return the targets of both parts.

    Raises:
        ConfigError: one part has numbers, the other texts; `where` is what the message calls the second.
    """
    if (train.dtype.kind == "U") != (test.dtype.kind == "U"):
        raise ConfigError(f"{where}: its targets and those of the training part must both be numbers, or both texts")
    return np.concatenate([train, test])
