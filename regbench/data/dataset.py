"""The base of every data source: the settings that all share, and the one method that a source writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from regbench.config.fields import amount, choice, flag, integer, nested, number, text
from regbench.config.values import REQUIRED as REQUIRED
from regbench.data.records import Raw


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """Rule that alone decides which rows are for training, for validation and for the test.

    `test` and `val` are fractions of all rows, rounded up; null means 0.2 for `test`, and `val` 0 means no validation.
    A source with a test or validation part of its own keeps it, whatever the method (`folds` is refused there): `test`
    is then null, and `val` is a fraction of the rows that are in neither.

    `random` shuffles. `folds` cuts all rows into `folds` parts of equal size, of which number `fold` is the test part:
    sizes differ by one row where the rows cannot be divided. With `equal` they do not: a fold has floor(rows / folds)
    rows, the rows left over are in the training part of every fold, and so training and validation parts are of the
    same sizes in every fold too. Rows that belong together stay so: where no row stands alone, sizes are only as equal
    as whole groups allow.
    `groups` takes whole groups into a part, and `folds` does so too if `groups` names a column. `time` takes the last
    rows as the test part and those before them as validation, and never tears rows of equal time apart. With `folds` or
    `fold` it cuts the last rows (the fraction `test`) into folds, and number `fold` is the test part of a window: rows
    that train, rows that validate, the fold, in the order of time and as many of each for every fold. There `val` is a
    fraction of the window, and `val_seed` moves the other rows back by 1 to as many rows as validate. `given` reads the
    part of each row from `column`, or keeps the parts of the source. `all` trains on every row, whatever its part: for
    a final model, of which nothing is measured on rows that it has not seen.

    `val_seed` draws the validation part alone, so that one test part goes with many validation parts; null draws it
    with `seed`, as everything else.
    """

    method: str = choice("random", "folds", "groups", "time", "given", "all", help="how the parts are found")
    seed: int = integer(0, low=0, high=2**32 - 1, help="the shuffle before the cut")
    val: float = number(0.2, low=0.0, high=1.0, open_high=True, help="fraction of the rows; 0 means no validation")
    test: float | None = number(
        None, low=0.0, high=1.0, open_low=True, open_high=True, optional=True, help="null: 0.2, or the source's part"
    )
    stratify: bool = flag(True, help="keep the class proportions in every part; no effect on regression and time")
    folds: int | None = integer(None, low=2, optional=True, help="number of folds; null: 5")
    fold: int | None = integer(None, low=0, optional=True, help="the fold that is the test part, from 0; null: 0")
    groups: str | None = text(None, optional=True, help="column whose rows of equal value stay in one part")
    time: str | None = text(None, optional=True, help="column of numbers or dates that orders the rows")
    column: str | None = text(None, optional=True, help="column that says train, val or test for each row")
    duplicates: str = choice("together", "apart", help="together: rows equal in all features stay in one part")
    val_seed: int | None = integer(
        None, low=0, high=2**32 - 1, optional=True, help="the draw of the validation part alone; null: seed"
    )
    equal: bool = flag(False, help="folds: all of one size, and rows left over always train")


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
    reads_test: bool = True
    """Whether a test part in files of its own is read. Not a setting: `without_published_test` switches it off."""

    @abstractmethod
    def read(self) -> Raw:
        """Return all rows of the source.

        Raises:
            ConfigError: the source cannot be read, or not as the settings say.
        """

    def published_test(self) -> tuple[str, ...]:
        """Return the paths of the files or folders that hold nothing but a published test part; none by default.

        A data set that names some leaves them out of `read` and of `files` where `reads_test` is false.
        """
        return ()

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
