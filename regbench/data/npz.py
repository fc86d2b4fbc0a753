"""Arrays of a person's own, in NumPy's archive format. Archives that hold Python objects are refused unread."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regbench.config.fields import choice, flag, nested, text
from regbench.data.dataset import REQUIRED, Dataset, SplitRule
from regbench.data.files import read_file
from regbench.data.preparing import refuse_not_finite
from regbench.data.records import FREE, TEST, VAL, Floats, Numbers, Raw
from regbench.data.table_targets import INFER, Targets, encode_several
from regbench.data.targets import TASKS, encode_target
from regbench.data.weights import check_weights
from regbench.errors import ConfigError, escape
from regbench.tasks import Task

Arrays: TypeAlias = Mapping[str, NDArray[Any]]

SUFFIXES = {"": FREE, "_train": FREE, "_val": VAL, "_test": TEST}
"""Ends of the names of arrays, with the part that their rows are for."""

WHOLE, PARTS, OPTIONAL_PART = ("",), ("_train", "_val", "_test"), "_val"
KINDS = ("x", "y", "groups", "weights")
NAMES = tuple(f"{kind}{end}" for kind in KINDS for end in SUFFIXES)
LAYOUTS = {2: "table", 3: "series", 4: "image"}


@dataclass(frozen=True, kw_only=True)
class Npz(Dataset):
    """Arrays `x`, `y`, or `x_train`, `y_train`, `x_test`, `y_test` and perhaps `x_val`, `y_val`, of an .npz file.

    x is `[N, D]` (table), `[N, C, L]` (series) or `[N, C, H, W]` (image), numbers; y is `[N]`, numbers or texts, or
    `[N, K]`, several numbers or labels of 0 and 1. `weights` `[N]` say how much rows count, and rows of equal `groups`
    `[N]` stay in one part; those of parts are named likewise, `weights_train` and so on.
    """

    path: str = text(REQUIRED, help="path of the .npz file")
    task: str = choice(*TASKS, help="infer: texts, and whole numbers with few values, are classes")
    split: SplitRule = nested(SplitRule(test=None))
    standardize_target: bool = flag(True, help="regression: mean 0 and deviation 1, measured on the training rows")

    def files(self) -> tuple[str, ...]:
        """Return the path of the archive."""
        return (self.path,)

    def read(self) -> Raw:
        """Return the rows of the arrays; training, validation and test one after the other where the file has parts."""
        arrays = parse_npz(read_file(self.path, "dataset.path"), self.path)
        unknown = _list_unknown(arrays, self.path)
        arrays = {name: array for name, array in arrays.items() if name in NAMES}
        suffixes = list_parts(arrays, self.path)
        xs = [check_x(arrays[f"x{end}"], f"{self.path}: x{end}") for end in suffixes]
        for end, x in zip(suffixes, xs, strict=True):
            if x.shape[1:] != xs[0].shape[1:]:
                raise ConfigError(
                    f"{self.path}: rows of x{suffixes[0]} have shape {xs[0].shape[1:]}, of x{end} {x.shape[1:]}"
                )
        rows = [len(x) for x in xs]
        x = xs[0] if len(xs) == 1 else np.concatenate(xs)  # a single array may be large: no copy of it
        task, y, classes, outputs, notes = self._read_targets(arrays, suffixes, rows)
        roles = np.repeat(np.array([SUFFIXES[end] for end in suffixes], dtype=np.int8), rows)
        return Raw(
            origin=self.path,
            task=task,
            layout=LAYOUTS[x.ndim],
            x=x,
            y=y,
            classes=classes,
            outputs=outputs,
            features=tuple(f"x{column + 1}" for column in range(x.shape[1])) if x.ndim == 2 else (),
            roles=roles if len(suffixes) > 1 else None,
            groups=self._read_groups(arrays, suffixes, rows),
            weights=self._read_weights(arrays, suffixes, rows),
            standardize_target=self.standardize_target and task == "regression",
            notes=(*notes, *unknown),
        )

    def _read_targets(self, arrays: Arrays, suffixes: Sequence[str], rows: Sequence[int]) -> Targets:
        """Return the targets of all parts, one column or several."""
        parts = [
            _check_y(arrays[f"y{end}"], count, f"{self.path}: y{end}")
            for end, count in zip(suffixes, rows, strict=True)
        ]
        for end, part in zip(suffixes, parts, strict=True):
            if part.shape[1:] != parts[0].shape[1:] or (part.dtype.kind == "U") != (parts[0].dtype.kind == "U"):
                raise ConfigError(
                    f"{self.path}: y{end} is {part.dtype} {part.shape}, y{suffixes[0]} {parts[0].dtype} "
                    f"{parts[0].shape}; both take the same kind and the same number of columns"
                )
        y = np.concatenate(parts)
        if y.ndim == 1 and self.task == Task.MULTILABEL:
            y = y[:, None]
        if y.ndim == 1:
            return Targets(*encode_target(y, self.task, f"{self.path}: y"))
        if self.task == Task.CLASSIFICATION:
            raise ConfigError(f"{self.path}: dataset.task=classification takes y of one column; y has {y.shape[1]}")
        if self.task == INFER and _is_one_hot(y):
            raise ConfigError(
                f"{self.path}: each row of y has one 1 among 0s; if these are classes, store their numbers "
                "(y.argmax(1)), or set dataset.task=multilabel"
            )
        return encode_several({f"y{column + 1}": y[:, column] for column in range(y.shape[1])}, self.task, self.path)

    def _read_weights(self, arrays: Arrays, suffixes: Sequence[str], rows: Sequence[int]) -> Floats | None:
        found = _join(arrays, "weights", suffixes, rows, self.path)
        if found is None:
            return None
        if found.dtype.kind not in "iufb":
            raise ConfigError(f"{self.path}: weights are of type {found.dtype}; they must be numbers")
        weights = found.astype(np.float64)
        check_weights(weights, f"{self.path}: weights")
        return weights

    def _read_groups(self, arrays: Arrays, suffixes: Sequence[str], rows: Sequence[int]) -> NDArray[np.int64] | None:
        found = _join(arrays, "groups", suffixes, rows, self.path)
        if found is None:
            return None
        if found.dtype.kind not in "iufbU":
            raise ConfigError(f"{self.path}: groups are of type {found.dtype}; they must be numbers or texts")
        if found.dtype.kind == "f":
            refuse_not_finite(found, f"{self.path}: groups")
        return np.unique(found, return_inverse=True)[1].reshape(-1).astype(np.int64)


def list_parts(arrays: Arrays, path: str) -> tuple[str, ...]:
    """Return the ends of the names of an archive's arrays: "" for x and y, or those of its parts.

    Raises:
        ConfigError: an array is missing, or there are arrays of parts and of the whole.
    """
    wanted = PARTS if "x_train" in arrays else WHOLE
    suffixes = tuple(end for end in wanted if end != OPTIONAL_PART or {"x_val", "y_val"} & set(arrays))
    for name in (f"{kind}{end}" for end in suffixes for kind in ("x", "y")):
        if name not in arrays:
            raise ConfigError(
                f"{path}: no array {name!r}; needed are x and y, or x_train, y_train, x_test and y_test; "
                f"found: {', '.join(sorted(arrays)) or 'none'}"
            )
    for name in arrays:
        if not any(name == f"{kind}{end}" for kind in KINDS for end in suffixes):
            raise ConfigError(f"{path}: the array {name!r} does not go with x{suffixes[0]}; leave one of them out")
    return suffixes


def _join(arrays: Arrays, kind: str, suffixes: Sequence[str], rows: Sequence[int], path: str) -> NDArray[Any] | None:
    """Return an array `[N]` of all parts; None where no part has it."""
    names = [f"{kind}{end}" for end in suffixes]
    if not any(name in arrays for name in names):
        return None
    for name, count in zip(names, rows, strict=True):
        if name not in arrays:
            there = next(one for one in names if one in arrays)
            raise ConfigError(f"{path}: there is {there}, but no {name}; all parts need it, or none")
        if arrays[name].shape != (count,):
            raise ConfigError(
                f"{path}: {name} has shape {arrays[name].shape}; its x has {count} rows: it takes [{count}]"
            )
    kinds = {arrays[name].dtype.kind == "U" for name in names}
    if len(kinds) > 1:
        raise ConfigError(f"{path}: {' and '.join(names)} hold both numbers and texts; they take the same kind")
    return np.concatenate([arrays[name] for name in names])


def _is_one_hot(y: NDArray[Any]) -> bool:
    return y.dtype.kind in "iufb" and bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def _list_unknown(arrays: Arrays, path: str) -> list[str]:
    """Say which arrays are passed over.

    Raises:
        ConfigError: one is nearly called as one that would be read.
    """
    unknown = [name for name in arrays if name not in NAMES]
    for name in unknown:
        near = get_close_matches(name.lower(), [known for known in NAMES if known not in arrays], n=1, cutoff=0.75)
        if near and len(name) >= len(near[0]) - 1:
            raise ConfigError(
                f"{path}: array {escape(repr(name))} is not known; did you mean {near[0]!r}? Rename it, or leave it out"
            )
    return [f"arrays passed over: {escape(', '.join(unknown))}"] if unknown else []


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
            return {name: archive[name] for name in archive.files}
    except Exception as reason:  # zipfile and numpy fail in a dozen ways on damaged bytes, all of them the file's fault
        if "Object arrays" in str(reason):
            raise ConfigError(f"{path}: holds Python objects, which are never read; store numbers or texts") from None
        raise ConfigError(f"{path}: damaged .npz archive: {' '.join(str(reason).split())}") from None


def check_x(x: NDArray[Any], what: str) -> Numbers:
    """Return inputs in their own type where a float64 holds it, or refuse what is not finite numbers of a layout."""
    if x.dtype.kind not in "iufb":
        raise ConfigError(f"{what} is of type {x.dtype}; it must be numbers")
    if x.ndim not in LAYOUTS or 0 in x.shape:
        raise ConfigError(
            f"{what} has shape {x.shape}; it must be [N, D], [N, C, L] or [N, C, H, W], with no axis of 0"
        )
    numbers = (
        x.astype(np.float64)
        if x.dtype.kind == "b" or x.itemsize > 8
        else x.astype(x.dtype.newbyteorder("="), copy=False)
    )
    refuse_not_finite(numbers, what)
    return numbers


def _check_y(y: NDArray[Any], rows: int, what: str) -> NDArray[Any]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2) or len(y) != rows or 0 in y.shape:
        raise ConfigError(f"{what} has shape {y.shape}; its x has {rows} rows, so it must be [{rows}] or [{rows}, K]")
    if y.dtype.kind not in "iufbU":
        raise ConfigError(f"{what} is of type {y.dtype}; it must be numbers, truth values or texts")
    if y.dtype.kind == "f":
        refuse_not_finite(y, what)
    return y
