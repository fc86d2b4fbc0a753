"""Tables of OpenML, by number or by name and version; downloaded once and kept in scikit-learn's cache."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from regbench.config.fields import integer, text, text_or_texts
from regbench.data.records import Raw
from regbench.data.tables import Table
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd

PASSING = ("Retrying", "redownloading")
"""Words of scikit-learn's warnings that are about the download and not about the data."""


class Fetched(NamedTuple):
    """A table, its default targets, and what is to be said of it."""

    frame: pd.DataFrame
    targets: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OpenMl(Table):
    """A table of openml.org, by `data_id`, or by `title` and `version`; downloaded once.

    Nominal attributes are categories, and attributes that OpenML marks as row numbers or to be ignored are left out.
    Without `target` it is the default target of the table. Its rows are checked against OpenML's MD5 checksum.
    """

    path: str = text("", help="not used: OpenML names its tables by number")
    data_id: int | None = integer(None, low=1, optional=True, help="number of the table: openml.org/d/NUMBER")
    title: str = text("", help="name of the table, where data_id is null")
    version: int = integer(1, low=1, help="version of the table of this name")
    data_home: str | None = text(None, optional=True, help="folder of downloaded tables; null: scikit-learn's own")
    target: str | tuple[str, ...] = text_or_texts("", help="column to predict; empty takes the default target")

    def files(self) -> tuple[str, ...]:
        """Return no paths: what a number, or a name and a version, stand for never changes on OpenML."""
        return ()

    def parse(self, content: bytes, path: str) -> pd.DataFrame:
        """Refuse a file.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"{escape(path)}: dataset=openml takes no file; the data sets csv, parquet and arff do")

    def read(self) -> Raw:
        """Return the rows of the table.

        Raises:
            ConfigError: no table is named, there is none of this name, or it is neither cached nor reachable.
        """
        if (self.data_id is None) == (not self.title):
            raise ConfigError("dataset=openml takes dataset.data_id=NUMBER, or dataset.title=NAME; give one of them")
        if self.data_id is not None and self.version != 1:
            raise ConfigError(
                f"dataset.version={self.version} has no effect with dataset.data_id, which names a version"
            )
        if self.path or self.test_path or self.val_path:
            raise ConfigError("dataset=openml takes no file; dataset.path, test_path and val_path must be left out")
        fetched = self._fetch()
        target = self.target or (fetched.targets[0] if len(fetched.targets) == 1 else fetched.targets)
        if not target:
            raise ConfigError(f"{self._describe()} has no default target; name one: dataset.target=COLUMN")
        raw = dataclasses.replace(self, path=self._describe(), target=target).convert(fetched.frame)
        taken = f"target {', '.join(fetched.targets)}: OpenML's default, because dataset.target is empty"
        return dataclasses.replace(raw, notes=(*fetched.notes, *([] if self.target else [taken]), *raw.notes))

    def _fetch(self) -> Fetched:
        """Return the table from the cache, or else from the net."""
        from sklearn.datasets import fetch_openml

        named = {"data_id": self.data_id} if self.data_id is not None else {"name": self.title, "version": self.version}
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                found = fetch_openml(**named, data_home=self.data_home, as_frame=True, parser="auto", n_retries=1)
        except OSError as reason:
            raise ConfigError(
                f"{self._describe()} is not in the cache and cannot be downloaded: "
                f"{_shorten(getattr(reason, 'reason', reason))}"
            ) from None
        except Exception as reason:  # of a number that OpenML does not have, a sparse table, a damaged cache
            raise ConfigError(f"{self._describe()}: {_shorten(reason) or type(reason).__name__}") from None
        details = found.get("details", {})
        notes = (
            [f"version {details['version']} of {details['name']!r}, MD5 {details['md5_checksum']}"] if details else []
        )
        lines = [str(one.message).splitlines()[0] for one in told]
        notes += [line for line in lines if not any(word in line for word in PASSING)]
        return Fetched(found["frame"], tuple(map(str, found["target_names"] or ())), tuple(map(escape, notes)))

    def _describe(self) -> str:
        return f"openml {self.data_id}" if self.data_id is not None else f"openml {escape(self.title)!r}"


def _shorten(reason: object) -> str:
    return escape(" ".join(str(reason).split()))
