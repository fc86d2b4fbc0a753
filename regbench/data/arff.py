"""Tables in ARFF, Weka's file format."""

from __future__ import annotations

from dataclasses import dataclass, replace

from regbench.config.fields import text
from regbench.data.attribute_files import parse_attributes
from regbench.data.files import read_file
from regbench.data.records import Raw
from regbench.data.tables import Table


@dataclass(frozen=True, kw_only=True)
class Arff(Table):
    """A table in ARFF: numeric, nominal and date attributes; `?` is a missing value."""

    target: str = text("", help="attribute to predict; empty takes the last one")

    def read(self) -> Raw:
        """Return the rows of the file."""
        frame = parse_attributes(read_file(self.path, "dataset.path"), self.path).frame
        target = self.target or str(frame.columns[-1])
        raw = replace(self, target=target).convert(frame)
        said = () if self.target else (f"target {target!r}: the last attribute, because dataset.target is empty",)
        return replace(raw, notes=(*said, *raw.notes))
