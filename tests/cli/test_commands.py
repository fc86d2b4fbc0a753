"""The first word, exit codes, what is imported, and what happens on a signal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from regbench.cli.main import main
from regbench.statuses import RunState
from regbench.sweeps import execute
from regbench.sweeps.manifest import PlannedRun
from regbench.sweeps.result import SweepResult
from regbench.sweeps.run_status import RunStatus
from tests.cli.session import Session, write

HEAVY = ("torch", "numpy", "pandas", "sklearn", "matplotlib", "rich")


def test_version_is_one_line(regbench: Session) -> None:
    assert regbench("--version") == 0
    assert re.fullmatch(r"regbench \d+\.\d+\.\d+\n", regbench.out)


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help_names_every_command(regbench: Session, word: str) -> None:
    assert regbench(word) == 0
    assert all(f"regbench {command}" in regbench.out for command in ("run", "list", "show", "docs"))


def test_no_command_shows_the_help_and_is_a_mistake(regbench: Session) -> None:
    assert regbench() == 2


@pytest.mark.parametrize(("typed", "meant"), [("rnu", "run"), ("lst", "list"), ("shwo", "show")])
def test_a_misspelt_command_gets_the_nearest(regbench: Session, typed: str, meant: str) -> None:
    assert f"did you mean '{meant}'?" in regbench.refusal(typed)


def test_list_and_show_reach_the_catalogue(regbench: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    catalogue = ModuleType("regbench.cli.catalogue")
    vars(catalogue).update(
        list_command=lambda words: asked.append(words) or 0, show=lambda name: asked.append(name) or 0
    )
    monkeypatch.setitem(sys.modules, "regbench.cli.catalogue", catalogue)
    assert [regbench("list"), regbench("list", "model"), regbench("show", "l2")] == [0, 0, 0]
    assert asked == [[], ["model"], "l2"]
    assert "usage" in regbench.refusal("show")


def test_list_takes_one_group(regbench: Session) -> None:
    assert "usage" in regbench.refusal("list", "model", "dataset")


@pytest.mark.parametrize("command", ["list", "show", "docs"])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_list_show_and_docs_have_help(regbench: Session, command: str, flag: str) -> None:
    assert regbench(command, flag) == 0
    assert regbench.out.startswith(f"usage: regbench {command}")


def test_run_knows_the_version_of_regbench(regbench: Session) -> None:
    assert regbench("--version") == 0
    version = regbench.out
    assert regbench("run", "--version") == 0
    assert regbench.out == version


def test_list_and_show_know_a_persons_own_options(
    regbench: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "regularizer/mine.yaml", "# Decay as in my thesis.\nl2: {name: l2, strength: 3}\n")
    write(tmp_path / "regularizer/l2.yaml", "# Hidden by the shipped one.\nl2: {name: l2, strength: 99}\n")
    monkeypatch.setenv("REGBENCH_CONFIG_PATH", str(tmp_path))
    assert regbench("list", "regularizer") == 0
    assert "Decay as in my thesis." in regbench.out
    assert "Hidden" not in regbench.out
    assert regbench("show", "mine") == 0
    write(tmp_path / "regularizer/mine.yaml", "[1\n")
    assert "mine.yaml is not a YAML mapping" in regbench.refusal("show", "mine")
    monkeypatch.setenv("REGBENCH_CONFIG_PATH", f"{tmp_path}/nowhere")
    assert "REGBENCH_CONFIG_PATH" in regbench.refusal("list")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--cfg", "job", "regularizer=[l2,dropout]"]])
def test_answers_about_the_configuration_import_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys, json; from regbench.cli.main import main; code = main(sys.argv[1:]); "
        f"print(json.dumps([code, [m for m in {HEAVY!r} if m in sys.modules]]), file=sys.stderr)"
    )
    end = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert json.loads(end.stderr) == [0, []]


def test_help_does_not_even_import_hydra() -> None:
    program = "import sys; from regbench.cli.main import main; main(['--help']); sys.exit('omegaconf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL).returncode == 0


ENDINGS = [
    ([RunState.COMPLETE, RunState.STOPPED_EARLY, RunState.DIVERGED], None, 0),
    ([RunState.COMPLETE, RunState.FAILED], None, 1),
    ([RunState.COMPLETE, RunState.FAILED, RunState.MISSING], signal.SIGINT, 130),
    ([RunState.INTERRUPTED], signal.SIGTERM, 143),
    ([RunState.COMPLETE], signal.SIGTERM, 0),
    ([RunState.FAILED], signal.SIGTERM, 1),
]


@pytest.mark.parametrize(("states", "number", "code"), ENDINGS)
def test_the_exit_code_tells_what_became_of_a_sweep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, states: list[RunState], number: int | None, code: int
) -> None:
    statuses = tuple(RunStatus(PlannedRun(f"r{n}", {"seed": n}), state) for n, state in enumerate(states))
    ended = SweepResult(folder=tmp_path, statuses=statuses, signal=number)
    monkeypatch.setattr(execute, "run_sweep", lambda configs, observer: ended)
    monkeypatch.chdir(tmp_path)
    assert main(["run", "-m", "seed=0,1", "-q"]) == code


def test_the_module_is_the_command() -> None:
    end = subprocess.run([sys.executable, "-m", "regbench", "nonsense"], capture_output=True, text=True)
    assert (end.returncode, end.stdout) == (2, "")
    assert end.stderr.startswith("regbench: ")


@pytest.mark.parametrize(("number", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_a_signal_ends_with_one_line_and_its_code(number: str, code: int, word: str) -> None:
    program = (
        "import sys, time, types\n"
        "runner = sys.modules['regbench.runs.execute'] = types.ModuleType('regbench.runs.execute')\n"
        "def run_one(config, observer=None): print('ready', flush=True); time.sleep(60)\n"
        "runner.run_one = run_one\n"
        "from regbench.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["run", "-q"]
    child = subprocess.Popen(
        [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(getattr(signal, number))
    _, errors = child.communicate(timeout=30)
    assert child.returncode == code
    assert len(errors.splitlines()) == 1
    assert word in errors


@pytest.mark.parametrize("words", ["--help", "run --cfg all", "run --info"])
def test_a_reader_that_goes_away_is_no_error(words: str) -> None:
    if os.name != "posix":
        pytest.skip("needs a POSIX shell")
    line = f"{sys.executable} -m regbench {words} | head -n 1"
    end = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert end.stderr == ""


@pytest.mark.parametrize("words", ["--help", "list", "run --cfg all", "run --info"])
def test_a_full_disk_behind_the_output_is_one_line(words: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "regbench", *words.split()]
        end = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert end.returncode == 1
    assert len(end.stderr.splitlines()) == 1, end.stderr
    assert "No space left" in end.stderr


@pytest.mark.parametrize("words", ["list regularizer", "show l2"])
def test_a_terminal_without_greek_letters_gets_the_rest(words: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "regbench", *words.split()]
    end = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (end.returncode, end.stderr) == (0, "")
    assert "l2" in end.stdout
