"""Texts of a person's own: a column of a table, or files in a folder for each class."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regbench.config.containers import defaults_of
from regbench.config.fields import choice, flag, integer, nested, text, text_or_texts
from regbench.data.absent_columns import refuse_absent
from regbench.data.class_folders import find_class_files, is_folder, list_part_folders, read_safely
from regbench.data.columns import ColumnRules, list_texts
from regbench.data.dataset import REQUIRED, SplitRule
from regbench.data.records import FREE, TEST, VAL, Column, Raw, Roles, TextRule, Texts
from regbench.data.tables import Csv
from regbench.data.text_tables import to_utf8
from regbench.errors import ConfigError, escape
from regbench.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".txt",)
OF_TABLES = (
    *("test_path", "val_path", "target", "target_separator", "weight", "drop", "separator", "quote"),
    *("missing", "missing_target", "categories", "dates", "decimal", "thousands", "standardize_target"),
)
"""Settings that a folder of files has no use for."""


@dataclass(frozen=True, kw_only=True)
class Text(Csv):
    """Texts as token numbers, word counts or TF-IDF of the words of the training rows.

    A table has a column of texts and a target; other columns are left out. A folder holds a folder of .txt files
    for each class, or `train`, `val` and `test` with such folders.
    """

    path: str = text(REQUIRED, help="path of a table (CSV, TSV), or of a folder")
    target: str | tuple[str, ...] = text_or_texts("", help="table: name of the column to predict")
    text_column: str = text("text", help="table: name of the column of texts; predicted rows have it too")
    features: str = choice("tfidf", "counts", "tokens", help="what a text becomes")
    max_features: int = integer(20_000, low=1, high=2**24 - 3, help="words that are told apart, the most frequent ones")
    length: int | None = integer(
        None, low=1, optional=True, help="tokens of a row; null fits 95 % of the training rows"
    )
    split: SplitRule = nested(SplitRule(test=None))
    standardize: bool = flag(False, help="not for tokens; tf-idf has length 1 already")

    def __post_init__(self) -> None:
        if self.features == "tokens" and self.standardize:
            raise ConfigError("dataset.standardize=true is not allowed; dataset.features=tokens are numbers of words")
        if self.features != "tokens" and self.length is not None:
            raise ConfigError(
                f"dataset.length={self.length} has no effect with dataset.features={self.features}; leave it out, "
                "or take dataset.features=tokens"
            )

    @property
    def rule(self) -> TextRule:
        """How the texts are encoded."""
        return TextRule(self.features, self.max_features, self.length)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns whose cells are texts even where all look like numbers."""
        return (self.text_column, *super().text_columns)

    def files(self) -> tuple[str, ...]:
        """Return the paths of all files, or of the folder; without its test part, those of its other parts."""
        if self.reads_test or not is_folder(self.path):
            return super().files()
        return list_part_folders(self.path, FREE, VAL)

    def published_test(self) -> tuple[str, ...]:
        """Return the path of the test file, or of the folder of the test part, where there is one."""
        return list_part_folders(self.path, TEST) if is_folder(self.path) else super().published_test()

    def read(self) -> Raw:
        """Return the texts and their targets, those of a test part last."""
        if is_folder(self.path):
            return self._read_folder()
        if not self.target:
            raise ConfigError("dataset.target is required for a table: dataset.target=COLUMN")
        return super().read()

    def read_feature(self, column: pd.Series[Any], where: str, rules: ColumnRules) -> Column:
        """Return the column of texts."""
        return Texts(str(column.name), list_texts(column), self.rule)

    def convert(self, frame: pd.DataFrame, roles: Roles | None = None) -> Raw:
        """Return the rows of a frame; columns that nothing names are left out."""
        names = [str(name) for name in frame.columns]
        refuse_absent("dataset.text_column", [self.text_column], names, self.path)
        rule = self.split
        named = (self.text_column, *self.targets, self.weight, rule.groups, rule.time, rule.column, *self.drop)
        others = tuple(name for name in names if name not in named)
        raw = Csv.convert(dataclasses.replace(self, drop=(*self.drop, *others)), frame, roles)
        reasons = {name: "not dataset.text_column" if name in others else why for name, why in raw.left_out.items()}
        return dataclasses.replace(raw, left_out=reasons, layout=self._layout)

    def _read_folder(self) -> Raw:
        usual = defaults_of(type(self))
        for name in OF_TABLES:
            if getattr(self, name) != usual[name]:
                raise ConfigError(f"dataset.{name} has no effect with a folder, dataset.path={escape(self.path)}")
        if self.task not in ("infer", Task.CLASSIFICATION):
            raise ConfigError(f"dataset.task={self.task} is not allowed with a folder, whose folders are classes")
        found = find_class_files(self.path, SUFFIXES, reads_test=self.reads_test)
        texts = tuple(self._decode(read_safely(found.root, file), found.show(file)) for file in found.files)
        return Raw(
            origin=self.path,
            task="classification",
            layout=self._layout,
            x=(Texts(self.text_column, texts, self.rule),),
            y=found.y,
            classes=found.classes,
            roles=found.roles,
            notes=found.notes,
        )

    def _decode(self, content: bytes, where: str) -> str:
        return to_utf8(content, self.encoding, where).decode()

    @property
    def _layout(self) -> str:
        return "tokens" if self.features == "tokens" else "table"
