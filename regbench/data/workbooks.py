"""The first sheet of an Excel file as a table."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from regbench.data.text_tables import refuse_repeated
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd


def is_workbook(content: bytes) -> bool:
    """Tell whether a file is an Excel workbook: an archive with a part of this name."""
    if content[:4] != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def parse_workbook(content: bytes, path: str) -> pd.DataFrame:
    """Return the rows of the first sheet; only an empty cell is missing.

    Raises:
        ConfigError: openpyxl is not installed, or the sheet is not a table.
    """
    try:
        import openpyxl  # type: ignore[import-untyped]
    except ImportError:
        raise ConfigError(f"{path} is an Excel file, which takes the extra: pip install 'regbench[xlsx]'") from None
    import pandas as pd

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        rows = list(book.worksheets[0].iter_rows(values_only=True))
    except Exception as reason:  # openpyxl fails in a dozen ways on damaged files, all of them the file's fault
        raise ConfigError(f"{path}: no readable Excel file: {' '.join(str(reason).split())}") from None
    if any(None in row for row in rows):
        _refuse_unreckoned(content, rows, path)
    while rows and all(cell is None for cell in rows[-1]):  # rows that were once written or coloured
        rows.pop()
    if not rows:
        raise ConfigError(f"{path}: the first sheet is empty")
    width = max((place + 1 for row in rows for place, cell in enumerate(row) if cell is not None), default=0)
    names = ["" if name is None else str(name) for name in rows[0][:width]]
    refuse_repeated(names, path)
    frame = pd.DataFrame([list(row[:width]) for row in rows[1:]], columns=names, dtype=object)
    for name in names:
        if any(isinstance(cell, str) for cell in frame[name]):  # as in a text table, one text makes all cells texts
            frame[name] = frame[name].map(_write, na_action="ignore")
    return frame.infer_objects()


def _refuse_unreckoned(content: bytes, rows: Sequence[tuple[object, ...]], path: str) -> None:
    """Refuse a formula whose result the file does not hold: no program has calculated it yet.

    Raises:
        ConfigError: names the cell.
    """
    import openpyxl

    formulas = openpyxl.load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
    for row, (values, cells) in enumerate(zip(rows, formulas.iter_rows(values_only=True), strict=False)):
        for value, cell in zip(values, cells, strict=False):
            if value is None and cell is not None:
                raise ConfigError(
                    f"{path}: row {row + 1} of the sheet has the formula {escape(str(cell))[:40]} without a result; "
                    "open the file in Excel or LibreOffice and save it, which calculates its cells"
                )


def _write(cell: object) -> str:
    """Return a cell as a text table has it: dates in ISO order, whole numbers without a point."""
    if isinstance(cell, date):
        return cell.isoformat()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
