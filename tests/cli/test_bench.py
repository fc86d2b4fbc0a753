"""`regbench bench` as a person uses it: small studies through the command, their files, words and refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regbench import api
from regbench.cli.main import main
from regbench.evidence.intervals import describe_rows, measure_difference
from regbench.studies.variants import draw_seed

QUICK = ["sweep.workers=1", "study.reference=false", "schedule.epochs=4", "model.widths=[8]"]
WORDS = ["dataset=iris", "study.arms=[l2,dropout]", "study.replicates=10", "study.trials=2", "name=s", *QUICK]
TABLES = ("trials.csv", "choices.json", "fresh.csv", "verdict.json", "report.html", "study.json")


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
    return pd.read_csv(study / name)


def change(*words: str) -> list[str]:
    """The words of the study with some in place of those of the same keys."""
    keys = {word.partition("=")[0] for word in words}
    return [*(word for word in WORDS if word.partition("=")[0] not in keys), *words]


def contents(study: Path) -> dict[str, bytes]:
    return {name: (study / name).read_bytes() for name in TABLES}


def test_every_arm_has_the_same_trials_and_no_test_figure(study: Path) -> None:
    trials = read(study, "trials.csv")
    assert not [column for column in trials.columns if "test" in column]
    assert trials.groupby("arm", sort=False).size().to_dict() == {"none": 20, "l2": 20, "dropout": 20}
    for column in ("seed", "lr"):
        by_arm = [own[column].tolist() for _, own in trials.groupby("arm")]
        assert by_arm[0] == by_arm[1] == by_arm[2]
    assert trials.groupby(["arm", "replicate"])["chosen"].sum().eq(1).all()


def test_the_chosen_trial_is_the_best_by_the_judged_figure_on_validation_rows(study: Path) -> None:
    for _, own in read(study, "trials.csv").groupby(["arm", "replicate"]):
        best = own.sort_values(["val_accuracy", "val_loss"], ascending=[False, True]).iloc[0]
        assert best["chosen"] == 1


def test_every_row_is_tested_twice_once_in_each_partition(study: Path) -> None:
    rows = np.load(study / "rows" / "none.npz")["rows"]
    assert rows.shape == (10, 30)
    for partition in (rows[:5], rows[5:]):
        assert sorted(partition.ravel().tolist()) == list(range(150))


def test_the_interval_is_that_of_the_rows(study: Path) -> None:
    verdict = json.loads((study / "verdict.json").read_text())
    truth = np.load(study / "rows" / "truth.npz")
    target = dict(zip(truth["rows"].tolist(), truth["target"].tolist(), strict=True))
    values, tested = {}, np.zeros((10, 150), dtype=bool)
    for arm in ("none", "l2", "dropout"):
        stored = np.load(study / "rows" / f"{arm}.npz")
        values[arm] = np.zeros((10, 150))
        for replicate, (rows, outputs) in enumerate(zip(stored["rows"], stored["outputs"], strict=True)):
            right = outputs.argmax(1) == np.array([target[row] for row in rows.tolist()])
            values[arm][replicate, rows] = right
            tested[replicate, rows] = True
    for arm in verdict["arms"]:
        rows = values[arm["name"]] - values["none"]
        difference = measure_difference(rows.sum(1) / 30, rows, describe_rows(tested))
        interval = difference.interval()
        assert arm["difference"] == pytest.approx(difference.mean, abs=1e-6)
        assert (arm["low"], arm["high"]) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_the_test_figures_are_those_of_the_fresh_runs_folders(study: Path) -> None:
    for _, row in read(study, "fresh.csv").iterrows():
        result = json.loads((study / row["run"] / "result.json").read_text())
        assert row["test_accuracy"] == result["best"]["test"]["accuracy"]
        assert row["epochs"] == result["epochs"]


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("number", range(60))
def test_a_trial_is_the_run_that_its_settings_make_alone(study: Path, number: int) -> None:
    """Cohort against alone: each search run again, as an ordinary run with the same cut, seed and settings."""
    trial = read(study, "trials.csv").iloc[number]
    partition, fold = divmod(int(trial["replicate"]), 5)
    split = {
        "method": "folds",
        "folds": 5,
        "fold": fold,
        "seed": draw_seed(0, "partition", partition),
        "val_seed": draw_seed(0, "validation", "search", int(trial["replicate"])),
        "equal": "true",
    }
    keys = [key for key in trial.index if "." in key and pd.notna(trial[key])]
    found = api.run(
        [
            *("dataset=iris", "model.widths=[8]", "schedule.epochs=4", f"regularizer={trial['arm']}"),
            f"schedule.optimizer.lr={float(trial['lr'])!r}",
            *(f"regularizer.{key}={float(trial[key])!r}" for key in keys),
            *(f"dataset.split.{key}={value}" for key, value in split.items()),
        ],
        seed=int(trial["seed"]),
    )
    assert found.best["val"]["loss"] == pytest.approx(trial["val_loss"], rel=1e-5)
    assert found.best_epoch == trial["best_epoch"]


def test_the_same_command_does_nothing_again(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(study)
    assert main(["bench", *WORDS]) == 0
    assert contents(study) == before
    assert "verdict" in capsys.readouterr().out


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize(
    "lost",
    [
        ("verdict.json", "report.html"),
        ("fresh.csv", "verdict.json", "report.html"),
        ("choices.json", "trials.csv", "fresh.csv", "verdict.json", "report.html"),
        ("generations/l2-0.csv", "choices.json", "trials.csv", "fresh.csv", "verdict.json", "report.html"),
    ],
    ids=lambda lost: lost[0],
)
def test_what_an_interruption_left_undone_is_done_to_the_same_bytes(study: Path, lost: tuple[str, ...]) -> None:
    before = contents(study)
    for name in lost:
        (study / name).unlink()
    assert main(["bench", *WORDS]) == 0
    assert contents(study) == before


def test_more_replicates_are_a_further_look(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read(study, "trials.csv")
    assert main(["bench", *WORDS, "--more", "3"]) == 0
    told = capsys.readouterr().out
    assert "number 2: it spends alpha 0.0125" in told
    for stage in ("search ", "confirm"):
        assert f"{stage}    [####################] 100 % " in told
    after = read(study, "trials.csv")
    pd.testing.assert_frame_equal(after[after["replicate"] < 10].reset_index(drop=True), before)
    verdict = json.loads((study / "verdict.json").read_text())
    assert (verdict["look"], verdict["replicates"]) == (2, 15)


def test_more_is_refused_until_the_last_look_is_complete(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = json.loads((study / "study.json").read_text())
    plan["looks"].append(15)
    plan["sizes"]["replicates"] = 15
    (study / "study.json").write_text(json.dumps(plan))
    assert main(["bench", *WORDS, "--more", "5"]) == 2
    assert "the study is not complete yet; give its command without --more first" in capsys.readouterr().err


def test_another_rope_only_judges_anew(study: Path) -> None:
    runs = {path: path.stat().st_mtime_ns for path in study.rglob("result.json")}
    assert main(["bench", *WORDS, "study.rope=0.9"]) == 0
    verdict = json.loads((study / "verdict.json").read_text())
    assert {arm["word"] for arm in verdict["arms"]} == {"no practical difference"}
    assert runs == {path: path.stat().st_mtime_ns for path in study.rglob("result.json")}


def test_fresh_begins_anew(study: Path) -> None:
    stays = study / "mine.txt"
    stays.write_text("a person's own")
    assert main(["bench", *change("study.trials=1", "study.replicates=5"), "resume=fresh"]) == 0
    assert len(read(study, "trials.csv")) == 15
    assert stays.exists()


@pytest.mark.matrix(cases=4)
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["study.trials=3"], "runs/s holds a study with study.trials=2, not 3"),
        (["study.seed=1"], r"runs/s holds another study: study.seed=0 there, 1 here"),
        (["schedule.epochs=9"], "schedule.epochs=4 there, 9 here"),
        (["dataset.label_noise=0.1"], "dataset.label_noise"),
        (["study.replicates=7", "name=new"], "it is a multiple of study.folds=5"),
        (["--more", "5", "name=new"], "there is no study in runs/new yet"),
        (["study.arms=[l3]"], "unknown technique l3"),
        (
            ["study.arms={big: [model=linear]}", "name=new"],
            "study.arms: big: model.widths=[8] holds for all arms, but this arm has model=linear, which has no such "
            "setting (allowed: initialisation, name); leave it out, or give it in the arms that have it",
        ),
        (
            ["study.arms={big: [model.width=[8]]}", "name=new"],
            "study.arms: big: model.width: unknown key; did you mean",
        ),
        (["regularizer=l2", "name=new"], "study.arms: l2 would be the baseline again"),
        (["study.arms={none: [regularizer=l2]}", "name=new"], "none has a meaning of its own"),
        (["study.metric=brier"], "study.metric=auto there, brier here"),
        (["study.metric=r2"], "study.metric=r2 is not measured on a classification"),
        (
            ["study.search={l2.strenght: [0.1, 1]}", "name=new"],
            "l2.strenght: no arm has this setting; did you mean",
        ),
        (["study.arms=[l2,smote]", "dataset=diabetes", "name=new"], "study.arms: smote: "),
        (["dataset.split.val=0", "name=new"], "dataset.split.val=0 is not allowed"),
        (["study.folds=60", "study.replicates=60", "name=new"], "class 'setosa' has 50 rows"),
        (["--mroe", "5"], "--mroe: unknown flag"),
        (["sweep.backend=submitit", "name=new"], "it trains on this machine"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_made_is_refused_in_one_line_and_nothing_is_written(
    study: Path, capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    before = {path: path.read_bytes() for path in study.parent.rglob("*") if path.is_file()}
    assert main(["bench", *change(*words)]) == 2
    errors = capsys.readouterr().err.strip()
    assert line in errors
    assert errors.count("\n") == 0
    assert before == {path: path.read_bytes() for path in study.parent.rglob("*") if path.is_file()}


def test_a_budget_that_is_too_little_names_the_smallest_that_is_not(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in WORDS if not word.startswith(("study.replicates", "study.trials", "name"))]
    assert main(["bench", *words, "study.budget=1s", "name=small"]) == 2
    assert "the smallest study (10 replicates x 4 trials) takes about" in capsys.readouterr().err
    assert not (study.parent / "small").exists()


def test_a_dry_run_writes_nothing(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *WORDS[:-5], *QUICK, "name=dry", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "nothing was written" in told
    assert not (study.parent / "dry").exists()


def test_arms_that_differ_in_name_alone_have_identical_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["dataset=iris", "study.arms={twin: [model.widths=[8]]}", "study.replicates=10", "study.trials=1", *QUICK]
    assert main(["bench", *words, "name=s"]) == 0
    assert "identical results" in capsys.readouterr().out
    verdict = json.loads((tmp_path / "runs" / "s" / "verdict.json").read_text())
    assert (verdict["arms"][0]["difference"], verdict["arms"][0]["word"]) == (0.0, "no practical difference")


def test_where_nothing_trains_nothing_is_compared_and_no_model_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each fresh run counts as a constant guess: its initial weights may be right by luck."""
    monkeypatch.chdir(tmp_path)
    search = "study.search={schedule.optimizer.lr: [1e20, 1e30]}"
    sgd = ["dataset=iris", "schedule/optimizer=sgd", "study.arms=[l2]", "study.replicates=10", "study.trials=2"]
    assert main(["bench", *sgd, search, *QUICK, "name=s", "--final"]) == 1
    told = capsys.readouterr()
    assert "Nothing can be compared: every fresh run of none diverged" in told.out
    assert "--final: no setting trained" in told.err
    verdict = json.loads((tmp_path / "runs" / "s" / "verdict.json").read_text())
    assert verdict["baseline"]["mean"] == pytest.approx(1 / 3)
    assert verdict["arms"][0]["diverged"] == [20, 20]
    assert verdict["final"] == []


