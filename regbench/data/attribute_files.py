"""Tables whose header declares the kind of each column: ARFF, and KEEL's variant of it.

Format: Witten and Frank, Data Mining (Weka's ARFF), and Alcala-Fdez et al. (2011), KEEL Data-Mining Software Tool. One
reader serves both, because they differ in two tags and in the mark of a missing value. It is not scipy.io.arff, which
drops surplus values, reads `1?2` as missing, guesses from the first row whether later ones have quotes, takes no text
beyond ASCII, and tells no line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.data.lines import number_lines, read_number, show
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

QUOTED = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
ATTRIBUTE = re.compile(rf"@attribute\s+({QUOTED}|[^\s{{'\"][^\s{{]*)(?:\s+|(?={{))(\S.*)", re.IGNORECASE)
FIELD = re.compile(rf"\s*({QUOTED}|[^,\t'\"]*?)\s*([,\t]|$)")
NUMBER = re.compile(r"(?:numeric|real|integer)\s*(?:\[.*\])?", re.IGNORECASE)
DATE = re.compile(rf"date(?:\s+({QUOTED}|\S+))?", re.IGNORECASE)
DATE_DEFAULT = "yyyy-MM-dd'T'HH:mm:ss"
DATE_PARTS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "%f"}
DATE_TOKEN = re.compile(r"([A-Za-z])\1*|'([^']*)'|[^A-Za-z']+|'")
MISSING = ("?", "<null>")


@dataclass(frozen=True)
class Attribute:
    """A declared column: `kind` is number, nominal (with its levels) or date (with its strptime pattern)."""

    name: str
    kind: str
    levels: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True)
class AttributeTable:
    """The rows of a file, and the columns that KEEL's tags call inputs and outputs; both empty where none does."""

    frame: pd.DataFrame
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def parse_attributes(content: bytes, path: str) -> AttributeTable:
    """Return the rows of a file: numbers as float64, nominal columns as categories, dates as such.

    Args:
        content: the bytes of the file.
        path: what messages call it.

    Raises:
        ConfigError: names the line that declares or holds what cannot be read.
    """
    import pandas as pd

    lines = number_lines(content, path, comments="%")
    attributes, lists = _read_header(lines, path)
    numbers: list[int] = []
    rows: list[list[str]] = []
    for number, line in lines:
        where = f"{path}: line {number}"
        if line.startswith("{"):
            raise ConfigError(f"{where}: rows in braces (sparse ARFF) are not read; write every value")
        fields = _split(line, where)
        if len(fields) != len(attributes):
            raise ConfigError(f"{where} has {len(fields)} value(s), {len(attributes)} attributes are declared")
        numbers.append(number)
        rows.append(fields)
    columns = {
        attribute.name: _read_column(attribute, [row[place] for row in rows], numbers, path)
        for place, attribute in enumerate(attributes)
    }
    return AttributeTable(pd.DataFrame(columns), lists.get("input", ()), lists.get("output", ()))


def _read_header(lines: Iterator[tuple[int, str]], path: str) -> tuple[list[Attribute], Mapping[str, tuple[str, ...]]]:
    """Return the declared columns, and the names of inputs and outputs; the next line is the first row."""
    attributes: dict[str, Attribute] = {}
    lists: dict[str, tuple[str, ...]] = {}
    for number, line in lines:
        where, tag = f"{path}: line {number}", line.split(maxsplit=1)[0].lower()
        if tag == "@data":
            break
        if tag == "@attribute":
            attribute = _read_attribute(line, where)
            if attribute.name in attributes:
                raise ConfigError(f"{where}: the attribute {show(attribute.name)} appears twice")
            attributes[attribute.name] = attribute
        elif tag in ("@input", "@inputs", "@output", "@outputs"):
            names = _split(line[len(tag) :], where)
            lists[tag[1:].rstrip("s")] = tuple(_unquote(name) for name in names if name)
        elif tag != "@relation":
            raise ConfigError(
                f"{where}: {show(line)} is no declaration; before @data stand @relation, @attribute, @inputs, @outputs"
            )
    else:
        raise ConfigError(f"{path}: there is no line @data")
    if not attributes:
        raise ConfigError(f"{path}: no @attribute is declared")
    named = [name for names in lists.values() for name in names]
    for name in named:
        if name not in attributes or named.count(name) > 1:
            raise ConfigError(
                f"{path}: @inputs and @outputs name {show(name)}; they take declared attributes, each once"
            )
    return list(attributes.values()), lists


