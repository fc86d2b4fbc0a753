"""Tables in text files: separators, quotes, encodings, and cells as numbers wherever a column has nothing else.

pyarrow reads them, in a tenth of the time that Python's own reader takes; that one is asked where a file may have to be
refused, for it knows the line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.data.digit_texts import find_digit_texts, has_decimal_commas, list_digit_texts, list_doubted
from regbench.data.number_streams import list_pieces, stream_numbers
from regbench.data.ragged_rows import has_equal_rows, refuse_ragged
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.csv as csv_options

SEPARATORS = ",;\t|"
HEAD = 1 << 20
"""Bytes of a file that are looked at for its form."""

FEW = 1 << 16
"""Characters of a large file that are looked at for columns of codes."""

STRICT = 1 << 22
"""Bytes up to which every line is checked before the table is read, because messages name it."""

BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class TextForm:
    """How a text table is written; None: found out. `missing` are texts that stand for a missing value."""

    separator: str | None = None
    quote: str = '"'
    encoding: str | None = None
    missing: tuple[str, ...] = ()
    points_divide: bool = False
    """Whether points separate thousands, so that `1.234` is no decimal number."""


def parse_csv(
    content: bytes | Path, path: str, names: Sequence[str] = (), form: TextForm | None = None
) -> pd.DataFrame:
    """Return the rows of a text table; only an empty cell is missing, and what `form.missing` lists.

    An unnamed first column keeps the empty name.

    Args:
        content: the bytes of the file, or the place of a large one in UTF-8, which is read piece by piece.
        path: what messages call it.
        names: columns whose fields stay texts, even where all of them are numbers.
        form: how it is written.

    Raises:
        ConfigError: it is in another encoding, or not a table with a header and rows of equal length.
    """
    form = form or TextForm()
    if isinstance(content, bytes):
        content = to_utf8(content, form.encoding, path).lstrip(b"\r\n")
    start = _read_head(content, path)
    head = start.lstrip("\r\n")
    separator = form.separator or find_separator(head, form.quote)
    header = _read_header(head, separator, form.quote, path)
    suspect = isinstance(content, bytes) and (len(content) <= STRICT or content.count(form.quote.encode()) % 2)
    if isinstance(content, bytes) and suspect and not has_equal_rows(content, separator, form.quote):
        refuse_ragged(content.decode("utf-8"), separator, form.quote, path)
    # Of a large file all of the rest is looked at once it is read.
    looked_at = head if isinstance(content, bytes) else head[:FEW].rpartition("\n")[0]
    digits = find_digit_texts(looked_at, header, separator, form.quote, form.points_divide)
    texts = {*names, *digits} & set(header)
    if isinstance(content, Path):
        plain = not texts and head == start and "\r" not in head.partition("\n")[0].rstrip("\r")
        streamed = stream_numbers(content, header, separator, form.quote, form.missing) if plain else None
        if streamed is not None:
            return _drop_trailing(streamed)
    table = _restore_texts(_read(content, separator, form, texts, (), path), content, separator, form, path)
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True, date_as_object=False)
    return _drop_trailing(frame)


def find_separator(head: str, quote: str = '"') -> str:
    """Return the most frequent separator of a text's first line, those inside quotes left out."""
    counts: Counter[str] = Counter()
    quoted = False
    for mark in head:
        if mark == quote:
            quoted = not quoted
        elif not quoted and mark in "\r\n":
            break
        elif not quoted and mark in SEPARATORS:
            counts[mark] += 1
    return max(SEPARATORS, key=counts.__getitem__)


