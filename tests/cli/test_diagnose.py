"""`regbench diagnose`: networks that are trained for it, runs that exist, studies, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from regbench.studies import diagnosing
from regbench.studies.diagnosis import Diagnosis, Figure, Name
from regbench.sweeps.manifest import describe
from tests.cli.session import Session
from tests.unit.sweeps.folders import configure, put_result

IRIS = {"name": "iris", "split": {"seed": 0, "val": 0.3}}
NEVER = {"optimizer": {"name": "adam", "lr": 0.001}, "stop": {"name": "none"}, "epochs": 50}
PATIENT = {**NEVER, "stop": {"name": "metric", "monitor": "val_loss"}}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four replicates instead of ten."""
    monkeypatch.setattr(diagnosing, "REPLICATES", 4)


def line_of(out: str, word: str) -> str:
    """The first line with a label, or the row of a figure, without it."""
    return next(line.removeprefix(word).strip() for line in out.splitlines() if line.startswith(f"{word:<11}"))


@pytest.mark.slow
def test_a_line_through_spirals_underfits_and_the_same_command_trains_nothing_again(
    regbench: Session, few: None
) -> None:
    words = ("dataset=spirals", "dataset.n=300", "model=linear", "schedule.optimizer.lr=0.05", "schedule.epochs=40")
    assert regbench("diagnose", *words) == 0
    assert line_of(regbench.out, "diagnosis").startswith("underfitting: training error is ")
    assert line_of(regbench.out, "network") == (
        "linear, adam at 0.05, up to 40 epochs, stopped on val_loss; 4 replicates"
    )
    assert "wider or deeper" in line_of(regbench.out, "advice")
    assert line_of(regbench.out, "runs") == "runs/diagnose-spirals-linear"
    assert len(list(Path("runs/diagnose-spirals-linear").glob("*/result.json"))) == 12
    first, before = regbench.out, {path: path.stat().st_mtime_ns for path in Path().rglob("result.json")}
    assert regbench("diagnose", *words) == 0
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("result.json")} == before
    told = [line for line in first.splitlines() if " complete, " not in line]
    assert regbench.out.splitlines() == told
    assert regbench("diagnose", "runs/diagnose-spirals-linear") == 0
    assert regbench.out.splitlines() == told[: told.index(f"{'runs':<11}runs/diagnose-spirals-linear") - 1]


@pytest.mark.slow
def test_a_large_network_learns_wrong_labels_by_heart(regbench: Session, few: None) -> None:
    words = ("dataset=digits", "dataset.train_size=100", "dataset.label_noise=0.3", "model.widths=[256,256]")
    assert regbench("diagnose", "-q", *words, "schedule.epochs=60", "schedule.optimizer.lr=0.003", "name=mine") == 0
    sentence = line_of(regbench.out, "diagnosis")
    assert sentence.startswith("strong overfitting: without stopping, validation error ends ")
    assert "early stopping leaves" in sentence
    assert "30 % of the training labels wrong" in line_of(regbench.out, "data")
    assert line_of(regbench.out, "gap at the last epoch").endswith("points")
    assert line_of(regbench.out, "runs") == "runs/mine"


def put_runs(folder: str, schedule: Mapping[str, Any], figures: Mapping[str, tuple[float, float]], count: int) -> None:
    """Write finished runs: accuracy on training and validation rows at the best epoch and at the last."""
    configs = [configure({}, seed, dataset=IRIS, schedule=schedule) for seed in range(count)]
    for config, run in zip(configs, describe(configs), strict=True):
        named = {
            at: {
                "train": {"loss": 0.1, "accuracy": train},
                "val": {"loss": 1.0 - val + 0.1, "accuracy": val - 0.001 * config.seed},
                "test": {"loss": 1.0, "accuracy": 0.9},
            }
            for at, (train, val) in figures.items()
        }
        facts = {"status": "complete", "best_epoch": 7, "epochs": 50, "rows": {"train": 75, "val": 45, "test": 30}}
        put_result(Path(folder), run, {**facts, **named})
        (Path(folder) / run.run_id / "config.yaml").write_text(config.to_yaml())


