"""Earlier runs belong to the code of their regularizer and model: another formula refuses them, and nothing is written.

Oracle: the folder as it was before, and the figures of the new formula in a folder of its own.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from regbench.cli.main import main
from regbench.config import registry
from tests.faults.children import Ended, contents, fork, run_folder

PENALTY = '''"""A penalty of a person's own."""

from dataclasses import dataclass

from ownreg.scale import scaled
from regbench.config.fields import Hyper, hyper
from regbench.regularizers.base import Regularizer


@dataclass(frozen=True, kw_only=True)
class LogitPenalty(Regularizer):
    """Logit penalty."""

    strength: Hyper = hyper(1e-3, search=(1e-5, 1e-1), log=True, off=0.0, help="weight")

    def row_loss(self, losses, outputs, batch, ctx):
        """Return the losses with the penalty."""
        return losses + scaled(self.strength) * outputs.FORMULA.mean(-1)
'''
SCALE = "def scaled(number):\n    return number * FACTOR\n"
ENTRY = "[regbench.regularizers]\nlogit_penalty = ownreg:LogitPenalty\n"
SETTINGS = "logit_penalty:\n  name: logit_penalty\n  strength: 0.1\n"
COMMON = (
    "dataset=iris",
    "model.widths=[4]",
    "schedule.epochs=3",
    "threads=1",
)


class Plugin:
    """A package that adds a regularizer, as pip would install it, and the command that knows it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in {
            "site/ownreg/__init__.py": "from ownreg.penalty import LogitPenalty\n",
            "site/ownreg-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: ownreg\nVersion: 1.0\n",
            "site/ownreg-1.0.dist-info/entry_points.txt": ENTRY,
            "conf/regularizer/logit_penalty.yaml": SETTINGS,
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        self.write(formula="square()", factor="1.0")

    def write(self, formula: str, factor: str) -> None:
        """Write its code."""
        folder = self.root / "site/ownreg"
        (folder / "penalty.py").write_text(PENALTY.replace("FORMULA", formula))
        (folder / "scale.py").write_text(SCALE.replace("FACTOR", factor))

    def run(self, *words: str, regularizer: str = "logit_penalty", before: str = "") -> Ended:
        """Give the command in a fork that knows nothing of the package yet; `before` is executed there first."""
        assert "ownreg" not in sys.modules, "the fork must read the code that is there now"

        def install() -> None:
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(self.root / "site"))
            os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
            os.environ["REGBENCH_CONFIG_PATH"] = str(self.root / "conf")
            registry._installed.cache_clear()
            exec(before, {})

        return fork(
            self.root, lambda: main(["run", *COMMON, f"regularizer={regularizer}", *words]), os.setsid, install
        ).wait()

    def refused(self, *words: str, regularizer: str = "logit_penalty") -> str:
        """Give a command that must be refused in one line and change nothing, and return the line."""
        before = contents(self.root / "runs")
        ended = self.run(*words, regularizer=regularizer)
        assert ended.code == 2, ended.err
        assert contents(self.root / "runs") == before
        assert len(ended.err.splitlines()) == 1, ended.err
        assert "resume=fresh" in ended.err
        return ended.err


@pytest.fixture
def plugin(warm: None, tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


INTERRUPT = """
import os
from regbench.training import fit
fit.COMMIT_SECONDS = 0.0
step, calls = fit.train_step, []
def strike(*given):
    calls.append(1)
    return os._exit(7) if len(calls) == 5 else step(*given)
fit.train_step = strike
"""


def test_another_formula_refuses_a_finished_run(plugin: Plugin) -> None:
    assert plugin.run().code == 0
    folder = run_folder(plugin.root)
    first = contents(folder)
    assert "trained already" in plugin.run().out
    plugin.write(formula="abs()", factor="1.0")
    assert "was trained by other code: regularizer logit_penalty has changed since" in plugin.refused()
    plugin.write(formula="square()", factor="50.0")
    assert "regularizer logit_penalty has changed since" in plugin.refused(), "a helper of its package counts"
    assert plugin.run("name=other").code == 0
    assert contents(folder) == first
    assert plugin.run("resume=fresh").code == 0
    (other,) = (plugin.root / "runs/other").iterdir()
    assert contents(folder)["metrics.csv"] == contents(other)["metrics.csv"] != first["metrics.csv"]
    assert "trained already" in plugin.run().out


def test_another_formula_refuses_an_interrupted_run(plugin: Plugin) -> None:
    assert plugin.run(before=INTERRUPT).code == 7
    assert (run_folder(plugin.root) / "checkpoint/last.safetensors").exists()
    plugin.write(formula="abs()", factor="1.0")
    assert "regularizer logit_penalty has changed since" in plugin.refused()
    plugin.write(formula="square()", factor="1.0")
    assert plugin.run().code == 0


def test_another_formula_refuses_a_sweep(plugin: Plugin) -> None:
    assert plugin.run("-m", "seed=0,1").code == 0
    before = contents(plugin.root / "runs/default")
    plugin.write(formula="abs()", factor="1.0")
    line = plugin.refused("-m", "seed=0,1,2", regularizer="none,logit_penalty")
    assert "2 of 6 runs were trained by other code: regularizer logit_penalty has changed since; add" in line
    assert plugin.run("-m", "seed=0,1", "name=other").code == 0
    assert contents(plugin.root / "runs/default") == before


def test_shipped_code_binds_runs_of_the_same_version_only(plugin: Plugin) -> None:
    assert plugin.run(regularizer="l2").code == 0
    path = run_folder(plugin.root) / "run.json"
    record = json.loads(path.read_bytes())
    record["sources"]["regularizer l2"]["sha256"] = "0" * 64
    path.write_text(json.dumps(record))
    assert "regularizer l2 has changed since" in plugin.refused(regularizer="l2")
    record["versions"]["regbench"] = "0.0.9"
    path.write_text(json.dumps(record))
    shown = plugin.run(regularizer="l2")
    assert (shown.code, "trained already" in shown.out) == (0, True)
    note = "this run was made by regbench 0.0.9, this is 0.1.0; the code of regularizer l2 has changed since"
    assert shown.err == f"regbench: note: {note}\n"
