"""Files of rows to predict: CSV, Parquet or .npz, told by their first bytes, and other kinds, told by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from regbench.data.encoding import CategoryColumn, NumberColumn
from regbench.data.files import read_file, unpack_archive
from regbench.data.npz import check_x, is_archive_of_arrays, parse_npz
from regbench.data.other_row_files import read_other_kind
from regbench.data.parquet_tables import parse_parquet
from regbench.data.preprocessing import Preprocessing
from regbench.data.text_tables import TextForm, parse_csv
from regbench.data.workbooks import is_workbook, parse_workbook
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd

PARQUET, ARCHIVE = b"PAR1", b"PK\x03\x04"


def read_rows(path: str, fitted: Preprocessing) -> pd.DataFrame | NDArray[Any]:
    """Return the rows of a table file, or the array `x` of an archive.

    Raises:
        ConfigError: the file cannot be read, or is of a kind from which the model takes no rows.
    """
    content = read_file(path, "")
    shown = escape(path)
    if is_workbook(content):
        return parse_workbook(content, shown)
    if content.startswith(ARCHIVE) and fitted.columns and not fitted.takes_arrays and not is_archive_of_arrays(content):
        content = unpack_archive(content, shown)
    if content.startswith(ARCHIVE):
        if not fitted.takes_arrays:
            raise ConfigError(f"{shown} holds arrays; the model was trained on a table: it takes a CSV or Parquet file")
        arrays = parse_npz(content, shown)
        if "x" not in arrays:
            raise ConfigError(f"{shown}: no array 'x'; found: {', '.join(sorted(arrays)) or 'none'}")
        return check_x(arrays["x"], f"{shown}: x")
    other = read_other_kind(content, path, fitted)
    if other is not None:
        return other
    if not fitted.columns:
        raise ConfigError(f"{shown} is not an .npz archive; the model takes rows {fitted.shape} from its array x")
    if content.startswith(PARQUET):
        categories = {column.name for column in fitted.columns if isinstance(column, CategoryColumn)}
        return parse_parquet(content, shown, [column.name for column in fitted.columns], categories)
    # As a number, 1.234 would be misread where training read points between thousands.
    numbers = [column.name for column in fitted.columns if isinstance(column, NumberColumn) and not column.written]
    names = [column.name for column in fitted.columns if column.name not in numbers]
    given = fitted.text_form
    form = TextForm(given.get("separator"), given.get("quote", '"'), given.get("encoding"), fitted.missing)
    return parse_csv(content, shown, names, form)
