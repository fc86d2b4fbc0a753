"""Arrays of a person's own, in NumPy's archive format. Archives that hold Python objects are refused unread."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regbench.config.fields import choice, flag, nested, text
from regbench.data.dataset import REQUIRED, Dataset, SplitRule
from regbench.data.files import read_file
from regbench.data.preparing import refuse_not_finite
from regbench.data.records import FREE, TEST, VAL, Floats, Raw
from regbench.data.table_targets import Targets, encode_several
from regbench.data.targets import TASKS, encode_target
from regbench.data.weights import check_weights
from regbench.errors import ConfigError

KINDS = ("x", "y", "weights", "groups")
PARTS = {"_train": FREE, "_val": VAL, "_test": TEST}
"""Ends of the names of arrays that are parts, with the part that their rows are for."""

NAMES = frozenset(f"{kind}{end}" for kind in KINDS for end in ("", *PARTS))
LAYOUTS = {2: "table", 3: "series", 4: "image"}
EXACT = ("float32", "float64", "uint8")
"""Types that stay as they are until they are prepared."""


@dataclass(frozen=True, kw_only=True)
class Npz(Dataset):
    """Arrays `x`, `y`, or `x_train`, `y_train`, `x_test`, `y_test` (and `x_val`, `y_val`), of an .npz file.

    x is `[N, D]` (table), `[N, C, L]` (series) or `[N, C, H, W]` (image), numbers; y is `[N]`, numbers or texts, or
    `[N, K]`, several numbers or labels of 0 and 1. `weights` `[N]` say how much each row counts, and `groups` `[N]`
    which rows must not be torn apart (dataset.split.method=groups); of parts they end as their x does.
    """

    path: str = text(REQUIRED, help="path of the .npz file")
    task: str = choice(*TASKS, help="infer: texts, and whole numbers with few values, are classes")
    split: SplitRule = nested(SplitRule(test=None))
    standardize_target: bool = flag(True, help="regression: mean 0 and deviation 1, measured on the training rows")

    def files(self) -> tuple[str, ...]:
        """Return the path of the archive."""
        return (self.path,)

    def read(self) -> Raw:
        """Return the arrays, the parts one after the other where the file has them."""
        arrays = parse_npz(read_file(self.path, "dataset.path"), self.path)
        ends = [end for end in PARTS if f"x{end}" in arrays] if "x_train" in arrays else [""]
        self._refuse_absent(arrays, ends)
        xs = [check_x(arrays[f"x{end}"], f"{self.path}: x{end}") for end in ends]
        for x, end in zip(xs, ends, strict=True):
            if x.shape[1:] != xs[0].shape[1:]:
                raise ConfigError(
                    f"{self.path}: rows of x{ends[0]} have shape {xs[0].shape[1:]}, of x{end} {x.shape[1:]}"
                )
        rows = [len(x) for x in xs]
        y = self._join(arrays, "y", ends, rows)
        weights = self._join_optional(arrays, "weights", ends, rows)
        groups = self._join_optional(arrays, "groups", ends, rows)
        target = self._read_target(y)
        x = xs[0] if len(xs) == 1 else np.concatenate(xs)
        return Raw(
            origin=self.path,
            task=target.task,
            layout=LAYOUTS[x.ndim],
            x=x,
            y=target.y,
            classes=target.classes,
            outputs=target.outputs,
            notes=target.notes,
            features=tuple(f"x{column + 1}" for column in range(x.shape[1])) if x.ndim == 2 else (),
            roles=np.repeat(np.array([PARTS[end] for end in ends], dtype=np.int8), rows) if ends != [""] else None,
            weights=None if weights is None else self._check_weights(weights),
            groups=None if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.int64),
            standardize_target=self.standardize_target and target.task == "regression",
        )

    def _refuse_absent(self, arrays: dict[str, NDArray[Any]], ends: list[str]) -> None:
        """Refuse an archive without the arrays that it must have."""
        needed = [f"{kind}{end}" for end in (ends if ends == [""] else [*ends, "_test"]) for kind in ("x", "y")]
        absent = next((name for name in needed if name not in arrays), None)
        if absent is not None:
            raise ConfigError(
                f"{self.path}: no array {absent!r}; needed are x and y, or x_train, y_train, x_test and y_test; "
                f"found: {', '.join(sorted(arrays)) or 'none'}"
            )

    def _join_optional(
        self, arrays: dict[str, NDArray[Any]], kind: str, ends: list[str], rows: list[int]
    ) -> NDArray[Any] | None:
        """Return an array of all parts, None where no part has it."""
        having = [end for end in ends if f"{kind}{end}" in arrays]
        if not having:
            return None
        if having != ends:
            absent = next(end for end in ends if end not in having)
            raise ConfigError(f"{self.path}: there is {kind}{having[0]}, but no {kind}{absent}; all parts need it")
        return self._join(arrays, kind, ends, rows)

    def _join(self, arrays: dict[str, NDArray[Any]], kind: str, ends: list[str], rows: list[int]) -> NDArray[Any]:
        """Return an array of all parts, each with a row for each of its x."""
        found = [
            _check_rows(arrays[f"{kind}{end}"], count, f"{self.path}: {kind}{end}", wide=kind == "y")
            for end, count in zip(ends, rows, strict=True)
        ]
        if len({part.shape[1:] for part in found}) > 1:
            raise ConfigError(f"{self.path}: {kind} has not the same number of columns in all parts")
        return np.concatenate(found)

    def _read_target(self, y: NDArray[Any]) -> Targets:
        """Return what is to be predicted."""
        if y.ndim == 2:
            return encode_several({f"y{place + 1}": y[:, place] for place in range(y.shape[1])}, self.task, self.path)
        return Targets(*encode_target(y, self.task, f"{self.path}: y"))

    def _check_weights(self, weights: NDArray[Any]) -> Floats:
        if weights.dtype.kind not in "iufb":
            raise ConfigError(f"{self.path}: weights are of type {weights.dtype}; they must be numbers, at least 0")
        numbers = weights.astype(np.float64)
        check_weights(numbers, f"{self.path}: weights")
        return numbers


def is_archive_of_arrays(content: bytes) -> bool:
    """Tell whether an archive holds an array; one of a table holds none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile:
        return True


