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
from regbench.data.records import Raw, last_rows_are_test
from regbench.data.targets import TASKS, encode_target
from regbench.errors import ConfigError

WHOLE, PARTS = ("x", "y"), ("x_train", "y_train", "x_test", "y_test")
LAYOUTS = {2: "table", 3: "series", 4: "image"}


@dataclass(frozen=True, kw_only=True)
class Npz(Dataset):
    """Arrays `x`, `y`, or `x_train`, `y_train`, `x_test`, `y_test`, of an .npz file.

    x is `[N, D]` (table), `[N, C, L]` (series) or `[N, C, H, W]` (image), numbers; y is `[N]`, numbers or texts.
    """

    path: str = text(REQUIRED, help="path of the .npz file")
    task: str = choice(*TASKS, help="infer: texts, and whole numbers with few values, are classes")
    split: SplitRule = nested(SplitRule(test=None))
    standardize_target: bool = flag(True, help="regression: mean 0 and deviation 1, measured on the training rows")

    def files(self) -> tuple[str, ...]:
        """Return the path of the archive."""
        return (self.path,)

    def read(self) -> Raw:
        """Return the arrays, the test part last where the file has one."""
        arrays = parse_npz(read_file(self.path, "dataset.path"), self.path)
        names = PARTS if "x_train" in arrays else WHOLE
        for name in names:
            if name not in arrays:
                raise ConfigError(
                    f"{self.path}: no array {name!r}; needed are x and y, or x_train, y_train, x_test and y_test; "
                    f"found: {', '.join(sorted(arrays)) or 'none'}"
                )
        xs = [check_x(arrays[name], f"{self.path}: {name}") for name in names[::2]]
        ys = [_check_y(arrays[name], len(x), f"{self.path}: {name}") for name, x in zip(names[1::2], xs, strict=True)]
        if xs[0].shape[1:] != xs[-1].shape[1:]:
            raise ConfigError(
                f"{self.path}: rows of x_train have shape {xs[0].shape[1:]}, of x_test {xs[-1].shape[1:]}"
            )
        x = np.concatenate(xs)
        task, y, classes = encode_target(np.concatenate(ys), self.task, f"{self.path}: y")
        return Raw(
            origin=self.path,
            task=task,
            layout=LAYOUTS[x.ndim],
            x=x,
            y=y,
            classes=classes,
            features=tuple(f"x{column + 1}" for column in range(x.shape[1])) if x.ndim == 2 else (),
            roles=last_rows_are_test(len(y), len(xs[1]) if names is PARTS else 0),
            standardize_target=self.standardize_target and task == "regression",
        )


def parse_npz(content: bytes, path: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive by name; `path` is what messages call it.

    Raises:
        ConfigError: the file is no archive of arrays, is damaged, or holds Python objects.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ConfigError(f"{path}: no .npz archive (numpy.savez writes one)")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name in WHOLE + PARTS}
    except Exception as reason:  # zipfile and numpy fail in a dozen ways on damaged bytes, all of them the file's fault
        if "Object arrays" in str(reason):
            raise ConfigError(f"{path}: holds Python objects, which are never read; store numbers or texts") from None
        raise ConfigError(f"{path}: damaged .npz archive: {' '.join(str(reason).split())}") from None


def check_x(x: NDArray[Any], what: str) -> NDArray[np.float64]:
    """Return inputs as float64, or refuse what is not finite numbers in one of the layouts."""
    if x.dtype.kind not in "iufb":
        raise ConfigError(f"{what} is of type {x.dtype}; it must be numbers")
    if x.ndim not in LAYOUTS or 0 in x.shape:
        raise ConfigError(
            f"{what} has shape {x.shape}; it must be [N, D], [N, C, L] or [N, C, H, W], with no axis of 0"
        )
    numbers = x.astype(np.float64)
    refuse_not_finite(numbers, what)
    return numbers


def _check_y(y: NDArray[Any], rows: int, what: str) -> NDArray[Any]:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (rows,):
        raise ConfigError(f"{what} has shape {y.shape}; its x has {rows} rows, so it must be [{rows}]")
    if y.dtype.kind not in "iufbU":
        raise ConfigError(f"{what} is of type {y.dtype}; it must be numbers, truth values or texts")
    if y.dtype.kind == "f":
        refuse_not_finite(y, what)
    return y
