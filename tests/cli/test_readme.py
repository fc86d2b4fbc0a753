"""What the README shows works as shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from regbench.compose.loader import open_loader
from regbench.compose.sweep_runs import compose_sweep, split_parts
from regbench.regularizers import registry
from regbench.regularizers.aims import AIMS
from regbench.runs.prepare import build_records
from tests.golden.test_golden import SAME_PROCESSOR

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [README, *((ROOT / "docs" / page).read_text() for page in ("sweeps.md", "compare.md"))]


def shell_commands() -> list[list[str]]:
    """Return the words of every `regbench run` in the shell blocks of the README and the how-tos."""
    import shlex

    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)]
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("regbench run ")]
    return [shlex.split(line, comments=True)[2:] for line in lines]


@pytest.mark.parametrize("words", shell_commands(), ids=" ".join)
def test_every_command_composes_and_its_settings_are_allowed(words: list[str]) -> None:
    if "--help" in words:
        return
    parts = split_parts([word for word in words if word not in ("-m", "--dry-run")])
    with open_loader(None, None, warn=pytest.fail) as loader:
        configs = compose_sweep(loader, "config", parts)
    assert configs
    for config in configs:
        assert build_records(config)


def sample_output() -> list[str]:
    """Return the lines of the README's first sample after its command."""
    (sample,) = re.findall(r"```\n\$ regbench run regularizer=dropout\n(.*?)```", README, flags=re.DOTALL)
    return [str(line).rstrip() for line in sample.splitlines()]


def without_times(line: str) -> str:
    """Return a line without the seconds that are left or were taken, which differ from run to run."""
    return re.sub(r"\s+[\d.]+ s$", " # s", line)


def test_the_sample_output_is_the_real_one(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "regbench", "run", "regularizer=dropout"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    shown = [without_times(line) for line in sample_output()]
    real = [without_times(line.rstrip()) for line in run.stdout.splitlines()]
    first = shown.index("...")
    last = len(shown) - first - 1
    if not SAME_PROCESSOR:  # sums are rounded otherwise, and an epoch more or less may be trained
        shown, real = ([re.sub(r"[+-]?\d[\d.,]*", "#", line) for line in lines] for lines in (shown, real))
    assert real[:first] == shown[:first]
    assert real[-last:] == shown[-last:]


def test_the_python_example_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"### From Python\n\n```python\n(.*?)```", README, flags=re.DOTALL)
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert len(list(tmp_path.glob("runs/default/*/result.json"))) == 5


def test_every_technique_is_listed_under_what_it_is_for() -> None:
    table = README.partition("## The techniques")[2].partition("## A technique of your own")[0]
    rows = dict(re.findall(r"^\| ([^|`]+) \| (`.*) \|$", table, re.MULTILINE))
    aims = {name: AIMS[registry.load(name).aim] for name in registry.names()}
    assert {heading: names.split(", ") for heading, names in rows.items()} == {
        heading: [f"`{name}`" for name, aim in aims.items() if aim == heading] for heading in AIMS.values()
    }


def test_the_example_technique_keeps_the_contract_of_a_run(tmp_path: Path) -> None:
    section = README.partition("## A technique of your own")[2]
    code, yaml = re.findall(r"```(?:python|yaml)\n(.*?)```", section, flags=re.DOTALL)
    package = tmp_path / "regbench"
    for folder in ("regbench", "configs"):
        subprocess.run(["cp", "-r", str(ROOT / folder), str(tmp_path / folder)], check=True)
    (package / "regularizers" / "logit_penalty.py").write_text(code)
    (tmp_path / "configs" / "regularizer" / "logit_penalty.yaml").write_text(yaml)
    command = [sys.executable, "-m", "regbench"]
    run = subprocess.run(
        [*command, "run", "regularizer=logit_penalty", "schedule.epochs=2", "-q"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert list(tmp_path.glob("runs/default/digits-mlp-logit_penalty-s0-*/result.json"))
    shown = subprocess.run(
        [*command, "show", "logit_penalty"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "keeps the outputs small" in shown.stdout


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("def rowloss", "regularizer logit_penalty acts at no stage; did you mean 'row_loss'?"),
        ("clas X:", "regbench.regularizers.logit_penalty is not Python"),
        ("import torchh", "regbench.regularizers.logit_penalty cannot be imported: No module named 'torchh'"),
    ],
)
def test_a_mistake_in_an_own_technique_is_one_line_and_hides_no_other(code: str, refusal: str, tmp_path: Path) -> None:
    section = README.partition("## A technique of your own")[2]
    good, yaml = re.findall(r"```(?:python|yaml)\n(.*?)```", section, flags=re.DOTALL)
    bad = good.replace("def row_loss", code) if code.startswith("def") else f"{good}\n{code}\n"
    for folder in ("regbench", "configs"):
        subprocess.run(["cp", "-r", str(ROOT / folder), str(tmp_path / folder)], check=True)
    (tmp_path / "regbench" / "regularizers" / "logit_penalty.py").write_text(bad)
    (tmp_path / "configs" / "regularizer" / "logit_penalty.yaml").write_text(yaml)

    def regbench(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "regbench", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    refused = regbench("run", "regularizer=logit_penalty", "-q")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1), refused.stderr
    assert refusal in refused.stderr
    assert regbench("show", "l2").returncode == 0
    assert regbench("list", "regularizer").returncode == 0
