"""`regbench bench study=curves` as a person uses it: a small study with its learning curve and wrong labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regbench import api
from regbench.cli.main import main

QUICK = ["sweep.workers=1", "study.reference=false", "schedule.epochs=4", "model.widths=[8]", "name=s"]
PLAIN = ["dataset=iris", "study.arms=[l2]", "study.replicates=2", "study.folds=2", "study.trials=1", *QUICK]
WORDS = [*PLAIN, "study=curves"]
ROWS = 45
"""Training rows of a replicate: half are tested, and a fifth of all validate."""

TABLES = ("trials.csv", "choices.json", "fresh.csv", "curves.csv", "verdict.json", "study.json")


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


def read(study: Path) -> pd.DataFrame:
    return pd.read_csv(study / "curves.csv")


def judge(study: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((study / "verdict.json").read_text())
    return found


def contents(study: Path) -> dict[str, bytes]:
    return {name: (study / name).read_bytes() for name in TABLES}


def test_baseline_and_leader_are_trained_at_every_point_in_every_replicate(study: Path) -> None:
    points = [(0.125, 0.0), (0.25, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.1), (1.0, 0.2)]
    table, verdict = read(study), judge(study)
    for arm in ("none", verdict["leader"]):
        own = table[table["arm"] == arm]
        found = own.groupby(["share", "train_rows", "label_noise"])["replicate"].apply(sorted)
        assert found.to_dict() == {(share, round(share * ROWS), noise): [0, 1] for share, noise in points}
    assert set(table["arm"]) == {"none", verdict["leader"]}


def test_its_figures_are_those_of_ordinary_runs_with_the_replicates_own_settings(study: Path) -> None:
    fresh = pd.read_csv(study / "fresh.csv").set_index(["arm", "replicate"])
    for _, row in read(study).iterrows():
        own = fresh.loc[row["arm"], row["replicate"]]
        result = json.loads((study / row["run"] / "result.json").read_text())
        config = (study / row["run"] / "config.yaml").read_text()
        assert result["rows"] == {"train": row["train_rows"], "val": 30, "test": 75}
        assert (result["best"]["val"]["accuracy"], result["best"]["test"]["accuracy"]) == (
            row["val_accuracy"],
            row["test_accuracy"],
        )
        assert (row["seed"], f"lr: {own['lr']}" in config) == (own["seed"], True)
        assert (row["anew"] == 0) is (row["run"] == own["run"]) is (row["share"] == 1.0 and row["label_noise"] == 0.0)


def test_the_verdict_has_its_means_and_study_json_its_runs(study: Path) -> None:
    table, verdict = read(study), judge(study)
    for key, kept, at in (
        ("learning", table[table["label_noise"] == 0.0], "share"),
        ("label_noise", table[table["share"] == 1.0], "label_noise"),
    ):
        for arm, own in kept.groupby("arm"):
            means = own.groupby(at)[["val_accuracy", "test_accuracy"]].mean()
            curve = verdict[key][arm]
            assert curve[at] == list(means.index)
            assert curve["mean"] == pytest.approx(means["test_accuracy"].tolist(), abs=1e-5)
            assert curve["val_mean"] == pytest.approx(means["val_accuracy"].tolist(), abs=1e-5)
    plan = json.loads((study / "study.json").read_text())
    assert plan["curves"] == {"points": 5, "runs": 20}
    assert plan["estimate"]["runs"] == 2 * 2 * 2 + 2 * 2 + 20
    assert int((read(study)["anew"] == 1).sum()) == 20


def test_the_page_draws_both_curves_with_their_numbers(study: Path) -> None:
    page = (study / "report.html").read_text()
    figure = page[page.index('id="f9"') :].partition("</figure>")[0]
    for told in ("Fewer rows, wrong labels, noisier inputs", "training rows", "training labels that are wrong (%)"):
        assert told in figure
    low, high = (judge(study)["learning"]["none"][end][0] for end in ("low", "high"))
    assert f"{100 * low:.1f} % to {100 * high:.1f} %" in figure


def test_without_the_setting_it_is_the_study_that_never_had_it_and_with_it_nothing_is_trained_again(
    study: Path,
) -> None:
    """Python gives the same table as the file."""
    before = contents(study)
    runs = {path: path.stat().st_mtime_ns for path in study.glob("*/result.json")}
    assert main(["bench", *PLAIN, "-q"]) == 0
    assert not (study / "curves.csv").exists()
    assert not {"learning", "label_noise"} & set(judge(study))
    assert "curves" not in json.loads((study / "study.json").read_text())
    for name in ("trials.csv", "choices.json", "fresh.csv"):
        assert (study / name).read_bytes() == before[name]
    assert api.study(PLAIN).curves.empty
    pd.testing.assert_frame_equal(api.study(WORDS).curves, read(study))
    assert contents(study) == before
    assert runs == {path: path.stat().st_mtime_ns for path in study.glob("*/result.json")}


def test_what_a_kill_left_undone_is_trained_to_the_same_bytes(study: Path) -> None:
    before, table = contents(study), read(study)
    lost = table[(table["anew"] == 1) & ((table["share"] == 0.25) | (table["replicate"] == 1))]["run"].unique()
    for run in lost:
        shutil.rmtree(study / run)
    for name in ("curves.csv", "verdict.json", "report.html"):
        (study / name).unlink()
    assert main(["bench", *WORDS, "-q"]) == 0
    assert contents(study) == before


def test_further_replicates_have_curves_too(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *WORDS, "--more", "2"]) == 0
    told = capsys.readouterr().out
    told = " ".join(told.split())  # lines are wrapped
    assert "40 of them train none and the leader again on fewer rows or with wrong labels, 5 times each" in told
    assert "runs on fewer rows or with wrong labels" in told
    verdict = judge(study)
    assert verdict["learning"][verdict["leader"]]["runs"] == [4, 4, 4, 4]