def parse_npz(content: bytes, path: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive by name; `path` is what messages call it.

    Raises:
        ConfigError: the file is no archive of arrays, is damaged, or holds Python objects.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ConfigError(f"{path}: no .npz archive (numpy.savez writes one)")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name in NAMES}
    except Exception as reason:  # zipfile and numpy fail in a dozen ways on damaged bytes, all of them the file's fault
        if "Object arrays" in str(reason):
            raise ConfigError(f"{path}: holds Python objects, which are never read; store numbers or texts") from None
        raise ConfigError(f"{path}: damaged .npz archive: {' '.join(str(reason).split())}") from None


def check_x(x: NDArray[Any], what: str) -> NDArray[Any]:
    """Return inputs as numbers, or refuse what is not finite numbers in one of the layouts."""
    if x.dtype.kind not in "iufb":
        raise ConfigError(f"{what} is of type {x.dtype}; it must be numbers")
    if x.ndim not in LAYOUTS or 0 in x.shape:
        raise ConfigError(
            f"{what} has shape {x.shape}; it must be [N, D], [N, C, L] or [N, C, H, W], with no axis of 0"
        )
    numbers = x if x.dtype.name in EXACT else x.astype(np.float64)
    refuse_not_finite(numbers, what)
    return numbers


def _check_rows(y: NDArray[Any], rows: int, what: str, *, wide: bool) -> NDArray[Any]:
    """Return an array with an entry for each row, or several where it may be wide."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if len(y.shape) not in ((1, 2) if wide else (1,)) or y.shape[0] != rows:
        raise ConfigError(f"{what} has shape {y.shape}; its x has {rows} rows, so it must be [{rows}]")
    if y.dtype.kind not in "iufbU":
        raise ConfigError(f"{what} is of type {y.dtype}; it must be numbers, truth values or texts")
    if y.dtype.kind == "f" and wide:
        refuse_not_finite(y, what)
    return y
