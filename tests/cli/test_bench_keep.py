"""`study.keep`: which runs of a study have folders, and that nothing else depends on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regbench import load_model
from regbench.cli.main import main

WORDS = [
    *("dataset=iris", "study.arms=[dropout]", "study.replicates=5", "study.trials=2", "study.reference=false"),
    *("sweep.workers=1", "schedule.epochs=3", "model.widths=[8]", "name=s"),
]
FIGURES, ALL = [*WORDS, "study.keep=figures"], [*WORDS, "study.keep=all"]
TABLES = ("trials.csv", "choices.json", "fresh.csv", "verdict.json", "study.json", "rows/dropout.npz", "rows/truth.npz")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which a small study was made, with folders of its fresh runs."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["bench", *WORDS]) == 0
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study, in the folder that the test runs in."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "s"


def contents(study: Path) -> dict[str, bytes]:
    return {name: (study / name).read_bytes() for name in TABLES}


def folders(study: Path) -> list[Path]:
    return sorted(path.parent for path in study.glob("*/config.yaml"))


def test_figures_alone_are_judged_shown_and_compared_as_before(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(study)
    assert len(folders(study)) == 20
    capsys.readouterr()
    assert main(["compare", "runs/s"]) == 0
    compared = capsys.readouterr().out
    assert main(["bench", *FIGURES]) == 0
    assert folders(study) == []
    assert contents(study) == before
    assert main(["bench", *FIGURES]) == 0, "the same command again"
    assert contents(study) == before
    page = (study / "report.html").read_text()
    capsys.readouterr()
    assert main(["compare", "runs/s"]) == main(["report", "runs/s"]) == 0
    assert capsys.readouterr().out.startswith(compared)
    assert (study / "report.html").read_text() == page
    assert "dropout" in page
    assert main(["bench", *FIGURES, "study.rope=0.9"]) == 0
    assert json.loads((study / "verdict.json").read_text())["rope"] == 0.9
    assert folders(study) == []


def test_other_models_can_be_asked_for_when_folders_are_gone(study: Path) -> None:
    assert main(["bench", *FIGURES]) == 0
    assert not (study / "references.csv").exists()
    words = [word for word in FIGURES if word != "study.reference=false"]
    assert main(["bench", *words]) == 0
    assert len(pd.read_csv(study / "references.csv")) == 15
    assert folders(study) == []


def test_more_replicates_join_those_whose_folders_are_gone(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "other")
    assert main(["bench", *WORDS, "--more", "5"]) == 0
    straight = contents(study)
    shutil.rmtree(study)
    (tmp_path / "other").rename(study)
    assert main(["bench", *FIGURES]) == 0
    assert main(["bench", *FIGURES, "--more", "5", "--final"]) == 0
    assert contents(study) == straight
    assert folders(study) == []
    (final,) = (study.parent / "s-final").glob("*/result.json")
    assert load_model(final.parent)(np.zeros((2, 4))).shape == (2, 3)


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("lost", ["kept/kept.json", "verdict.json"])
def test_what_is_lost_is_made_again_to_the_same_bytes(study: Path, lost: str) -> None:
    """The index of what is kept is written before a folder is removed; without it the runs are trained again."""
    before = contents(study)
    assert main(["bench", *FIGURES]) == 0
    (study / lost).unlink()
    assert main(["bench", *FIGURES]) == 0
    assert contents(study) == before
    assert folders(study) == []


def test_a_person_who_wants_the_folders_back_gets_them(study: Path) -> None:
    before, names = contents(study), [path.name for path in folders(study)]
    assert main(["bench", *FIGURES]) == 0
    assert main(["bench", *WORDS]) == 0
    assert contents(study) == before
    assert [path.name for path in folders(study)] == names
    assert not (study / "kept").exists()


def test_every_trial_is_a_run_with_the_trials_figures(study: Path) -> None:
    before = contents(study)
    assert main(["bench", *ALL]) == 0
    assert contents(study) == before
    assert len(folders(study)) == 20 + 20
    keys = ["arm", "replicate", "trial", "repeat"]
    trials = pd.read_csv(study / "trials.csv").merge(pd.read_csv(study / "runs.csv"), on=keys, validate="1:1")
    assert len(trials) == 20
    for _, trial in trials.iterrows():
        result = json.loads((study / trial["run"] / "result.json").read_text())
        assert result["best"]["val"]["loss"] == pytest.approx(trial["val_loss"], rel=1e-4)
        assert result["best_epoch"] == trial["best_epoch"]
    folder = study / trials["run"][7]
    inputs = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)"
    (study.parent.parent / "new.csv").write_text(f"{inputs}\n5.1,3.5,1.4,0.2\n")
    assert main(["predict", str(folder), "new.csv"]) == 0
    assert load_model(folder)(np.zeros((2, 4))).shape == (2, 3)
    trained = {path: (path / "result.json").stat().st_mtime_ns for path in folders(study)}
    assert main(["bench", *ALL]) == 0
    assert trained == {path: (path / "result.json").stat().st_mtime_ns for path in folders(study)}
    shutil.rmtree(folder)
    assert main(["bench", *ALL]) == 0, "the same command makes what is missing"
    assert (folder / "result.json").exists()
    assert main(["bench", *FIGURES]) == 0
    assert folders(study) == []
    assert contents(study) == before


def test_runs_of_a_person_in_the_same_folder_stay(study: Path) -> None:
    assert main(["run", "-m", "dataset=iris", "schedule.epochs=1", "model.widths=[4]", "seed=1,2", "name=s"]) == 0
    assert main(["bench", *FIGURES]) == 0
    assert len(folders(study)) == 2
    assert len(list((study / ".sweep").glob("plan-*.json"))) == 1


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ("fresh", "(20 fresh runs with a folder each)"),
        ("figures", "until the end, then 5 MB"),
        ("all", "20 trials with a folder each"),
    ],
)
def test_a_dry_run_tells_what_stays_on_the_disk(
    study: Path, capsys: pytest.CaptureFixture[str], keep: str, told: str
) -> None:
    assert main(["bench", *WORDS, f"study.keep={keep}", "--dry-run"]) == 0
    assert told in " ".join(capsys.readouterr().out.split())


def test_an_unknown_word_is_refused(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *WORDS, "study.keep=nothing"]) == 2
    assert "study.keep='nothing' is not allowed" in capsys.readouterr().err


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize(
    "further", [["study.curves=true"], ["study.cocktail=true", "study.arms=[l2,dropout,max_norm]"]]
)
def test_curves_and_cocktails_need_no_folders_either(
    further: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = {word.partition("=")[0] for word in further}
    words = [*(word for word in WORDS if word.partition("=")[0] not in kept), *further]
    assert main(["bench", *words]) == 0
    study = tmp_path / "runs" / "s"
    names = [*TABLES, *(["curves.csv"] if "study.curves=true" in further else [])]
    before = {name: (study / name).read_bytes() for name in names}
    assert main(["bench", *words, "study.keep=all"]) == 0
    trials, runs = pd.read_csv(study / "trials.csv"), pd.read_csv(study / "runs.csv")
    assert len(trials) == len(runs)
    assert all((study / run / "result.json").exists() for run in runs["run"])
    for _ in range(2):
        assert main(["bench", *words, "study.keep=figures"]) == 0
        assert folders(study) == []
        assert before == {name: (study / name).read_bytes() for name in names}
    assert main(["report", "runs/s"]) == 0
    assert main(["bench", *words, "study.keep=figures", "--more", "5"]) == 0
    assert json.loads((study / "verdict.json").read_text())["replicates"] == 10
    assert folders(study) == []
