"""A study with a cocktail through the command: what each replicate mixes, its trials, its files and its words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from regbench import api
from regbench.cli.main import main
from regbench.studies.variants import draw_seed

ARMS = ("l2", "dropout", "mixup", "label_smoothing")
WORDS = [
    *("dataset=iris", f"study.arms=[{','.join(ARMS)}]", "study.cocktail=true", "study.replicates=5", "study.trials=2"),
    *("name=s", "sweep.workers=1", "study.reference=false", "schedule.epochs=4", "model.widths=[8]"),
]
TABLES = ("trials.csv", "choices.json", "fresh.csv", "verdict.json", "report.html", "study.json")
AUTO = "auto_cocktail"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which one small study was made."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["bench", *WORDS]) == 0
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study's folder, in the folder that the test runs in."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "s"


def read(study: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(study / name, keep_default_na=False, na_values=[""])


def of_cocktail(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["arm"] == AUTO]


def test_each_replicate_combines_the_three_arms_that_are_best_there_by_validation(study: Path) -> None:
    trials = read(study, "trials.csv")
    trials["place"] = trials["arm"].map({name: place for place, name in enumerate(ARMS)})
    for replicate, own in of_cocktail(trials).groupby("replicate"):
        rivals = trials[(trials["replicate"] == replicate) & (trials["chosen"] == 1) & trials["arm"].isin(ARMS)]
        best = rivals.sort_values(["val_accuracy", "val_loss", "place"], ascending=[False, True, True]).head(3)
        assert set(own["combined"]) == {" + ".join(best.sort_values("place")["arm"])}


def test_it_searches_as_every_arm_does_the_settings_of_its_three(study: Path) -> None:
    trials = read(study, "trials.csv")
    own, base = of_cocktail(trials).reset_index(drop=True), trials[trials["arm"] == "none"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own[["replicate", "trial", "seed", "lr"]], base[["replicate", "trial", "seed", "lr"]])
    assert own.groupby("replicate")["chosen"].sum().eq(1).all()
    keys = [key for key in trials.columns if "." in key]
    for _, trial in own.iterrows():
        assert {key.partition(".")[0] for key in keys if pd.notna(trial[key])} == set(trial["combined"].split(" + "))


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("number", range(10))
def test_a_trial_is_the_run_that_its_settings_make_alone(study: Path, number: int) -> None:
    trial = of_cocktail(read(study, "trials.csv")).iloc[number]
    partition, fold = divmod(int(trial["replicate"]), 5)
    split = {
        "method": "folds",
        "folds": 5,
        "fold": fold,
        "equal": "true",
        "seed": draw_seed(0, "partition", partition),
        "val_seed": draw_seed(0, "validation", "search", int(trial["replicate"])),
    }
    keys = [key for key in trial.index if "." in key and pd.notna(trial[key])]
    found = api.run(
        [
            *("dataset=iris", "model.widths=[8]", "schedule.epochs=4"),
            f"regularizer=[{','.join(trial['combined'].split(' + '))}]",
            f"schedule.optimizer.lr={float(trial['lr'])!r}",
            *(f"regularizer.{key}={float(trial[key])!r}" for key in keys),
            *(f"dataset.split.{key}={value}" for key, value in split.items()),
        ],
        seed=int(trial["seed"]),
    )
    assert found.best["val"]["loss"] == pytest.approx(trial["val_loss"], rel=1e-5)
    assert found.best_epoch == trial["best_epoch"]


def test_its_fresh_runs_are_of_what_was_chosen(study: Path) -> None:
    choices = [c for c in json.loads((study / "choices.json").read_text())["choices"] if c["arm"] == AUTO]
    fresh = of_cocktail(read(study, "fresh.csv"))
    assert fresh["combined"].tolist() == [" + ".join(choice["combined"]) for choice in choices]
    for choice, (_, row) in zip(choices, fresh.iterrows(), strict=True):
        run = json.loads((study / row["run"] / "result.json").read_text())
        assert row["test_accuracy"] == run["best"]["test"]["accuracy"]
        assert f"iris-mlp-{'+'.join(sorted(choice['combined']))}-s" in row["run"]
        assert row["lr"] == choice["values"]["schedule.optimizer.lr"]


def test_it_is_planned_and_judged_as_one_arm_and_a_note_says_what_it_was(study: Path) -> None:
    plan, verdict = (json.loads((study / name).read_text()) for name in ("study.json", "verdict.json"))
    assert plan["estimate"]["runs"] == 6 * 5 * (2 + 1) + 2 * 5
    assert verdict["family"] == [*ARMS, AUTO]
    counts = of_cocktail(read(study, "fresh.csv"))["combined"].value_counts()
    (note,) = (note for note in verdict["notes"] if note.startswith(AUTO))
    for combined, count in counts.items():
        assert f"{combined} in {count}" in note
    assert note in (study / "report.html").read_text()
    (arm,) = (arm for arm in verdict["arms"] if arm["name"] == AUTO)
    combined = " + ".join(arm["recommended"]["combined"])
    assert counts[combined] == counts.max()
    regularizers, *settings = arm["recommended"]["overrides"]
    assert regularizers == f"regularizer=[{','.join(sorted(arm['recommended']['combined']))}]"
    own = of_cocktail(read(study, "trials.csv"))
    assert float(settings[0].partition("=")[2]) in own.loc[own["combined"] == combined, "lr"].tolist()


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("lost", ["l2-0", "auto_cocktail-1"])
def test_what_an_interruption_left_undone_is_done_to_the_same_bytes(study: Path, lost: str) -> None:
    before = {name: (study / name).read_bytes() for name in TABLES}
    for name in (f"generations/{lost}.csv", *TABLES[:5]):
        (study / name).unlink()
    assert main(["bench", *WORDS]) == 0
    assert before == {name: (study / name).read_bytes() for name in TABLES}


def test_more_replicates_change_nothing_of_those_before(study: Path) -> None:
    before = read(study, "trials.csv")
    assert main(["bench", *WORDS, "--more", "5"]) == 0
    after = read(study, "trials.csv")
    pd.testing.assert_frame_equal(after[after["replicate"] < 5].reset_index(drop=True), before)
    assert len(of_cocktail(after)) == 20


def test_a_study_with_a_cocktail_is_another_than_one_without(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in study.parent.rglob("*") if path.is_file()}
    assert main(["bench", *(word for word in WORDS if "cocktail" not in word)]) == 2
    errors = capsys.readouterr().err.strip()
    assert "study.cocktail" in errors
    assert errors.count("\n") == 0
    assert before == {path: path.read_bytes() for path in study.parent.rglob("*") if path.is_file()}
