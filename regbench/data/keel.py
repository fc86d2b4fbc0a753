"""Tables in the file format of KEEL, with the folds in which they are published."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.config.fields import text
from regbench.data.attribute_files import AttributeTable, parse_attributes
from regbench.data.files import read_file
from regbench.data.lines import show
from regbench.data.records import Raw
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

    target: str = text("", help="attribute to predict; empty takes the file's @outputs")
    test_path: str | None = text(
        None, optional=True, help="path of the test part; null takes NAMEtst.dat for NAMEtra.dat"
    )

    def files(self) -> tuple[str, ...]:
        """Return the paths of all files, the published test part among them."""
        return super(Keel, self.with_published_test()).files()

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
        target, whole = self.find_target(table), self.with_published_test()
        unused = tuple(name for name in table.frame.columns if table.inputs and name not in (*table.inputs, target))
        raw = super(Keel, replace(whole, target=target, drop=(*self.drop, *unused))).read()
        said = (f"{whole.test_path}: its rows are the test part",) if whole.test_path != self.test_path else ()
        reasons = {**raw.left_out, **dict.fromkeys(unused, "not among the file's @inputs")}
        return replace(raw, left_out=reasons, notes=(*said, *raw.notes))

    def convert(self, frame: pd.DataFrame) -> Raw:
        """Return the rows of a frame, target and features apart.

        Raises:
            ConfigError: as for any table, or rows have no class, as in semi-supervised data.
        """
        if self.target in frame.columns and (frame[self.target] == UNLABELED).any():
            raise ConfigError(
                f"{self.path}: rows of {UNLABELED!r} in {show(self.target)} have no class (semi-supervised data); "
                "leave them out"
            )
        return super().convert(frame)

    def find_target(self, table: AttributeTable) -> str:
        """Return the name of what is to be predicted: as set, as the file says, or the last attribute.

        Raises:
            ConfigError: the file has several outputs, and the settings name none.
        """
        if len(table.outputs) > 1 and not self.target:
            raise ConfigError(
                f"{self.path}: dataset.target is required, because @outputs names {', '.join(map(show, table.outputs))}"
            )
        return self.target or next(iter(table.outputs), str(table.frame.columns[-1]))
