"""`regbench data`: a person looks at a file before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.session import Session

TABLE = "size,kind,y\n" + "".join(f"{row % 9},{'ab'[row % 2]},{row % 3}\n" for row in range(90))


@pytest.fixture
def table(tmp_path: Path) -> str:
    (tmp_path / "rows.csv").write_text(TABLE)
    return str(tmp_path / "rows.csv")


def test_a_table_is_described_and_the_command_to_type_is_named(regbench: Session, table: str) -> None:
    assert regbench("data", table, "dataset.target=y", "dataset.task=classification") == 0
    assert "classification, 3 classes; rows: 54 training, 18 validation and 18 test" in regbench.out
    assert regbench.out.splitlines()[-1].split() == [
        *("regbench", "run", "-m", "dataset=csv", f"dataset.path={table}", "dataset.target=y"),
        *("dataset.task=classification", "regularizer=none,l2,dropout", "seed=0,1,2"),
    ]
    assert "duplicates: 36 of 36 held-out rows" in regbench.out
    assert "leak? size alone tells the target" in regbench.out  # y is size modulo 3
    assert list(Path().iterdir()) == []


def test_several_targets_are_described_each_by_itself(regbench: Session, tmp_path: Path) -> None:
    rows = [f"{row},{row * 37 % 101},{row * 2 + 1},{int(row > 50)},{row % 2}" for row in range(100)]
    (tmp_path / "rows.csv").write_text("size,noise,price,large,odd\n" + "\n".join(rows) + "\n")
    words = (str(tmp_path / "rows.csv"), "dataset.target=[large,odd]", "dataset.drop=[price]")
    assert regbench("data", *words) == 0
    assert "multilabel, 2 labels" in regbench.out
    assert "note: task multilabel: inferred because the 2 targets are all 0 or 1" in regbench.out
    assert "leak? size alone tells the target" in regbench.out
    assert "leak? noise" not in regbench.out
    table = regbench.out.partition("target ")[2]
    assert [line.split()[:2] for line in table.splitlines()[2:4]] == [["large", "truth"], ["odd", "truth"]]


def test_a_data_set_can_be_named_instead_of_a_file(regbench: Session) -> None:
    assert regbench("data", "dataset=iris", "dataset.split.seed=1") == 0
    assert "iris: classification, 3 classes" in regbench.out
    assert "petal length" in regbench.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.csv", "dataset.target=y"], "no such file"),
        (["."], "holds no folders of files"),
        (["dataset=irs"], "iris"),
        (["dataset=iris", "dataset.tagret=y"], "tagret"),
    ],
)
def test_what_cannot_be_read_is_one_line(regbench: Session, words: list[str], said: str) -> None:
    assert said in regbench.refusal("data", *words)


def test_without_a_file_it_says_what_it_takes(regbench: Session) -> None:
    assert regbench("data") == 2
    assert regbench.out.startswith("usage: regbench data FILE")
    assert regbench("data", "--help") == 0


def test_without_a_target_the_last_column_is_taken_and_said(regbench: Session, table: str) -> None:
    assert regbench("data", table, "dataset.task=classification") == 0
    assert regbench.out.startswith("target: the last column 'y', because none was named")
    assert "dataset.target=y" in regbench.out.splitlines()[-1]


def test_without_a_target_the_file_is_read_as_the_person_said(regbench: Session) -> None:
    rows = [f"{row % 9};{'äö'[row % 2]};{row * 37 % 101}" for row in range(90)]
    Path("my file (1).csv").write_bytes("größe;ort;y\n".encode("latin-1") + "\n".join(rows).encode("latin-1"))
    assert regbench("data", "my file (1).csv", "dataset.encoding=latin-1", "dataset.separator=;") == 0
    assert "the last column" in regbench.out
    assert "größe" in regbench.out
    assert "dataset.target=y" in regbench.out.splitlines()[-1]