def test_of_runs_to_the_limit_overfitting_is_told(regbench: Session) -> None:
    put_runs("runs/mine", NEVER, {"best": (0.97, 0.95), "last": (1.0, 0.75)}, 5)
    assert regbench("diagnose", "runs/mine") == 0
    assert line_of(regbench.out, "diagnosis").startswith(
        "strong overfitting: validation error ends 25 points above training error; the best epoch has 2"
    )
    assert "whether more rows would help is not known" in line_of(regbench.out, "missing")
    assert "same rows in each part" in line_of(regbench.out, "note")


def test_of_stopped_runs_it_is_said_that_the_end_is_not_known(regbench: Session) -> None:
    put_runs("runs/mine", PATIENT, {"best": (0.97, 0.95), "last": (1.0, 0.75)}, 5)
    assert regbench("diagnose", "runs/mine") == 0
    assert line_of(regbench.out, "diagnosis").startswith("undecided: these runs cannot tell overfitting")
    assert "the gap at the end is not known" in line_of(regbench.out, "missing")
    put_runs("runs/mine", NEVER, {"best": (0.97, 0.95), "last": (1.0, 0.75)}, 5)
    assert regbench("diagnose", "runs/mine") == 0
    assert regbench.out.count("diagnosis") == 1
    assert line_of(regbench.out, "diagnosis").startswith("strong overfitting: without stopping")


def test_one_run_alone_is_never_certain(regbench: Session) -> None:
    put_runs("runs/mine", NEVER, {"best": (0.97, 0.95), "last": (1.0, 0.75)}, 1)
    (folder,) = Path("runs/mine").iterdir()
    assert regbench("diagnose", str(folder)) == 0
    assert line_of(regbench.out, "diagnosis").startswith("undecided: perhaps strong overfitting")


def test_several_networks_are_diagnosed_one_by_one(regbench: Session) -> None:
    put_runs("runs/mine", NEVER, {"best": (0.97, 0.95), "last": (1.0, 0.75)}, 4)
    slow = {**NEVER, "optimizer": {"name": "adam", "lr": 0.1}}
    put_runs("runs/mine", slow, {"best": (0.2, 0.2), "last": (0.2, 0.2)}, 4)
    assert regbench("diagnose", "runs/mine") == 0
    sentences = [line for line in regbench.out.splitlines() if line.startswith("diagnosis")]
    assert [sentence.split()[1] for sentence in sentences] == ["strong", "underfitting:"]
    assert "lr=0.1" in regbench.out


def test_of_a_study_its_own_diagnosis_is_printed(regbench: Session) -> None:
    folder = Path("runs/study")
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    found = Diagnosis((Name.OVERFITTING,), "overfitting: much", ("use dropout",), {"e_val": Figure(0.2, 0.1, None)})
    verdict = {"metric": "accuracy", "replicates": 20, "diagnosis": found.to_json()}
    (folder / "verdict.json").write_text(json.dumps(verdict))
    assert regbench("diagnose", str(folder)) == 0
    assert line_of(regbench.out, "diagnosis") == "overfitting: much"
    assert line_of(regbench.out, "network") == "20 replicates"
    (folder / "verdict.json").write_text(json.dumps({**verdict, "diagnosis": None}))
    assert regbench("diagnose", str(folder)) == 2
    assert regbench.err == "regbench: runs/study: its verdict.json holds no diagnosis\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dataset=iris", "dataset.split.val=0", "schedule/stop=none"), "takes"),
        (("runs/nowhere",), "does not exist"),
        (("-m", "seed=1,2"), "--multirun is not a flag of diagnose"),
        (("modle=mlp",), "did you mean 'model'"),
        (("dataset=iris", "dataset.split.fold=7"), "no effect"),
        (("nowhere", "seed=1"), "a folder stands alone"),
    ],
)
def test_what_cannot_be_diagnosed_is_refused_in_a_line(regbench: Session, words: tuple[str, ...], said: str) -> None:
    assert said.replace("takes", "take dataset.split.val") in regbench.refusal("diagnose", *words)


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_the_same_command_resumes(regbench: Session, few: None) -> None:
    words = ("dataset=spirals", "dataset.n=300", "model=linear", "schedule.epochs=2000", "schedule/stop=none")
    watching = threading.Event()

    def interrupt() -> None:
        while not watching.is_set() and not list(Path().rglob("run.json")):
            watching.wait(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        assert regbench("diagnose", "-q", *words) == 130
    finally:
        watching.set()
        thread.join()
    assert "the same command resumes" in regbench.err
    assert "diagnosis" not in regbench.out