def _read_attribute(line: str, where: str) -> Attribute:
    found = ATTRIBUTE.fullmatch(line)
    if found is None:
        raise ConfigError(f"{where}: {show(line)} is no declaration; it takes @attribute NAME KIND")
    name, kind = _unquote(found[1]), found[2]
    if kind.startswith("{") and kind.endswith("}"):
        levels = tuple(_unquote(field) for field in _split(kind[1:-1], where))
        if len(set(levels)) < len(levels):
            raise ConfigError(f"{where}: attribute {show(name)} has a value twice")
        return Attribute(name, "nominal", levels)
    if NUMBER.fullmatch(kind):
        return Attribute(name, "number")
    if date := DATE.fullmatch(kind):
        return Attribute(name, "date", pattern=_read_pattern(_unquote(date[1] or DATE_DEFAULT), where))
    raise ConfigError(
        f"{where}: attribute {show(name)} is of kind {show(kind)}; allowed are numeric, real, integer, {{a, b, ...}} "
        "and date (string and relational ones are not read)"
    )


def _read_pattern(pattern: str, where: str) -> str:
    """Return a pattern of Java's SimpleDateFormat as one of strptime."""
    parts: list[str] = []
    for token in DATE_TOKEN.finditer(pattern):
        if token[1] is None:
            parts.append((token[0] if token[2] is None else token[2]).replace("%", "%%"))
        elif token[0] in DATE_PARTS and DATE_PARTS[token[0]] not in parts:
            parts.append(DATE_PARTS[token[0]])
        else:
            raise ConfigError(
                f"{where}: dates of form {show(pattern)}; allowed, each once, are {', '.join(DATE_PARTS)}"
            )
    return "".join(parts)


def _split(line: str, where: str) -> list[str]:
    """Return the fields of a line as they are written, between commas, or between tabs where there is no comma."""
    if "'" not in line and '"' not in line:
        return [field.strip() for field in line.split("," if "," in line or "\t" not in line else "\t")]
    fields: list[str] = []
    start, separator = 0, ","
    while separator:
        found = FIELD.match(line, start)
        if found is None:
            raise ConfigError(f"{where}: a quote is left open, or text stands beside it: {show(line[start:])}")
        fields.append(found[1])
        start, separator = found.end(), found[2]
    return fields


def _unquote(field: str) -> str:
    return re.sub(r"\\(.)", r"\1", field[1:-1]) if field[:1] in ("'", '"') else field


def _read_column(attribute: Attribute, fields: list[str], lines: list[int], path: str) -> pd.Series[Any]:
    """Return the values of a column, missing ones as pandas marks them."""
    import pandas as pd

    name = show(attribute.name)
    if attribute.kind == "number":
        numbers = [math.nan if field in MISSING else read_number(_unquote(field)) for field in fields]
        _refuse_unread(numbers, fields, lines, path, f"{name} takes finite numbers")
        return pd.Series(numbers, dtype="float64")
    if attribute.kind == "nominal":
        places = {level: place for place, level in enumerate(attribute.levels)}
        codes = [-1 if field in MISSING else places.get(_unquote(field)) for field in fields]
        _refuse_unread(codes, fields, lines, path, f"{name} takes one of {show(', '.join(attribute.levels))}")
        return pd.Series(pd.Categorical.from_codes(np.array(codes, dtype=np.int64), pd.Index(attribute.levels)))
    dates = [pd.NaT if field in MISSING else _read_date(_unquote(field), attribute.pattern) for field in fields]
    _refuse_unread(dates, fields, lines, path, f"{name} takes dates of the form {show(attribute.pattern)}")
    return pd.Series(dates, dtype="datetime64[us]")


def _read_date(text: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(text, pattern)
    except ValueError:
        return None


def _refuse_unread(values: Sequence[object], fields: list[str], lines: list[int], path: str, takes: str) -> None:
    """Refuse a column with a value that could not be read (None), naming its line."""
    for value, field, line in zip(values, fields, lines, strict=True):
        if value is None:
            raise ConfigError(f"{path}: line {line}: {show(field)} cannot be read; {takes}")
