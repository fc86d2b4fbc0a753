"""Settings that all data sets of a person's tables share: what cells mean, and how a text table is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regbench.config.fields import choice, declare, text, texts
from regbench.config.kinds import Choice
from regbench.data.dataset import Dataset
from regbench.data.decimal_marks import refuse_doubtful_points
from regbench.data.files import find_large, read_file, unpack_archive
from regbench.data.missing_marks import empty_missing
from regbench.data.text_tables import STRICT, TextForm, parse_csv
from regbench.data.workbooks import is_workbook, parse_workbook
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class TextCells(Dataset):
    """Base of data sets of tables: what a person says of the cells of all columns."""

    missing: tuple[str, ...] = texts((), help="texts that stand for a missing value, besides the empty cell")
    dates: str = choice("infer", "day_first", "month_first", help="infer: by the cells that only one reading fits")
    decimal: str | None = declare(
        None, Choice(options=(".", ","), optional=True, help="mark of decimals in texts; null: found out")
    )
    thousands: str | None = declare(
        None, Choice(options=(",", ".", " ", "'"), optional=True, help="mark between thousands; null: found out")
    )

    @property
    def divides_by_points(self) -> bool:
        """Whether the person said, of either mark, that points separate thousands."""
        return self.decimal == "," or self.thousands == "."

    def empty_cells(self, frame: pd.DataFrame, path: str) -> pd.DataFrame:
        """Return a frame in which what stands for a missing value is missing.

        Raises:
            ConfigError: the marks of decimals and thousands are one, or the cells leave open which is which.
        """
        frame = empty_missing(frame, self.missing, frame.columns if self.divides_by_points else ())
        if self.decimal is not None and self.decimal == self.thousands:
            raise ConfigError(
                f"dataset.thousands={self.thousands} is not allowed with dataset.decimal={self.decimal}; they differ"
            )
        if self.decimal is None and self.thousands is None:
            refuse_doubtful_points(frame, path)
        return frame


@dataclass(frozen=True, kw_only=True)
class TextFile(TextCells):
    """Base of data sets of text tables: how a file is written."""

    separator: str | None = text(None, optional=True, help="mark between cells; null: found out from the header")
    quote: str = declare('"', Choice(options=('"', "'"), help="mark around cells that hold separators or line ends"))
    encoding: str | None = text(None, optional=True, help="such as latin-1; null: UTF-8, or as its first bytes say")

    def read_frame(self, path: str, setting: str) -> pd.DataFrame:
        """Return the rows of the file that a setting names, a large one read piece by piece."""
        large = find_large(path, STRICT) if self.encoding is None else None
        if large is None:
            return self.parse(read_file(path, setting), path)
        return parse_csv(large, path, self.name_columns, self._describe_form())

    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Return the rows of a text table, or of a workbook."""
        if is_workbook(content):
            return parse_workbook(content, path)
        return parse_csv(unpack_archive(content, path), path, self.name_columns, self._describe_form())

    @property
    def name_columns(self) -> tuple[str, ...]:
        """Columns whose cells stay texts, even where all of them look like numbers."""
        return ()

    @property
    def text_form(self) -> dict[str, str]:
        """What the person says of how the file is written, for files of rows to predict."""
        given = {"separator": _one_mark(self.separator, "separator"), "quote": self.quote, "encoding": self.encoding}
        return {key: value for key, value in given.items() if value not in (None, '"')}

    def _describe_form(self) -> TextForm:
        return TextForm(
            separator=_one_mark(self.separator, "separator"),
            quote=self.quote,
            encoding=self.encoding,
            missing=self.missing,
            points_divide=self.divides_by_points,
        )


def _one_mark(mark: str | None, setting: str) -> str | None:
    """Return a mark of one character; a tab may be written as a backslash and t."""
    mark = {"\\t": "\t", "tab": "\t"}.get(mark or "", mark)
    if mark is not None and len(mark) != 1:
        raise ConfigError(f"dataset.{setting}={mark!r} is not allowed; it takes one character, or null")
    return mark
