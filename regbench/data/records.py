"""The records of the data layer: what a source reads (`Raw`) and what a run trains on (`Split`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from regbench.data.preprocessing import Preprocessing
    from regbench.data.reading import Reading

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.int64]
"""Numbers of rows, or a number for each row."""

Numbers: TypeAlias = NDArray[Any]
"""Numbers in whatever type a source has them: bytes of an image stay bytes until they are prepared."""

Labels: TypeAlias = NDArray[Any]
"""Class numbers (int64 `[N]`); numbers to predict (float64 `[N]`, or `[N, K]` where there are several); or 0 and 1 for
each label of a multilabel task (float64 `[N, K]`)."""


Roles: TypeAlias = NDArray[np.int8]
FREE, VAL, TEST = 0, 1, 2
"""Roles that a source may give its rows; free ones are cut by the split."""


@dataclass(frozen=True)
class Numeric:
    """A column of numbers: float64 `[N]`, NaN where the value is missing.

    `kind` tells what the cells were: number, truth, date or duration. `read_as` says in words how texts became numbers
    (`dollars`, `percent`, `dates, day first`); empty where the source held numbers.
    """

    name: str
    values: Floats
    kind: str = "number"
    read_as: str = ""
    written: tuple[str, ...] = ()
    """How texts are read into its numbers; empty where the source holds numbers."""

    def take(self, rows: Rows) -> Numeric:
        """Return some rows of the column."""
        return replace(self, values=self.values[rows])

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return all that the column says, for its checksum."""
        return (self.values,)


@dataclass(frozen=True)
class Categorical:
    """A column of names: `levels[codes[i]]` is the value of row i, code -1 where it is missing."""

    name: str
    codes: NDArray[np.int64]
    levels: tuple[str, ...]

    def take(self, rows: Rows) -> Categorical:
        """Return some rows of the column, with all its levels."""
        return replace(self, codes=self.codes[rows])

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return all that the column says, for its checksum."""
        return self.codes, np.frombuffer(json.dumps(self.levels).encode(), dtype=np.uint8)


@dataclass(frozen=True)
class TextRule:
    """How texts become numbers: `features` is tokens, counts or tfidf.

    `max_features` is the largest number of words that are told apart. `length` is that of a row of tokens; None: long
    enough for 95 % of the training rows.
    """

    features: str = "tfidf"
    max_features: int = 20_000
    length: int | None = None


@dataclass(frozen=True)
class Texts:
    """A column of texts: `texts[i]` is that of row i, empty where it is missing; `rule` says how they are encoded."""

    name: str
    texts: tuple[str, ...]
    rule: TextRule = TextRule()

    def take(self, rows: Rows) -> Texts:
        """Return some rows of the column."""
        return replace(self, texts=tuple(self.texts[row] for row in rows.tolist()))

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return all that the column says, for its checksum."""
        return (np.frombuffer(json.dumps(self.texts).encode(), dtype=np.uint8),)


Column: TypeAlias = Numeric | Categorical | Texts
Columns: TypeAlias = Sequence[Column]


@dataclass(frozen=True, kw_only=True)
class Raw:
    """All rows of one source, before anything random or fitted happens to them.

    `origin` is what messages call the source: its name or its path.
    `x` is numbers of any type, `[N, D]` (table), `[N, C, L]` (series) or `[N, C, H, W]` (image), to be divided by
    `divisor` (255 for bytes that are brightnesses), or the columns of a table that are encoded once the training rows
    are known.
    `roles` holds for each row the part that the source gives it: FREE (to be cut by the split), VAL or TEST; None: all
    are free. `weights` are the rows' weights, not negative; None: all equal.
    `groups` numbers the rows that must not be torn apart, `times` orders them; None: the source says neither.
    `outputs` names the targets where there are several, and the labels of a multilabel task: y is then `[N, K]`.
    `standardize_target` asks for a target of mean 0 and standard deviation 1 on the training rows (regression).
    `missing` are the texts that stood for a missing value, and `text_form` is how a text table was written where the
    settings say so: what files of rows to predict are read with.
    `left_out` are columns of the source's table that are not features, with the reason: the target, dropped ones.
    `aside` are columns among those that may say which rows belong together.
    `notes` are sentences on what was guessed while reading, for the person to check; `test_notes` are those that say
    something of the test rows, which a search does not see.
    """

    origin: str
    task: str
    layout: str
    x: Numbers | Columns
    y: Labels
    divisor: float = 1.0
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    roles: Roles | None = None
    weights: Floats | None = None
    groups: NDArray[np.int64] | None = None
    times: Floats | None = None
    outputs: tuple[str, ...] = ()
    standardize_target: bool = False
    missing: tuple[str, ...] = ()
    text_form: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    aside: Columns = ()
    notes: tuple[str, ...] = ()
    test_notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """Rows of one role: `x` float32 or float64 `[N, *shape]`, `y` `[N]` or `[N, K]`.

    N may be 0 for validation, and is 0 for the test part of a search.

    `weights` `[N]` say how much each row counts; None: all count 1.
    """

    x: Floats
    y: Labels
    weights: Floats | None = None


def last_rows_are_test(rows: int, tests: int) -> Roles | None:
    """Return the roles of a source whose last `tests` rows are its published test part; None where there is none."""
    if tests == 0:
        return None
    return np.repeat(np.array([FREE, TEST], dtype=np.int8), [rows - tests, tests])


@dataclass(frozen=True)
class Split:
    """The data of one run.

    `task` is "classification", "regression" or "multilabel"; `layout` is "table", "series", "image" or "tokens" and
    tells what the axes of x after the first are: `[D]`, `[C, L]`, `[C, H, W]` or `[L]`.
    `classes` names the class numbers of a classification, else it is empty; `features` names the columns of a table.
    `target_mean` and `target_scale` undo the standardising of each number to predict: raw = y * scale + mean; 0 and 1
    where it is untouched, empty where no numbers are predicted.
    `checksum` is the sha256 of everything above, in hex: equal sums are equal data. `rows_checksum` is that of the
    source's rows, equal for all cuts of them.
    `preprocessing` made the arrays from the source's rows, and `reading` says how these were read.
    """

    task: str
    layout: str
    train: Part
    val: Part
    test: Part
    classes: tuple[str, ...]
    features: tuple[str, ...]
    target_scale: tuple[float, ...]
    target_mean: tuple[float, ...]
    checksum: str
    preprocessing: Preprocessing
    reading: Reading
    rows_checksum: str


def compute_rows_checksum(raw: Raw) -> str:
    """Return the sha256, in hex, of a source's rows, whatever parts they are cut into."""
    columns = [raw.x] if isinstance(raw.x, np.ndarray) else [array for column in raw.x for array in column.arrays()]
    return _hash([raw.divisor], [*columns, raw.y, *([] if raw.weights is None else [raw.weights])])


def compute_checksum(rows: str, parts: Sequence[NDArray[Any]], preprocessing: Mapping[str, object]) -> str:
    """Return the sha256, in hex, of a source's rows, of the parts' row numbers and labels, and of what was fitted.

    It does not depend on the type in which a run keeps its rows. Rows in another unit may be the same once they are
    standardised, but they are other data.

    Args:
        rows: the checksum of the source's rows.
        parts: row numbers of each part, then labels of each part.
        preprocessing: what was fitted, as JSON values.
    """
    return _hash([rows, preprocessing], parts)


def _hash(values: Sequence[object], arrays: Sequence[NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for array in arrays:
        plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{plain.dtype.str}{plain.shape}".encode())
        digest.update(plain.data)
    return digest.hexdigest()
