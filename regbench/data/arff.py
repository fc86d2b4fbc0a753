"""Tables in ARFF, Weka's file format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regbench.config.fields import text_or_texts
from regbench.data.attribute_files import parse_attributes
from regbench.data.records import Raw, Roles
from regbench.data.tables import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Arff(Table):
    """A table in ARFF: numeric, nominal and date attributes; `?` is a missing value."""

    target: str | tuple[str, ...] = text_or_texts("", help="attribute to predict, or several; empty takes the last one")

    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Return the rows of a file."""
        return parse_attributes(content, path).frame

    def convert(self, frame: pd.DataFrame, roles: Roles | None = None) -> Raw:
        """Return the rows of a frame, target and features apart."""
        if self.target:
            return super().convert(frame, roles)
        target = str(frame.columns[-1])
        raw = replace(self, target=target).convert(frame, roles)
        said = f"target {target!r}: the last attribute, because dataset.target is empty"
        return replace(raw, notes=(said, *raw.notes))
