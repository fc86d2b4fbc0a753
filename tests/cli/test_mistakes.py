"""Whatever a person mistypes: one line that names the nearest valid thing, exit code 2, and no file made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.session import Session, write

MISTAKES = [
    (["regularizer=droput"], "no such regularizer; did you mean 'dropout'"),
    (["regularizer=[l2,droput]"], "did you mean 'dropout'"),
    (["dataset=digts"], "did you mean 'digits'"),
    (["model=mpl"], "did you mean 'mlp'"),
    (["experiment=nonsense"], "no such experiment"),
    (["schedule/optimizer=adma"], "did you mean 'adam'"),
    (["schedule/optimzer=adam"], "did you mean 'schedule/optimizer'"),
    (["schedule.optimizer=adam"], "write schedule/optimizer=OPTION"),
    (["regularzer=l2"], "did you mean 'regularizer'"),
    (["optimizer=adam"], "did you mean 'schedule/optimizer'"),
    (["sede=1"], "did you mean 'seed'"),
    (["regularizer=l2", "regularizer.l2.strenght=3"], "regularizer.l2.strenght: unknown key; did you mean 'strength'"),
    (["regularizer.l2.strength=3"], "l2 is not selected; write 'regularizer=[l2]'"),
    (["regularizer=mixup", "regularizer.l2.strength=3"], "write 'regularizer=[mixup,l2]'"),
    (["regularizer=l2", "regularizer.l2=3"], "regularizer.l2=3"),
    (["seed.foo=3"], "seed.foo: unknown key"),
    (["+sede=1"], "did you mean 'seed'"),
    (["+seed=1"], "drop the +"),
    (["~sede"], "nothing of that name"),
    (["~seed"], "seed: missing"),
    (["dataset=null"], "never null"),
    (["regularizer=l2,dropout"], "write 'regularizer=[l2,dropout]'"),
    (["seed=0,1"], "add -m"),
    (["seed=range(0,3)"], "add -m"),
    (["seed"], "key=value"),
    (["seed=[1"], "cannot read"),
    (["seed=nonsense(3)"], "nonsense"),
    (["seed=1e3"], "whole number"),
    (["seed=1.5"], "whole number"),
    (["seed=-1"], "whole number"),
    (["seed=2147483648"], "whole number"),
    (["seed=null"], "whole number"),
    (["seed=abc"], "whole number"),
    (["seed=true"], "whole number"),
    (["threads=0"], "whole number in [1"),
    (["quiet=perhaps"], "true or false"),
    (["resume=maybe"], "auto, fresh"),
    (["device=../cpu"], "cuda:0"),
    (["runs=''"], "folder"),
    (["=3"], "'=3' has no key"),
    (["~schedule"], "write schedule=OPTION"),
    (["~regularizer"], "write regularizer=none"),
    (["dataset=/etc/passwd"], "'dataset=/etc/passwd' is not allowed; an option is a name without a path"),
    (["model.name=${nothing}"], "nothing"),
    (["model.name=${model.name}"], "ecursive"),
]


@pytest.mark.parametrize(("words", "hint"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_one_line_with_a_way_out(regbench: Session, words: list[str], hint: str) -> None:
    assert hint in regbench.refusal("run", *words)


def test_the_same_mistake_is_refused_when_only_looking(regbench: Session) -> None:
    assert "whole number" in regbench.refusal("run", "--cfg", "job", "seed=1e3")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{mine: [1\n", "mine.yaml, line 2"),
        ("mine:\n\tname: mine\n", "mine.yaml, line 2"),
        ("- 1\n", "merge"),
        ("mine: {name: theirs}\n", "must equal its key"),
        ("mine: {strength: 1}\n", "not selected"),
        ("../mine: {name: ../mine}\n", "letters, digits"),
        ("mine:\n  name: mine\n  path: ???\n", "regularizer.mine.path must be given"),
        ("mine: {name: mine, data: !!binary aGVsbG8=}\n", "bytes"),
    ],
)
def test_a_broken_file_is_one_line(regbench: Session, tmp_path: Path, text: str, hint: str) -> None:
    write(tmp_path / "regularizer/mine.yaml", text)
    assert hint in regbench.refusal("run", "--config-dir", str(tmp_path), "regularizer=mine")


def test_a_file_that_is_no_text_is_one_line(regbench: Session, tmp_path: Path) -> None:
    write(tmp_path / "regularizer/mine.yaml", "").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in regbench.refusal("run", "--config-dir", str(tmp_path), "regularizer=mine")


def test_defaults_in_a_circle_are_one_line(regbench: Session, tmp_path: Path) -> None:
    write(tmp_path / "experiment/circle.yaml", "# @package _global_\ndefaults: [circle]\n")
    assert "circle" in regbench.refusal("run", "--config-dir", str(tmp_path), "experiment=circle")


def test_an_option_named_in_a_file_is_checked_too(regbench: Session, tmp_path: Path) -> None:
    write(tmp_path / "experiment/mine.yaml", "# @package _global_\ndefaults:\n  - override /regularizer: [droput]\n")
    line = regbench.refusal("run", "--config-dir", str(tmp_path), "experiment=mine")
    assert "did you mean 'dropout'" in line
