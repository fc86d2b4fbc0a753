"""The rows of runs, read again: the source once, and the parts of each run as it saw them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from regbench.config.run_config import RunConfig
from regbench.runs.prepare import build_records

if TYPE_CHECKING:
    from regbench.data.records import Raw, Split

OF_THE_CUT = ("seed", "fold")
"""Settings of a split that say which rows are in which part, and nothing about what is read."""


class CutReader:
    """Reads the parts of runs, and keeps the rows of the source for the next run on the same ones."""

    def __init__(self) -> None:
        self._kept: tuple[str, Raw] | None = None

    def split(self, config: RunConfig) -> Split:
        """Return the parts of a run.

        Raises:
            ConfigError: the data cannot be read or cut.
        """
        from regbench.data.loading import build_dataset
        from regbench.data.preparing import prepare

        return prepare(build_dataset(config.dataset), self._raw(config), build_records(config).input_type)

    def varies(self, config: RunConfig) -> bool:
        """Tell whether another seed of the split puts other rows into the parts.

        Raises:
            ConfigError: the data cannot be read.
        """
        from regbench.data.loading import build_dataset
        from regbench.data.split_settings import seed_matters

        return seed_matters(build_dataset(config.dataset), self._raw(config))

    def _raw(self, config: RunConfig) -> Raw:
        from regbench.data.loading import build_dataset

        key = repr(_drop_cut(config.dataset))
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # before the next is read: two sources may be more than the memory holds
            self._kept = (key, build_dataset(config.dataset).read())
        return self._kept[1]


def _drop_cut(dataset: Mapping[str, object]) -> dict[str, object]:
    split = dataset.get("split")
    own = {key: value for key, value in split.items() if key not in OF_THE_CUT} if isinstance(split, Mapping) else split
    return {key: value for key, value in dataset.items() if key != "train_size"} | {"split": own}
