"""The Python API: lazy, silent, typed, and the same runs as the command's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import regbench
from regbench import ConfigError, RunState
from regbench.cli.main import main
from regbench.config.run_config import RunConfig
from regbench.runs import prepare
from regbench.runs.prepare import build_records
from regbench.store import read_checkpoint
from regbench.sweeps.workers import train
from regbench.training import fit
from regbench.training.train_step import train_step

SMALL = ["model.widths=[8]", "dataset.train_size=200", "schedule.epochs=4", "schedule.optimizer.lr=0.01", "threads=1"]


@pytest.fixture(autouse=True)
def _work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def silence(_work: None, capfd: pytest.CaptureFixture[str]) -> Any:
    """Nothing is printed, by no process, in any of these tests."""
    yield
    assert capfd.readouterr() == ("", "")


def python(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = ("torch", "hydra", "omegaconf", "pandas", "numpy", "yaml", "rich")
    program = f"import sys, regbench; dir(regbench); print([name for name in {heavy!r} if name in sys.modules])"
    assert python(program).stdout == "[]\n"
    program = f"import sys, regbench; regbench.load_run; print([name for name in {heavy!r} if name in sys.modules])"
    assert python(program).stdout == "[]\n"


def test_every_name_is_there_and_no_other() -> None:
    assert sorted(regbench.__all__) == sorted(regbench._MODULES)
    assert set(regbench.__all__) <= set(dir(regbench))
    for name in regbench.__all__:
        assert getattr(regbench, name) is getattr(import_module(regbench._MODULES[name]), name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(regbench, "nothing")  # noqa: B009


def test_a_run_has_the_figures_of_its_folder() -> None:
    result = regbench.run([*SMALL, "regularizer=dropout"], seed=3)
    stored = json.loads((result.folder / "result.json").read_bytes())
    assert result.folder.parent == Path("runs/default")
    assert result.folder.name.startswith("digits-mlp-dropout-s3-")
    assert result.status is RunState.COMPLETE
    assert result.best == stored["best"]
    assert result.last == stored["last"]
    assert (result.best_epoch, result.epochs) == (stored["best_epoch"], 4)
    assert (result.parameters, result.reason) == (stored["parameters"], stored["stopping"]["reason"])
    assert list(result.effects) == ["dropout"]
    assert result.config["seed"] == 3
    assert result.metrics[:3] == ("loss", "accuracy", "balanced_accuracy")
    assert not result.reused
    text = repr(result)
    assert text.startswith("<RunResult complete: best epoch ")
    assert f"val accuracy {result.best['val']['accuracy']:.4f}" in text
    assert len(text.splitlines()) == 1


def test_its_history_is_metrics_csv_to_the_last_digit() -> None:
    result = regbench.run([*SMALL, "regularizer=l2"])
    lines = (result.folder / "metrics.csv").read_text().splitlines()
    header, rows = lines[0].split(","), [line.split(",") for line in lines[1:]]
    assert list(result.history.columns) == header
    assert len(result.history) == 4
    for name, cells in zip(header, zip(*rows, strict=True), strict=True):
        assert [float(cell) for cell in cells] == list(result.history[name]), name


def test_it_is_the_run_of_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = [*SMALL, "regularizer=[dropout,l2]", "seed=5"]
    assert main(["run", "-q", *words, "runs=typed"]) == 0
    result = regbench.run(SMALL, regularizer=["l2", "dropout"], seed=5, runs=tmp_path / "called")
    typed = Path("typed/default") / result.folder.name
    for name in ("metrics.csv", "checkpoint/best.safetensors"):
        assert (typed / name).read_bytes() == (result.folder / name).read_bytes()


def test_the_same_call_again_reads_the_result() -> None:
    first = regbench.run(SMALL)
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*") if path.name != ".lock"}
    again = regbench.run(SMALL)
    assert again.reused
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*") if path.name != ".lock"} == before
    assert regbench.load_run(first.folder) == first
    assert regbench.load_run(str(first.folder)).history.equals(first.history)
    assert not regbench.run(SMALL, resume="fresh").reused


def test_settings_need_no_quotes(tmp_path: Path) -> None:
    place = tmp_path / "it's a, 'place' [x]={y}$z"
    place.mkdir()
    rows = [f"{number % 7},{number % 5},{'ab'[number % 2]}" for number in range(60)]
    (place / "mine, too.csv").write_text("\n".join(["p,q,the class", *rows]) + "\n")
    settings: dict[str, Any] = {
        "dataset.path": place / "mine, too.csv",
        "dataset.target": "the class",
        "model.widths": (4, 4),
        "schedule.epochs": 2,
        "schedule.batch_size": 10,
        "threads": None,
        "quiet": True,
    }
    result = regbench.run(dataset="csv", runs=tmp_path / "a b,c", **settings)
    assert result.folder.parent == tmp_path / "a b,c/default"
    assert result.config["dataset"]["target"] == "the class"  # type: ignore[index]
    assert result.config["model"]["widths"] == [4, 4]  # type: ignore[index]


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "an option": (lambda: regbench.run(["regularizer=dropuot"]), "did you mean 'dropout'"),
    "a key": (lambda: regbench.run(sede=1), "did you mean 'seed'"),
    "a value": (lambda: regbench.run(seed="three"), "whole number"),
    "a kind of value": (lambda: regbench.run(seed={1}), "seed: a set is not allowed"),
    "a name": (lambda: regbench.run(**{"a b": 1}), "is not the name of a setting"),
    "one text": (lambda: regbench.run("regularizer=l2"), r"it takes a list of texts"),
    "no texts": (lambda: regbench.run([("seed", 1)]), r"it takes a list of texts"),  # type: ignore[list-item]
    "a flag": (lambda: regbench.run(["--cfg"]), "--cfg"),
    "several values": (lambda: regbench.run(["seed=0,1"]), "several values"),
    "a sweep's option": (lambda: regbench.sweep(["regularizer=l2,dropuot"]), "did you mean 'dropout'"),
    "a sweep's value": (lambda: regbench.sweep(["regularizer=l2", "regularizer.l2.strength=0.1,-1"]), "strength=-1"),
    "a part": (lambda: regbench.sweep(["seed=0"], parts=[["model=mlp"], ["model=mpl"]]), "part 2: model=mpl"),
    "a text for a part": (lambda: regbench.sweep(parts=["model=mlp"]), r"it takes a list of texts"),
    "no run": (lambda: regbench.load_run("nowhere"), "nowhere is not a folder"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_raises_one_line_and_leaves_nothing(what: str) -> None:
    call, hint = MISTAKES[what]
    with pytest.raises(ConfigError, match=hint) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (None, "holds a run that has not ended"),
        ('{"status": "failed", "error": "no memory"}', "this run failed: no memory"),
        ("{", "result.json is not JSON"),
        ("[]", "is not a whole result"),
        ('{"status": "complete"}', "is not a whole result"),
        ('{"status": "running", "best": {}}', "is not a whole result"),
        ('{"schema": 3, "status": "complete", "best": {}}', "has schema 3, this regbench has 2; use that one"),
    ],
)
def test_a_folder_without_a_whole_result_is_refused(content: str | None, hint: str) -> None:
    Path("run").mkdir()
    Path("run/config.yaml").write_text("seed: 1\n")
    if content is not None:
        Path("run/result.json").write_text(content)
    with pytest.raises(ConfigError, match=hint):
        regbench.load_run("run")


def test_a_folder_of_no_run_is_refused() -> None:
    Path("other").mkdir()
    with pytest.raises(ConfigError, match="other holds no run"):
        regbench.load_run("other")


def test_results_of_an_earlier_version_are_read() -> None:
    Path("run").mkdir()
    figures = {"train": {"loss": None, "mse": 2.0}, "val": None, "test": {"loss": 1, "mse": 3.5}}
    Path("run/result.json").write_text(json.dumps({"status": "finished", "best": figures, "best_epoch": 2}))
    result = regbench.load_run("run")
    assert result.status is RunState.COMPLETE
    assert sorted(result.best) == ["test", "train"]
    assert result.best["train"]["loss"] != result.best["train"]["loss"], "what JSON cannot hold is NaN"
    with pytest.raises(ConfigError, match=r"metrics\.csv cannot be read"):
        _ = result.history
    with pytest.raises(ConfigError, match=r"config\.yaml cannot be read"):
        _ = result.config


def test_a_sweep_has_a_frame_the_best_and_its_runs() -> None:
    words = [*SMALL, "regularizer=l2", "regularizer.l2.strength=1e-4,1.0", "seed=0,1"]
    swept = regbench.sweep(words, name="mine")
    assert swept.folder == Path("runs/mine")
    assert (swept.folder / "sweep.csv").exists()
    frame = swept.frame
    assert list(frame["regularizer.l2.strength"]) == [1e-4, 1e-4, 1.0, 1.0]
    assert list(frame["seed"]) == [0, 1, 0, 1]
    assert list(frame["status"]) == ["complete"] * 4
    assert [str(frame[name].dtype) for name in ("seed", "epochs", "val_accuracy")] == ["int64", "int64", "float64"]
    assert [run.best["test"]["loss"] for run in swept.runs] == list(frame["test_loss"])
    assert [run.folder.name for run in swept.runs] == list(frame["run_id"])
    means = frame.groupby("regularizer.l2.strength")["val_accuracy"].agg(["mean", "sem"])
    (best,) = swept.best
    strength = means["mean"].idxmax()
    assert {"regularizer=l2", f"regularizer.l2.strength={strength}"} < set(best.overrides)
    assert not any(word.startswith(("seed=", "name=", "runs=")) for word in best.overrides)
    assert best.validation.mean == pytest.approx(means["mean"].max())
    assert best.validation.error == pytest.approx(means["sem"][strength])
    assert (best.metric, best.seeds, best.data) == ("accuracy", 2, {})
    assert swept.failed == {}
    assert repr(swept) == "<SweepResult of 4 runs: 4 complete; runs/mine>"
    again = regbench.run(best.overrides, seed=1, name="mine")
    assert again.reused, "the best group's overrides name its runs"


def test_parts_are_sweeps_of_their_own() -> None:
    parts = [["regularizer=none"], ["regularizer=dropout", "regularizer.dropout.rate=0.1,0.3"]]
    swept = regbench.sweep([*SMALL, "seed=0,1"], parts=parts)
    assert list(swept.frame["regularizer"]) == ["none"] * 2 + ["dropout"] * 4
    assert list(swept.frame["regularizer.dropout.rate"].fillna(-1)) == [-1, -1, 0.1, 0.3, 0.1, 0.3]


def test_records_are_built_once_to_check_once_to_measure_and_once_to_train(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[float] = []

    def count(config: RunConfig) -> prepare.Records:
        built.append(config.regularizers["l2"]["strength"])
        return build_records(config)

    monkeypatch.setattr(prepare, "build_records", count)
    monkeypatch.setattr(train, "build_records", count)
    strengths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    words = ["regularizer=l2", f"regularizer.l2.strength={','.join(map(str, strengths))}", "sweep.workers=1"]
    regbench.sweep([*SMALL, *words])
    assert sorted(built) == sorted(strengths * 3)


def test_a_run_that_fails_is_named_and_the_others_count() -> None:
    swept = regbench.sweep([*SMALL, "model=linear", "regularizer=none,dropout"][1:])
    ((run_id, line),) = swept.failed.items()
    assert "no hidden layer" in line
    assert list(swept.frame["status"]) == ["complete", "failed"]
    assert list(swept.frame["error"].fillna("")) == ["", line]
    assert [run.status for run in swept.runs] == [RunState.COMPLETE]
    assert f"-dropout-s0-{run_id[-10:]}" in run_id


def test_several_data_sets_have_a_best_each() -> None:
    swept = regbench.sweep([*SMALL[:1], *SMALL[2:], "dataset=iris,diabetes", "regularizer=none,l2", "seed=0"])
    assert [best.metric for best in swept.best] == ["accuracy", "mse"]
    assert [best.data["dataset.name"] for best in swept.best] == ["iris", "diabetes"]
    assert all("dataset=" in " ".join(best.overrides) for best in swept.best)


def before_step(number: int, action: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen before the n-th training step from now."""
    steps = iter(range(1, 1 << 30))

    def step(*arguments: Any) -> Any:
        if next(steps) == number:
            action()
        return train_step(*arguments)

    monkeypatch.setattr(fit, "train_step", step)


