"""Tables in the file format of KEEL, with the folds in which they are published."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.config.fields import nested, text
from regbench.data.attribute_files import AttributeTable, append_rows, parse_attributes
from regbench.data.dataset import SplitRule
from regbench.data.files import read_file
from regbench.data.lines import show
from regbench.data.records import Raw, last_rows_are_test
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
    split: SplitRule = nested(SplitRule(test=None))

    def files(self) -> tuple[str, ...]:
        """Return the path of the file and, where there is one, that of its test part."""
        test = self.find_test()
        return (self.path,) if test is None else (self.path, test)

    def find_test(self) -> str | None:
        """Return the path of the test part: the one given, else the fold's other file where that exists."""
        if self.test_path is not None:
            return self.test_path
        beside = TRAINING_FILE.sub(r"tst\1", self.path)
        return beside if beside != self.path and Path(beside).expanduser().is_file() else None

    def read(self) -> Raw:
        """Return the rows of the file, those of the test part last."""
        table = parse_attributes(read_file(self.path, "dataset.path"), self.path)
        test = self.find_test()
        notes: list[str] = []
        frame, tests = table.frame, 0
        if test is not None:
            more = parse_attributes(read_file(test, "dataset.test_path"), test).frame
            frame, tests = append_rows(frame, more, test), len(more)
            notes.append(f"{test}: its {tests} rows are the test part")
        outputs = self.find_outputs(table)
        refuse_unlabeled(frame, outputs, self.path)
        unused = [name for name in frame.columns if table.inputs and name not in (*table.inputs, *outputs)]
        raw = replace(self, target=outputs[0], drop=(*self.drop, *unused)).convert(frame)
        reasons = {**raw.left_out, **dict.fromkeys(unused, "not among the file's @inputs")}
        return replace(raw, roles=last_rows_are_test(len(frame), tests), left_out=reasons, notes=(*notes, *raw.notes))

    def find_outputs(self, table: AttributeTable) -> tuple[str, ...]:
        """Return the names of what is to be predicted: as set, as the file says, or the last attribute."""
        if self.target:
            return (self.target,)
        return table.outputs or (str(table.frame.columns[-1]),)


def refuse_unlabeled(frame: pd.DataFrame, outputs: tuple[str, ...], path: str) -> None:
    """Refuse KEEL's semi-supervised parts, in which `unlabeled` is no class but the lack of one."""
    for name in outputs:
        if name in frame.columns and (frame[name] == UNLABELED).any():
            raise ConfigError(
                f"{path}: rows of {UNLABELED!r} in {show(name)} have no class (semi-supervised data); leave them out"
            )
