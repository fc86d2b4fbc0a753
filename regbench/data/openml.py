"""Tables of OpenML, by number or by name, kept in scikit-learn's cache."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regbench.config.fields import integer, text
from regbench.data.records import Raw
from regbench.data.tables import Table
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class OpenMl(Table):
    """A table of openml.org, by `data_id`, or by `title` and `version`; downloaded once.

    Nominal attributes are categories. Without `target` it is the default target of the table.
    """

    path: str = text("", help="not used: OpenML names its tables by number")
    data_id: int | None = integer(None, low=1, optional=True, help="number of the table: openml.org/d/NUMBER")
    title: str = text("", help="name of the table, where data_id is null")
    version: int = integer(1, low=1, help="version of the table of this name")
    data_home: str | None = text(None, optional=True, help="folder of downloaded tables; null: scikit-learn's own")
    target: str | tuple[str, ...] = text("", help="column to predict; empty takes the default target")

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
        if self.path or self.test_path or self.val_path:
            raise ConfigError("dataset=openml takes no file; dataset.path, test_path and val_path must be left out")
        frame, targets = self._fetch()
        target = self.target or (targets[0] if len(targets) == 1 else targets)
        if not target:
            raise ConfigError(f"{self._describe()} has no default target; name one: dataset.target=COLUMN")
        return dataclasses.replace(self, path=self._describe(), target=target).convert(frame)

    def _fetch(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Return the table and its default targets."""
        from sklearn.datasets import fetch_openml

        named = {"data_id": self.data_id} if self.data_id is not None else {"name": self.title, "version": self.version}
        try:
            found = fetch_openml(**named, data_home=self.data_home, as_frame=True, parser="auto", n_retries=0)
        except OSError as reason:
            raise ConfigError(
                f"{self._describe()} is not in the cache and cannot be downloaded: {getattr(reason, 'reason', reason)}"
            ) from None
        except (ValueError, KeyError) as reason:
            raise ConfigError(f"{self._describe()}: {' '.join(str(reason).split())}") from None
        return found.frame, tuple(map(str, found.target_names or ()))

    def _describe(self) -> str:
        return f"openml {self.data_id}" if self.data_id is not None else f"openml {escape(self.title)!r}"
