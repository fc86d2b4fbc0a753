"""The refusal of a setting that names a column which a table does not have."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from regbench.errors import ConfigError, escape, suggest


def refuse_absent(setting: str, names: Iterable[str], columns: Collection[str], path: str) -> None:
    """Refuse names that are none of a table's columns.

    Args:
        setting: what names them, such as `dataset.drop`.
        names: the names.
        columns: the names of the table's columns.
        path: what the message calls the table.

    Raises:
        ConfigError: tells the nearest names.
    """
    for name in names:
        if name not in columns:
            raise ConfigError(f"{setting}={escape(name)}: no such column in {path}; {suggest(name, columns)}")
