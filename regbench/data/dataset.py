"""The base of every data source: the settings that all share, and the one method that a source writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from regbench.config.fields import amount, flag, integer, nested, number
from regbench.config.values import REQUIRED as REQUIRED
from regbench.data.records import Raw


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """Rule that alone decides which rows are for training, for validation and for the test.

    `test` and `val` are fractions of all rows, rounded up. A source with a published test part keeps that part: `test`
    is then null, and `val` is a fraction of the other rows; without such a part null means 0.2. `val` 0 means no
    validation.
    """

    seed: int = integer(0, low=0, high=2**32 - 1, help="the shuffle before the cut")
    val: float = number(0.2, low=0.0, high=1.0, open_high=True, help="fraction of the rows; 0 means no validation")
    test: float | None = number(
        0.2, low=0.0, high=1.0, open_low=True, open_high=True, optional=True, help="null keeps the published test part"
    )
    stratify: bool = flag(True, help="keep the class proportions in every part; no effect on regression")


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """One data source: a frozen record of settings with a method that reads all rows.

    A third party adds one as a class in the entry-point group `regbench.datasets` and a YAML of the same name.
    """

    split: SplitRule = nested(SplitRule())
    train_size: float | None = amount(None, optional=True, help="use only so many training rows; null uses all")
    imbalance: float = number(
        1.0, low=1.0, help="thin the training classes to a long tail: rows of the first class to one of the last"
    )
    label_noise: float = number(
        0.0, low=0.0, high=1.0, help="fraction of the training labels replaced by another class; classification only"
    )
    standardize: bool = flag(True, help="mean 0 and deviation 1 per feature or channel, measured on the training rows")

    @abstractmethod
    def read(self) -> Raw:
        """Return all rows of the source.

        Raises:
            ConfigError: the source cannot be read, or not as the settings say.
        """

    def files(self) -> tuple[str, ...] | None:
        """Return the paths of all files that `read` reads, as the settings name them.

        A finished run is reused only while its data are the same. For that it is enough to look at these files; of a
        data set that does not name them (None, the default), all rows are read again and compared.
        """
        return None


class Computed(Dataset):
    """Base of data sets that read no file of a person's: settings and installed packages decide every row."""

    def files(self) -> tuple[str, ...]:
        """Return no paths."""
        return ()