def test_a_column_that_says_how_rows_are_cut_is_no_input_of_the_final_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    lines = [
        f"{a:.4f},{b:.4f},p{number % 12},{'yes' if a > 0 else 'no'}"
        for number, (a, b) in enumerate(generator.normal(size=(96, 2)))
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,patient,y", *lines, ""]))
    data = ["dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "dataset.split.groups=patient"]
    words = [*data, "dataset.split.method=groups", "study.arms=[l2]", "study.replicates=5", "study.trials=1", "name=s"]
    assert main(["bench", *words, *QUICK, "--final", "-q"]) == 0
    plan = json.loads((tmp_path / "runs" / "s" / "study.json").read_text())
    (result,) = (tmp_path / "runs" / "s-final").glob("*/result.json")
    assert json.loads(result.read_text())["parameters"] == plan["network"]["parameters"]


def test_python_has_the_same_figures_as_tables(study: Path) -> None:
    found = api.study(WORDS)
    verdict = json.loads((study / "verdict.json").read_text())
    assert found.words == {arm["name"]: arm["word"] for arm in verdict["arms"]}
    assert found.arms["difference"].to_dict() == {arm["name"]: arm["difference"] for arm in verdict["arms"]}
    assert len(found.trials) == 60
    assert found.complete


def test_the_final_model_is_trained_on_all_rows_and_predicts(study: Path) -> None:
    from regbench import load_model

    assert main(["bench", *WORDS, "--final", "-q"]) == 0
    (folder,) = (path for path in (study.parent / "s-final").iterdir() if (path / "result.json").exists())
    result = json.loads((folder / "result.json").read_text())
    assert result["rows"] == {"train": 150, "val": 0, "test": 0}
    assert load_model(folder)(np.zeros((3, 4))).shape == (3, 3)


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("sampler", ["sobol", "tpe"])
def test_finalists_are_run_twice_more_and_the_best_mean_is_chosen(
    sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TPE proposes its second generation anew from what is stored, so that it goes on to the same bytes."""
    if sampler == "tpe":
        pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    sizes = ["study.replicates=2", "study.trials=32", "study.finalists=2", f"study.sampler={sampler}", "study.folds=2"]
    words = ["dataset=iris", "study.arms=[l2]", *sizes, *QUICK, "schedule.epochs=2", "name=s"]
    words.remove("schedule.epochs=4")
    assert main(["bench", *words]) == 0
    study = tmp_path / "runs" / "s"
    trials = read(study, "trials.csv")
    assert trials.groupby("repeat").size().to_dict() == {0: 2 * 2 * 32, 1: 2 * 2 * 2, 2: 2 * 2 * 2}
    for _, own in trials.groupby(["arm", "replicate"]):
        means = own[own["trial"].isin(own.loc[own["repeat"] == 1, "trial"])].groupby("trial")[
            ["val_accuracy", "val_loss"]
        ]
        best = means.mean().sort_values(["val_accuracy", "val_loss"], ascending=[False, True]).index[0]
        assert set(own.loc[own["chosen"] == 1, "trial"]) == {best}
    before = contents(study)
    for name in (
        *TABLES[:5],
        *(f"generations/l2-0{mark}.csv" for mark in ("f", *(["g1"] if sampler == "tpe" else []))),
    ):
        (study / name).unlink()
    assert main(["bench", *words]) == 0
    assert contents(study) == before


def test_compare_says_the_same_of_the_files(study: Path) -> None:
    """Outputs lie in single precision in rows/, and figures in verdict.json with six digits."""
    from regbench.studies.judging_again import Asked, judge_again
    from regbench.studies.study_files import read_study

    stored = json.loads((study / "verdict.json").read_text())
    again = judge_again(read_study(str(study)), Asked()).content
    assert [arm["name"] for arm in again["arms"]] == [arm["name"] for arm in stored["arms"]]
    for arm, before in zip(again["arms"], stored["arms"], strict=True):
        for key in ("mean", "difference", "low", "high", "low_all", "high_all", "p_adjusted", "q_row", "wins"):
            assert arm[key] == pytest.approx(before[key], rel=1e-4, abs=1e-9), (arm["name"], key)
        assert (arm["word"], arm["needs"] is None) == (before["word"], before["needs"] is None)
        assert arm["cost"]["train_ratio"] == pytest.approx(before["cost"]["train_ratio"], rel=1e-4)
    for key in ("headline", "how", "notes"):
        assert again[key] == stored[key]


def test_compare_measures_on_the_rows_what_the_runs_measured(study: Path) -> None:
    from regbench.studies.judging_again import Asked, judge_again
    from regbench.studies.study_files import read_study

    again = judge_again(read_study(str(study)), Asked(metric="brier")).content
    fresh = read(study, "fresh.csv")
    means = fresh.groupby("arm")["test_brier"].mean()
    for arm in [again["baseline"], *again["arms"]]:
        assert arm["mean"] == pytest.approx(means[arm["name"]], rel=1e-4)
