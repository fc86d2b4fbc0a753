"""Tables in the file format of KEEL, with the folds in which they are published."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.config.fields import text, text_or_texts
from regbench.data.attribute_files import AttributeTable, parse_attributes
from regbench.data.files import read_file
from regbench.data.lines import show
from regbench.data.records import Raw, Roles
from regbench.data.tables import Table
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

UNLABELED = "unlabeled"
TRAINING_FILE = re.compile(r"tra(\.dat(?:\.gz)?)$")


@dataclass(frozen=True, kw_only=True)
class Keel(Table):
    """A table in KEEL's format: numbers and nominal values; `<null>` and `?` are missing values.

    `NAME-5-1tra.dat` is read with `NAME-5-1tst.dat`, if that lies beside it: the published fold's test part.
    """

    target: str | tuple[str, ...] = text_or_texts(
        "", help="attribute to predict, or several; empty takes the file's @outputs"
    )
    test_path: str | None = text(
        None, optional=True, help="path of the test part; null takes NAMEtst.dat for NAMEtra.dat"
    )

    def files(self) -> tuple[str, ...]:
        """Return the paths of all files, the published test part among them."""
        return super(Keel, self.with_published_test()).files()

    def published_test(self) -> tuple[str, ...]:
        """Return the path of the test part, given or found."""
        return super(Keel, self.with_published_test()).published_test()

    def with_published_test(self) -> Keel:
        """Return the data set with the other file of the fold as its test part, unless one is given or none exists."""
        beside = TRAINING_FILE.sub(r"tst\1", self.path)
        if self.test_path is not None or beside == self.path or not Path(beside).expanduser().is_file():
            return self
        return replace(self, test_path=beside)

    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Return the rows of a file."""
        return parse_attributes(content, path).frame

    def read(self) -> Raw:
        """Return the rows of the file, then those of its validation and test parts."""
        table = parse_attributes(read_file(self.path, "dataset.path"), self.path)
        whole = replace(self.with_published_test(), target=self.find_target(table))
        used = (*table.inputs, *whole.targets, whole.weight, *self.drop)
        unused = tuple(name for name in table.frame.columns if table.inputs and name not in used)
        raw = super(Keel, replace(whole, drop=(*self.drop, *unused))).read()
        found = self.reads_test and whole.test_path != self.test_path
        said = (f"{whole.test_path}: its rows are the test part",) if found else ()
        reasons = {**raw.left_out, **dict.fromkeys(unused, "not among the file's @inputs")}
        return replace(raw, left_out=reasons, notes=(*said, *raw.notes))

    def convert(self, frame: pd.DataFrame, roles: Roles | None = None) -> Raw:
        """Return the rows of a frame, target and features apart.

        Raises:
            ConfigError: as for any table, or rows have no class, as in semi-supervised data.
        """
        for name in self.targets:
            if name in frame.columns and (frame[name] == UNLABELED).any():
                raise ConfigError(
                    f"{self.path}: rows of {UNLABELED!r} in {show(name)} have no class (semi-supervised data); "
                    "leave them out"
                )
        return super().convert(frame, roles)

    def find_target(self, table: AttributeTable) -> str | tuple[str, ...]:
        """Return the names of what is to be predicted: as set, as the file says, or the last attribute."""
        if self.target or len(table.outputs) > 1:
            return self.target or table.outputs
        return next(iter(table.outputs), str(table.frame.columns[-1]))
