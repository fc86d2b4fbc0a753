"""LIBSVM files: the same numbers as scikit-learn's, refusals by line, and a size that is refused before it is made."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import dump_svmlight_file

from regbench.data import load, memory
from regbench.data.loading import build_dataset
from regbench.data.records import Raw
from regbench.errors import ConfigError

RNG = np.random.default_rng(0)
X = np.where(RNG.random((40, 6)) < 0.5, 0.0, RNG.normal(size=(40, 6)).round(6))
Y = np.where(np.arange(40) % 2 == 0, 1, -1)
PLAIN = "\n".join(f"{'+1' if row % 2 else '-1'} 1:{row}.5 3:-2e-1 # row {row}" for row in range(20)) + "\n"


def write(folder: Path, content: str | bytes, name: str = "rows.svm") -> str:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return str(folder / name)


def read(path: str, **options: Any) -> Raw:
    return build_dataset({"name": "libsvm", "path": path, **options}).read()


def refusal(path: str, **options: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        read(path, **options)
    assert str(refused.value).isprintable()
    return str(refused.value)


@pytest.mark.parametrize("zero_based", [False, True])
def test_rows_are_those_that_were_written(tmp_path: Path, zero_based: bool) -> None:
    path = str(tmp_path / "rows.svm")
    dump_svmlight_file(X, Y, path, zero_based=zero_based)
    raw = read(path)
    assert np.array_equal(raw.x, X)
    assert [raw.classes[number] for number in raw.y] == [str(label) for label in Y]
    assert raw.features == tuple(f"x{column + (not zero_based)}" for column in range(6))


def test_comments_signs_and_packed_files_are_read(tmp_path: Path) -> None:
    raw = read(write(tmp_path, PLAIN))
    assert np.array_equal(raw.x, [[row + 0.5, 0.0, -0.2] for row in range(20)])
    assert raw.classes == ("-1", "1")
    for pack, name in ((gzip.compress, "rows.gz"), (bz2.compress, "rows.bz2")):
        assert np.array_equal(read(write(tmp_path, pack(PLAIN.encode()), name)).x, raw.x)
    assert "damaged bzip2 file" in refusal(write(tmp_path, bz2.compress(PLAIN.encode())[:-9], "cut.bz2"))


def test_line_ends_of_any_system_end_a_row(tmp_path: Path) -> None:
    expected = read(write(tmp_path, PLAIN)).x
    for end in ("\r\n", "\r"):
        assert np.array_equal(read(write(tmp_path, PLAIN.replace("\n", end))).x, expected)


def test_numbers_that_are_no_classes_are_a_regression(tmp_path: Path) -> None:
    raw = read(write(tmp_path, "\n".join(f"{row / 7} 1:{row}" for row in range(20))))
    assert raw.task == "regression"
    assert raw.y.tolist() == [row / 7 for row in range(20)]


def test_a_test_file_keeps_its_rows_apart_and_may_have_more_features(tmp_path: Path) -> None:
    test = write(tmp_path, "+1 4:1\n-1 1:2\n+1\n", "test.svm")
    values = {"name": "libsvm", "path": write(tmp_path, PLAIN), "test_path": test, "standardize": False}
    assert build_dataset(values).files() == (values["path"], test)
    split = load(values)
    assert np.array_equal(split.test.x, [[0, 0, 0, 1], [2, 0, 0, 0], [0, 0, 0, 0]])
    assert len(split.train.y) + len(split.val.y) == 20


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,3 1:2", "line 3: several labels ('1,3') are not read"),
        ("1 qid:3 1:2", "line 3: query numbers (qid:) are not read"),
        ("1 2:1 1:2", "line 3: the numbers of features must rise within a row"),
        ("1 2:1 2:2", "line 3: the numbers of features must rise within a row"),
        ("1 2:nan", "line 3: '2:nan' is not NUMBER:VALUE"),
        ("1 2:1e999", "line 3: '2:1e999' is not NUMBER:VALUE"),
        ("1 2:1_0", "line 3: '2:1_0' is not NUMBER:VALUE"),
        ("1 2", "line 3: '2' is not NUMBER:VALUE"),
        ("1 -1:2", "line 3: '-1:2' is not NUMBER:VALUE"),
        ("2:1 3:1", "line 3: the target '2:1' is not a number"),
        ("yes 1:2", "line 3: the target 'yes' is not a number"),
        ("1 12345678901:2", "line 3: '12345678901:2' is not NUMBER:VALUE"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    lines = PLAIN.splitlines()
    lines[2] = line
    with pytest.raises(ConfigError) as refused:
        load({"name": "libsvm", "path": write(tmp_path, "\n".join(lines))})
    assert message in str(refused.value)


@pytest.mark.parametrize(("content", "message"), [("# nothing\n", "the file has no rows"), ("1\n-1\n", "no row lists")])
def test_a_file_without_rows_or_features_is_refused(tmp_path: Path, content: str, message: str) -> None:
    assert message in refusal(write(tmp_path, content))


def test_what_memory_does_not_hold_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(write(tmp_path, PLAIN + "1 900000000:1\n"))  # 21 rows of 900 million numbers: 70 GiB
    assert "21 x 900,000,000 values take 70.4 GiB" in said
    monkeypatch.setattr(memory, "available_memory", lambda: 20 * 3 * 4 / memory.MOST_OF_MEMORY)
    assert read(write(tmp_path, PLAIN)).x.shape == (20, 3)
    monkeypatch.setattr(memory, "available_memory", lambda: 20 * 3 * 4 / memory.MOST_OF_MEMORY - 1)
    assert "20 x 3 values take" in refusal(write(tmp_path, PLAIN))
