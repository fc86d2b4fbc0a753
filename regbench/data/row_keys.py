"""What a table says about its rows besides features and target: groups, time, the part that a row is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.config.values import shorten
from regbench.data.absent_columns import refuse_absent
from regbench.data.columns import ColumnRules, read_column, read_numbers
from regbench.data.dataset import SplitRule
from regbench.data.records import FREE, TEST, VAL, Categorical, Columns, Floats, Numeric
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd

ROLES = {"train": FREE, "val": VAL, "validation": VAL, "valid": VAL, "dev": VAL, "test": TEST}
PLAIN = ("train", "val", "test")
KEYS = ("groups", "time", "column")


@dataclass(frozen=True)
class RowKeys:
    """Columns of a table that are about its rows, as the fields of `Raw` of the same names hold them."""

    groups: NDArray[np.int64] | None = None
    times: Floats | None = None
    roles: NDArray[np.int8] | None = None
    aside: Columns = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_row_keys(
    frame: pd.DataFrame, rule: SplitRule, drop: Sequence[str], path: str, rules: ColumnRules | None = None
) -> RowKeys:
    """Return what the columns say that the split names, and the dropped columns, which may hold keys too.

    Args:
        frame: the table.
        rule: the settings of the split.
        drop: names of the columns that the person left out.
        path: what messages call the table.
        rules: what the person says of columns of texts.

    Raises:
        ConfigError: a column does not exist, a cell of it is missing, or is not what the setting takes.
    """
    named = {key: name for key in KEYS if (name := getattr(rule, key)) is not None}
    for key, name in named.items():
        refuse_absent(f"dataset.split.{key}", [name], frame.columns, path)
        _refuse_missing(frame[name], f"{path}: column {name!r}", f"dataset.split.{key}")
    roles, notes = _read_roles(frame, named["column"], path) if "column" in named else (None, ())
    return RowKeys(
        groups=_read_groups(frame[named["groups"]]) if "groups" in named else None,
        times=_read_times(frame, named["time"], path, rules) if "time" in named else None,
        roles=roles,
        aside=tuple(_read_aside(frame[name]) for name in drop if name in frame.columns and name not in named.values()),
        left_out={name: f"dataset.split.{key}" for key, name in named.items()},
        notes=notes,
    )


def _refuse_missing(column: pd.Series[Any], where: str, setting: str) -> None:
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise ConfigError(
            f"{where}, row {missing[0] + 1}: the cell is empty (in {len(missing)} row(s) in all); "
            f"{setting} takes a column with a value in every row"
        )


def _read_groups(column: pd.Series[Any]) -> NDArray[np.int64]:
    import pandas as pd

    values = column if column.dtype.kind in "iufbmM" else column.astype(object).map(str)
    return pd.factorize(values)[0].astype(np.int64)


def _read_times(frame: pd.DataFrame, name: str, path: str, rules: ColumnRules | None) -> Floats:
    where = f"{path}: column {name!r}"
    found = read_column(frame[name], where, rules)
    if isinstance(found, Categorical):
        raise ConfigError(
            f"{where}, row 1: {shorten(str(frame[name].iloc[0]))} is neither a number nor a date; "
            "dataset.split.time takes a column of numbers or of dates"
        )
    missing = np.flatnonzero(np.isnan(found.values))
    if len(missing):
        raise ConfigError(
            f"{where}, row {missing[0] + 1}: {shorten(str(frame[name].iloc[missing[0]]))} is read as missing; "
            "dataset.split.time takes a column with a value in every row"
        )
    return found.values


def _read_roles(frame: pd.DataFrame, name: str, path: str) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Return the part of each row, and a note on cells that say it in other words than train, val and test."""
    cells = [str(value) for value in frame[name].astype(object)]
    words = {cell: cell.strip().lower() for cell in dict.fromkeys(cells)}
    for cell, word in words.items():
        if word not in ROLES:
            raise ConfigError(
                f"{path}: column {name!r}, row {cells.index(cell) + 1}: {shorten(cell)} is not a part; "
                "dataset.split.column takes a column of train, val and test"
            )
    roles = np.array([ROLES[words[cell]] for cell in cells], dtype=np.int8)
    for role in (FREE, TEST):
        if role not in roles:
            raise ConfigError(f"{path}: column {name!r}: no row says {PLAIN[role]}, and a split needs one at least")
    others = [f"{cell!r} as {PLAIN[ROLES[word]]}" for cell, word in words.items() if cell not in PLAIN]
    return roles, (f"column {name!r}: read {', '.join(others)}",) if others else ()


def _read_aside(column: pd.Series[Any]) -> Numeric | Categorical:
    """Return a column that is not a feature, whatever its cells are: numbers where they all are, else texts."""
    import pandas as pd

    if column.dtype.kind in "iuf":
        found = read_numbers(column)
        if found is not None:
            return found
    values = column.astype(object)
    codes, levels = pd.factorize(values.where(column.isna(), values.map(str)), sort=True)
    return Categorical(str(column.name), codes.astype(np.int64), tuple(str(level) for level in levels))


def append_parts(frames: Sequence[pd.DataFrame], paths: Sequence[str]) -> pd.DataFrame:
    """Return the rows of several tables of the same columns, one after the other, in the order of the first's columns.

    Args:
        frames: the tables.
        paths: what messages call each.

    Raises:
        ConfigError: a column is not in all, or holds numbers in one table and texts in another.
    """
    import pandas as pd

    first = frames[0]
    for frame, path in zip(frames[1:], paths[1:], strict=True):
        for name in first.columns:
            if name not in frame.columns:
                raise ConfigError(f"{path}: column {escape(name)!r} is missing; {paths[0]} has it")
            _refuse_other_kind((first[name], frame[name]), (paths[0], path))
        for name in frame.columns:
            if name not in first.columns:
                raise ConfigError(f"{path}: column {escape(name)!r} is not in {paths[0]}; both take the same columns")
    columns = {name: [frame[name] for frame in frames] for name in first.columns}
    return pd.DataFrame({name: _append(parts) for name, parts in columns.items()})


def _append(parts: list[pd.Series[Any]]) -> Any:
    """Return one column after the other; declared categories stay such, though each part may declare others."""
    import pandas as pd
    from pandas.api.types import union_categoricals

    if all(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
        return union_categoricals(parts)
    return pd.concat(parts, ignore_index=True)


def _refuse_other_kind(columns: tuple[pd.Series[Any], pd.Series[Any]], paths: tuple[str, str]) -> None:
    kinds = ["number" if column.dtype.kind in "iufb" else column.dtype.kind for column in columns]
    if kinds[0] == kinds[1] or any(column.isna().all() for column in columns):
        return
    texts = kinds.index(next(kind for kind in kinds if kind != "number"))
    column, known = columns[texts], columns[texts].dropna()
    row = int(np.flatnonzero(column.notna())[0]) + 1
    raise ConfigError(
        f"{paths[texts]}: column {escape(str(column.name))!r}, row {row}: {shorten(str(known.iloc[0]))}, but in "
        f"{paths[1 - texts]} the column holds {'numbers' if kinds[1 - texts] == 'number' else 'other values'}; "
        "both take the same kind"
    )