def refuse_repeated(names: Iterable[str], where: str) -> None:
    """Refuse a table in which two columns have one name."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ConfigError(f"{where}: the column name {name!r} appears twice; every name must be different")


def to_utf8(content: bytes, encoding: str | None, path: str) -> bytes:
    """Return a text as UTF-8 without a mark of byte order; `encoding` None: UTF-8, or as that mark says.

    Raises:
        ConfigError: there is no such encoding, or the text is in another one; `path` is what the message calls it.
    """
    told = next((name for bom, name in BOMS if content.startswith(bom)), None)
    name = encoding or told or "utf-8"
    if name == "utf-8" and told is None and content.isascii():
        return content
    try:
        return content.decode(name).removeprefix("\ufeff").encode()
    except LookupError:
        raise ConfigError(
            f"dataset.encoding={escape(name)} is not known; it takes an encoding such as utf-8, latin-1 or cp1252"
        ) from None
    except UnicodeDecodeError as reason:
        raise ConfigError(
            f"{path}: byte {reason.start} is not {name.upper()}; save the file as UTF-8, or set its encoding, such as "
            "dataset.encoding=latin-1"
        ) from None


def _read_header(head: str, separator: str, quote: str, path: str) -> list[str]:
    """Return the names of the columns.

    Raises:
        ConfigError: there is no line, two columns have one name, or the first line is one of numbers.
    """
    try:
        lines = csv.reader(io.StringIO(head, newline=""), delimiter=separator, quotechar=quote)
        names = next(lines, [])
    except csv.Error:
        names = []  # a name longer than the reader takes: what is wrong, the strict reader says
    if not names:
        raise ConfigError(f"{path}: the file is empty")
    if len(names) > 2 and names[-1] == names[-2] == "":
        raise ConfigError(f"{path}: two columns at the end of the header have no name; remove the separators after it")
    refuse_repeated(names, path)
    counted = [[str(place + first) for place in range(len(names))] for first in (0, 1)]
    if all(NUMBER.fullmatch(name.strip()) for name in names) and len(names) > 1 and names not in counted:
        raise ConfigError(
            f"{path}: the first line holds only numbers ({escape(', '.join(names[:3]))}, ...); a table begins with a "
            "line of column names: add one"
        )
    return names


def _read_head(content: bytes | Path, path: str) -> str:
    """Return the beginning of a table.

    Raises:
        ConfigError: a large file is not in UTF-8.
    """
    if isinstance(content, bytes):
        return content[:STRICT].decode("utf-8", "replace")
    with content.open("rb") as file:
        head = file.read(HEAD)
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)  # a character may be cut at the end
    except UnicodeDecodeError:
        return to_utf8(content.read_bytes(), None, path).decode()


def _has_quotes(content: bytes | Path, quote: str) -> bool:
    if isinstance(content, bytes):
        return quote.encode() in content
    with content.open("rb") as file:
        return any(quote.encode() in piece for piece in iter(lambda: file.read(HEAD), b""))


def _describe(
    content: bytes | Path, separator: str, form: TextForm, texts: Iterable[str], only: Sequence[str] = ()
) -> tuple[csv_options.ParseOptions, csv_options.ConvertOptions]:
    """Return how pyarrow is to read a text table."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    parse = arrow.ParseOptions(
        delimiter=separator, quote_char=form.quote, newlines_in_values=_has_quotes(content, form.quote)
    )
    convert = arrow.ConvertOptions(
        column_types={name: pa.string() for name in texts},
        null_values=["", *form.missing],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        include_columns=list(only),
    )
    return parse, convert


def _read(
    content: bytes | Path, separator: str, form: TextForm, texts: Iterable[str], only: Sequence[str], path: str
) -> pa.Table:
    """Return columns of a text table, those of `texts` as texts and the others as what their cells are.

    `only` names the columns to read; empty: all.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    parse, convert = _describe(content, separator, form, texts, only)
    # The system's allocator gives memory back where pyarrow's own keeps it.
    pool = pa.system_memory_pool()
    try:
        source = pa.BufferReader(content) if isinstance(content, bytes) else pa.OSFile(str(content))
        with source:
            table = arrow.read_csv(source, parse_options=parse, convert_options=convert, memory_pool=pool)
    except pa.ArrowInvalid as reason:
        whole = content if isinstance(content, bytes) else to_utf8(content.read_bytes(), None, path)
        refuse_ragged(whole.decode("utf-8"), separator, form.quote, path)
        raise ConfigError(f"{path}: no readable table: {' '.join(str(reason).split())}") from None
    if isinstance(content, Path) and any(pa.types.is_binary(kind) for kind in table.schema.types):
        to_utf8(content.read_bytes(), None, path)  # refuses what is not UTF-8
    return table


def _restore_texts(table: pa.Table, content: bytes | Path, separator: str, form: TextForm, path: str) -> pa.Table:
    """Return a table with the texts of columns that were read as what these may not mean."""
    points_divide = form.points_divide or has_decimal_commas(table)
    respelled = {name for name in table.column_names if _needs_its_texts(table.column(name))}
    doubted: set[str] = set()
    if isinstance(content, Path) or len(content) > STRICT:  # of a smaller one, all was looked at before
        doubted = list_doubted(table, _list_pieces(content), separator, form.quote, points_divide)
    names = sorted(respelled | doubted)
    if not names:
        return table
    texts = _read(content, separator, form, names, names, path)
    for name in respelled | list_digit_texts(texts, points_divide):
        table = table.set_column(table.schema.get_field_index(name), name, texts.column(name))
    return table


def _list_pieces(content: bytes | Path) -> Iterator[bytes]:
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        yield from list_pieces(file)


def _needs_its_texts(column: pa.ChunkedArray) -> bool:
    """Tell whether a column was read as what its texts may not mean: a time of day, or a number that is none."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_time(column.type):
        return True
    if not pa.types.is_floating(column.type):
        return False
    return bool(compute.any(compute.invert(compute.is_finite(column))).as_py())


def _drop_trailing(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out an empty last column without a name: separators at the end of every line."""
    last: Any = frame.columns[-1]
    if last == "" and len(frame.columns) > 1 and frame[last].isna().all():
        rest: pd.DataFrame = frame.drop(columns=last)
        return rest
    return frame
