"""Tab completion, asked by a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regbench.cli.completion import split
from tests.cli.session import Session, write

Press = Callable[[str], set[str]]
BASH = shutil.which("bash")
PROGRAM = "import sys\nsys.argv[0] = 'regbench'\nfrom regbench.cli.main import main\nsys.exit(main())\n"
ASK = """
eval "$(regbench -sc install=bash)"
complete -p regbench > /dev/null || exit 9
COMP_LINE=$1; COMP_POINT=${#1}; words=($1); COMP_CWORD=$((${#words[@]} - 1))
[[ $1 == *" " ]] && COMP_CWORD=$((COMP_CWORD + 1))
hydra_bash_completion
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def press_tab(tmp_path: Path) -> Press:
    """Return what bash offers after a line, having checked that nothing was printed into it."""
    if BASH is None:
        pytest.skip("there is no bash here")
    command = write(tmp_path / "bin/regbench", f"#!{sys.executable}\n{PROGRAM}")
    command.chmod(0o755)
    paths = [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }

    def press(line: str) -> set[str]:
        end = subprocess.run(
            [BASH, "-c", ASK, "bash", line], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert end.returncode == 0
        assert end.stderr == ""
        return set(end.stdout.split())

    return press


@pytest.mark.matrix(cases=6)
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("regbench r", {"run"}),
        ("regbench run regularizer=l", {"regularizer=l1", "regularizer=l2"}),
        ("regbench run -m seed=0,1 regularizer=dropo", {"regularizer=dropout"}),
        ("regbench run seed=1 -m model=ml", {"model=mlp"}),
        ("regbench run schedule/optimizer=sg", {"schedule/optimizer=sgd"}),
        ("regbench run regularizer=l2 regularizer.l2.stren", {"regularizer.l2.strength="}),
        ("regbench run 'regularizer=[l2,dropout]' see", {"seed="}),
        ("regbench run data", {"dataset="}),
        ("regbench run seed=0,1 --dry", {"--dry-run"}),
        ("regbench run -m sweep.work", {"sweep.workers="}),
        ("regbench run -m seed=0,1 -- model=mlp -- regularizer=l2 regularizer.l2.stren", {"regularizer.l2.strength="}),
        ("regbench run -m seed=0,1 -- ", {"regularizer="}),
        ("regbench show drop", {"dropout"}),
        ("regbench list sched", {"schedule"}),
    ],
)
def test_the_shell_offers(press_tab: Press, line: str, offered: set[str]) -> None:
    assert offered <= press_tab(line)


def test_everything_offered_begins_with_what_was_typed(press_tab: Press) -> None:
    assert all(word.startswith("regularizer=l") for word in press_tab("regbench run regularizer=l"))


def test_ones_own_options_are_offered(press_tab: Press, tmp_path: Path) -> None:
    write(tmp_path / "own/regularizer/quite_mine.yaml", "quite_mine: {name: quite_mine}\n")
    line = f"regbench run --config-dir {tmp_path}/own regularizer=quite"
    assert press_tab(line) == {"regularizer=quite_mine"}


@pytest.mark.parametrize("line", ["regbench run regularizer=nope see", "regbench run 'a=[", "regbench run --nope x"])
def test_half_a_line_prints_no_error(press_tab: Press, line: str) -> None:
    press_tab(line)


@pytest.mark.parametrize(
    ("line", "words", "fresh"),
    [
        ("regbench run 'a=[1, 2]' b", ["run", "a=[1, 2]", "b"], False),
        ("regbench run ", ["run"], True),
        ("regbench run 'a=[1", ["run", "a=[1"], False),
        ("regbench", [], False),
        ("", [], False),
    ],
)
def test_a_line_is_split_as_the_shell_will(line: str, words: list[str], fresh: bool) -> None:
    assert split(line) == (words, fresh)


@pytest.mark.parametrize("words", [[], ["foo"], ["install=foo"], ["install=bash", "query=bash"]])
def test_a_wrong_request_is_refused(regbench: Session, words: list[str]) -> None:
    assert "install=SHELL" in regbench.refusal("-sc", *words)