def send(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def only_folder() -> Path:
    (folder,) = Path("runs").glob("*/digits-*")
    return folder


def test_ctrl_c_commits_and_raises_and_the_same_call_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = regbench.run(SMALL, runs="reference")
    monkeypatch.setattr(fit, "COMMIT_SECONDS", 1e9)
    before_step(10, send(signal.SIGINT), monkeypatch)  # four steps an epoch: in the third
    with pytest.raises(KeyboardInterrupt):
        regbench.run(SMALL)
    assert read_checkpoint(only_folder() / "checkpoint/last.safetensors").facts["track"]["epoch"] == 3
    result = regbench.run(SMALL)
    assert (result.folder / "metrics.csv").read_bytes() == (reference.folder / "metrics.csv").read_bytes()
    assert "training from epoch 4" in (result.folder / "run.log").read_text()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_programs_own_handler_gets_its_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        before_step(10, send(signal.SIGTERM), monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            regbench.run(SMALL)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM]
    assert (only_folder() / "checkpoint/last.safetensors").exists()


def test_ctrl_c_in_a_sweep_commits_and_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "COMMIT_SECONDS", 1e9)
    words = [*SMALL, "schedule/stop=none", "seed=0,1,2", "sweep.workers=1", "sweep.cohort=1"]
    words[2] = "schedule.epochs=100000"  # a worker looks about once a second whether it is to stop
    before_step(90, send(signal.SIGINT), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        regbench.sweep(words)
    assert any(Path("runs").glob("*/*/checkpoint/last.safetensors"))
    assert not any(Path("runs").glob("*/*/result.json"))
    monkeypatch.undo()


def test_sigterm_ends_a_program_without_a_handler_once_all_is_committed() -> None:
    program = (
        "import os, signal, sys, regbench\n"
        "from regbench.training import fit\n"
        "real, steps = fit.train_step, iter(range(1, 1 << 30))\n"
        "def step(*arguments):\n"
        "    if next(steps) == 10: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return real(*arguments)\n"
        "fit.train_step = step\n"
        "regbench.run(sys.argv[1:])\n"
    )
    end = python(program, *SMALL)
    assert (end.returncode, end.stdout, end.stderr) == (-signal.SIGTERM, "", "")
    assert read_checkpoint(only_folder() / "checkpoint/last.safetensors").facts["track"]["epoch"] == 3


def test_it_works_in_a_thread() -> None:
    found: list[object] = []

    def work() -> None:
        try:
            found.append(regbench.run(SMALL).status)
            found.append([run.status for run in regbench.sweep([*SMALL, "seed=1,2"]).runs])
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [RunState.COMPLETE, [RunState.COMPLETE] * 2]


APP = """
import json, sys
import hydra, regbench, torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import getbase
from omegaconf import DictConfig

def state():
    hydra = [str(getbase()), GlobalHydra.instance().is_initialized(), HydraConfig.get().job.name]
    return [*hydra, torch.get_num_threads()]

@hydra.main(version_base="1.2", config_path=None)
def app(cfg: DictConfig) -> None:
    before = state()
    torch.set_num_threads(2)
    first = regbench.run(["model.widths=[8]", "schedule.epochs=2"], runs="mine")
    second = regbench.run(["model.widths=[8]", "schedule.epochs=2"], seed=1, runs="mine")
    before[-1] = 2
    print(json.dumps([before == state(), before[:2], first.epochs, second.epochs, cfg.x]))

app()
"""


def test_a_program_that_uses_hydra_itself_is_left_alone() -> None:
    Path("app.py").write_text(APP)
    end = subprocess.run([sys.executable, "app.py", "+x=3"], capture_output=True, text=True)
    assert end.returncode == 0, end.stderr
    assert json.loads(end.stdout) == [True, ["1.2", True], 2, 2, 3]


def test_warnings_go_to_the_logger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "own/regularizer"
    own.mkdir(parents=True)
    (own / "l2.yaml").write_text("l2: {name: l2, strength: 3}\n")
    monkeypatch.setenv("REGBENCH_CONFIG_PATH", str(own.parent))
    regbench.run(SMALL, regularizer="l2")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("regbench", "WARNING")
    assert "own/regularizer/l2.yaml is ignored because regbench has one of that name" in record.getMessage()
