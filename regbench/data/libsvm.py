"""Sparse rows in LIBSVM's text format (svmlight), made dense."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from regbench.config.fields import choice, flag, text
from regbench.data.dataset import REQUIRED, Dataset
from regbench.data.files import read_file
from regbench.data.lines import read_number, show
from regbench.data.memory import refuse_too_big
from regbench.data.records import Floats, Labels, Raw, last_rows_are_test
from regbench.data.targets import TASKS, encode_target
from regbench.errors import ConfigError

NUMBER = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
ROW = re.compile(rb"\s*(%b)((?:\s+\d{1,9}:%b)*)\s*" % (NUMBER, NUMBER))
FEATURE = re.compile(rb"(\d+):")
HUGE = re.compile(rb"[eE]\+?\d{3}|\d{300}")
"""What may be a number beyond the range of float64; _explain tells."""

FEWER = "take fewer rows or features, for example those that occur most often"


class Extent(NamedTuple):
    """Size of a file: its rows, and the lowest and highest number of a feature (-1 where no row has any)."""

    rows: int
    lowest: int
    highest: int


@dataclass(frozen=True, kw_only=True)
class Libsvm(Dataset):
    """Rows `target number:value ...`, features that a row does not list being 0; the file may be packed.

    Features are numbered from 1, or from 0 where a file has a feature 0.
    """

    path: str = text(REQUIRED, help="path of the file")
    test_path: str | None = text(None, optional=True, help="path of the test part; null cuts it from the file")
    task: str = choice(*TASKS, help="infer: whole numbers with few values are classes")
    standardize_target: bool = flag(True, help="regression: mean 0 and deviation 1, measured on the training rows")

    def files(self) -> tuple[str, ...]:
        """Return the path of the file and, where there is one, that of its test part."""
        return (self.path, *(self.published_test() if self.reads_test else ()))

    def published_test(self) -> tuple[str, ...]:
        """Return the path of the test part, where there is one."""
        return () if self.test_path is None else (self.test_path,)

    def read(self) -> Raw:
        """Return x `[N, D]`, the rows of the test part last."""
        settings = ("dataset.path", "dataset.test_path")
        files = zip(self.files(), settings, strict=False)
        contents = [read_file(path, setting) for path, setting in files]
        extents = [measure(content, path) for content, path in zip(contents, self.files(), strict=True)]
        rows, highest = sum(extent.rows for extent in extents), max(extent.highest for extent in extents)
        first = 0 if any(extent.lowest == 0 for extent in extents) else 1
        if highest < first:
            raise ConfigError(f"{self.path}: no row lists a feature")
        refuse_too_big((rows, highest - first + 1), self.path, FEWER)
        x, values = parse_rows(contents, first, highest - first + 1)
        task, y, classes = encode_target(values, self.task, f"{self.path}: target")
        return Raw(
            origin=self.path,
            task=task,
            layout="table",
            x=x,
            y=y,
            classes=classes,
            features=tuple(f"x{number}" for number in range(first, highest + 1)),
            roles=last_rows_are_test(rows, extents[1].rows if len(extents) > 1 else 0),
            standardize_target=self.standardize_target and task == "regression",
            notes=(f"features are numbered from {first} to {highest}",),
        )


def measure(content: bytes, path: str) -> Extent:
    """Return the size of a file, without making an array.

    Raises:
        ConfigError: names the first line that is not in the format, or whose values cannot be used.
    """
    rows, lowest, highest = 0, -1, -1
    for place, line in enumerate(content.splitlines(), 1):
        row = line.partition(b"#")[0]
        if not row.strip():
            continue
        found = ROW.fullmatch(row)
        if found is None or (HUGE.search(row) and _explain(row)):
            raise ConfigError(f"{path}: line {place}: {_explain(row) or 'this is not a row'}")
        rows += 1
        numbers = list(map(int, FEATURE.findall(found[2])))
        if numbers != sorted(set(numbers)):
            raise ConfigError(f"{path}: line {place}: the numbers of features must rise within a row, each once")
        if numbers:
            lowest = numbers[0] if lowest < 0 else min(lowest, numbers[0])
            highest = max(highest, numbers[-1])
    if rows == 0:
        raise ConfigError(f"{path}: the file has no rows")
    return Extent(rows, lowest, highest)


def _explain(row: bytes) -> str:
    """Say what is wrong with a row; nothing where all is right."""
    first, *rest = row.decode("utf-8", "replace").split()
    if "," in first:
        return f"several labels ({show(first)}) are not read; a row has one target"
    if not read_plain(first):
        return f"the target {show(first)} is not a number"
    for pair in rest:
        number, colon, value = pair.partition(":")
        if number == "qid":
            return "query numbers (qid:) are not read; regbench does not rank"
        if not colon or not number.isdecimal() or len(number) > 9 or not read_plain(value):
            return f"{show(pair)} is not NUMBER:VALUE"
    return ""


def read_plain(text: str) -> bool:
    """Tell whether a text is a finite number in figures."""
    return re.fullmatch(NUMBER, text.encode()) is not None and read_number(text) is not None


def parse_rows(contents: Sequence[bytes], first: int, features: int) -> tuple[Floats, Labels]:
    """Return x `[N, D]` and the targets `[N]` of files that `measure` has accepted, one after the other."""
    from scipy.sparse import vstack
    from sklearn.datasets import load_svmlight_file

    plain = [io.BytesIO(b"\n".join(content.splitlines())) for content in contents]  # it knows no other line end
    read = [load_svmlight_file(file, n_features=features, zero_based=first == 0) for file in plain]
    x: Floats = vstack([sparse for sparse, _ in read]).toarray()
    return x, np.concatenate([targets for _, targets in read])
