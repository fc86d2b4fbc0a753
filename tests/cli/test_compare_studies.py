"""`regbench compare` of studies: judged again from their files, and compared over data sets."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from regbench.sweeps.manifest import describe, register
from tests.cli.session import Session
from tests.cli.study_folders import MARGIN, ROWS, write_study
from tests.unit.sweeps.folders import DATASET, configure, put_result, result

NONE = [10, 11, 9, 12, 10, 11, 10, 9, 12, 10]
L2 = [count + gain for count, gain in zip(NONE, [3, 4, 3, 2, 4, 3, 3, 4, 2, 3], strict=True)]
EMA = list(reversed(NONE))
RIGHT = {"none": NONE, "l2": L2, "ema": EMA}
NAMES = ("iris", "wine", "digits", "moons", "circles", "spirals", "cancer")


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which nothing is wrapped, whatever runs the tests."""
    monkeypatch.setenv("COLUMNS", "120")


def cells(session: Session, arm: str) -> list[str]:
    """The words of an arm's first line."""
    return next(line.split() for line in session.out.splitlines() if line.startswith(arm))


def write_all(count: int, right: dict[str, list[int]] = RIGHT, reference: float | None = 0.8) -> list[str]:
    return [write_study(name, right, reference=reference) for name in NAMES[:count]]


def test_rows_that_are_tested_once_give_the_interval_of_a_t_test(regbench: Session) -> None:
    assert regbench("compare", write_study("iris", RIGHT), "--require", "l2=better") == 0
    gains = (np.array(L2) - NONE) / ROWS
    ends = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    told = [f"{100 * np.mean(L2) / ROWS:.1f}", f"+{100 * gains.mean():.1f}"]
    interval = f"[{100 * ends.low:+.1f}, {100 * ends.high:+.1f}]"
    line = next(line for line in regbench.out.splitlines() if line.startswith("l2"))
    assert [cells(regbench, "l2")[1], cells(regbench, "l2")[3]] == told
    assert interval in line
    assert line.split()[-3:] == ["better", "2.0", "10/10"]
    assert "verdict    Use l2: better than the same network without it by " in regbench.out
    assert "how        'regularizer=[l2]'" in regbench.out
    assert regbench.err == ""


def test_any_figure_of_the_rows_can_be_judged(regbench: Session) -> None:
    assert regbench("compare", write_study("iris", RIGHT), "--metric", "log_loss") == 0
    wrong, right = math.log1p(math.exp(MARGIN)), math.log1p(math.exp(-MARGIN))
    share = np.mean(L2) / ROWS
    assert cells(regbench, "l2")[1] == f"{share * right + (1 - share) * wrong:.4f}"
    assert "log_loss (lower is better)" in regbench.out
    assert "the arms were tuned by validation accuracy, and are judged by log_loss" in regbench.out
    assert "no practical difference is taken as 0.01 of log_loss (nats): --rope X" in regbench.out


def test_a_figure_without_row_values_is_that_of_the_runs(regbench: Session) -> None:
    assert regbench("compare", write_study("iris", RIGHT), "--metric", "loss") == 0
    assert cells(regbench, "l2")[1] == f"{np.mean([1 / count for count in L2]):.4f}"
    assert "no row values of loss here" in regbench.out


def test_without_outputs_of_rows_the_runs_own_figure_is_judged(regbench: Session) -> None:
    study = write_study("iris", RIGHT)
    (Path(study) / "rows" / "l2.npz").unlink()
    assert regbench("compare", study) == 0
    assert cells(regbench, "l2")[1] == f"{100 * np.mean(L2) / ROWS:.1f}"
    assert "no row values of accuracy here" in regbench.out
    assert "allowed: loss, accuracy;" in refuse(regbench, study, "--metric", "auc")


def test_another_arm_can_be_the_baseline(regbench: Session) -> None:
    assert regbench("compare", write_study("iris", RIGHT), "--baseline", "l2", "--require", "none=worse") == 0
    assert "Nothing is better than l2" in regbench.out
    assert cells(regbench, "none")[-3:] == ["worse", "0.5", "0/10"]
    assert cells(regbench, "l2")[3:] == ["baseline", "1.0"]


def test_a_wider_rope_makes_it_no_practical_difference(regbench: Session) -> None:
    study = write_study("iris", RIGHT)
    assert regbench("compare", study, "--rope", "0.3", "--require", "l2=no_difference") == 0
    assert "none changes accuracy by more than 30 points" in regbench.out
    assert regbench("compare", study, "--require", "l2=no_difference") == 3
    assert regbench.err == "regbench: l2 is better, not no practical difference, as --require asks\n"


def test_a_run_that_diverged_counts_as_a_constant_guess(regbench: Session) -> None:
    """The constant predictor says the first class everywhere, which is right on half the rows."""
    assert regbench("compare", write_study("iris", RIGHT, lost=[("l2", 4)]), "--metric", "balanced_accuracy") == 0
    expected = (sum(L2) - L2[4] + ROWS / 2) / ROWS / len(L2)
    assert cells(regbench, "l2")[1] == f"{100 * expected:.1f}"
    assert "l2: 1 fresh run diverged and count as a constant guess" in regbench.out


def test_nothing_is_written(regbench: Session) -> None:
    folders = write_all(2)
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    assert regbench("compare", *folders) == 0
    assert regbench("compare", folders[0], "--metric", "brier") == 0
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


def refuse(session: Session, *words: str) -> str:
    """Return the one line with which a comparison is refused."""
    assert session("compare", *words) == 2, session.out
    assert session.out == ""
    assert len(session.err.splitlines()) == 1
    return session.err


def test_mistakes_are_one_line(regbench: Session) -> None:
    study, other = write_all(2)
    assert "--metric acc is not measured on a classification" in refuse(regbench, study, "--metric", "acc")
    assert "--metric r2 is not measured on a classification" in refuse(regbench, study, "--metric", "r2")
    said = refuse(regbench, study, "--metric", "macro_f1")
    assert "loss, accuracy, balanced_accuracy, auc, log_loss, brier" in said
    assert "study.metric=macro_f1" in said
    assert "--baseline l3: no such arm; allowed: ema, l2, none" in refuse(regbench, study, "--baseline", "l3")
    assert "no such arm besides the baseline" in refuse(regbench, study, other, "--require", "none=better")
    Path("runs/sweep").mkdir()
    assert "runs/sweep is not" in refuse(regbench, "runs/sweep", study)


@pytest.mark.parametrize("file", ["study.json", "verdict.json", "fresh.csv", "rows/l2.npz", "rows/truth.npz"])
def test_damaged_files_are_one_line(regbench: Session, file: str) -> None:
    study = write_study("iris", RIGHT)
    (Path(study) / file).write_bytes(b"\0[")
    assert study in refuse(regbench, study)


def test_a_study_that_was_not_judged_yet_is_refused(regbench: Session) -> None:
    study = write_study("iris", RIGHT)
    (Path(study) / "verdict.json").unlink()
    assert "is not judged yet; give its command again" in refuse(regbench, study)
    (Path(study) / "study.json").write_text(json.dumps({"schema": 2}))
    assert "another version of regbench" in refuse(regbench, study)


def test_two_studies_of_the_same_data_are_refused(regbench: Session) -> None:
    study, thinned = write_study("iris", RIGHT), write_study("iris", RIGHT, name="thinned")
    plan = json.loads((Path(thinned) / "study.json").read_text())
    plan["data"]["checksum"], plan["identity"]["dataset"]["train_size"] = "others", 50
    (Path(thinned) / "study.json").write_text(json.dumps(plan))
    said = refuse(regbench, study, thinned)
    assert "runs/bench-iris-mlp and runs/thinned are studies of the same data (iris)" in said
    assert "belong into one study" in said
    assert "same data" in refuse(regbench, study, study)


def test_under_five_data_sets_there_is_the_table_alone(regbench: Session) -> None:
    assert regbench("compare", *write_all(4), "--require", "l2=better") == 0
    lines = regbench.out.splitlines()
    assert lines[0] == "accuracy of 3 arms on 4 data sets"
    assert lines[1].split() == ["arm", "mean", "rank", *NAMES[:4]]
    figure = f"{100 * np.mean(L2) / ROWS:.1f} % +"
    assert lines[2].split() == ["l2", "1.00", *" ".join([figure] * 4).split()]
    assert [line.split()[1] for line in lines[3:5]] == ["2.50", "2.50"], "equal means share their ranks"
    assert "the table alone: 4 data sets are too few to test anything over data sets, which takes 5" in regbench.out
    assert "verdict" not in regbench.out


def test_an_arm_that_is_best_on_six_of_six_is_better_than_the_only_other(regbench: Session) -> None:
    """Of two arms, six equal signs are the least that a signed-rank test at 5 % can tell apart: 2/2^6 = 0.03."""
    right = {"none": NONE, "l2": L2}
    folders = write_all(6, right)
    assert regbench("compare", *folders) == 0
    assert "verdict    Use l2: better than none over 6 data sets, all pairs of arms accounted for." in regbench.out
    assert "apart      l2 > none" in regbench.out
    assert regbench("compare", *folders[:5]) == 0
    assert (
        "Undecided over 5 data sets: l2 has the best mean rank, 1.00, and is not told apart from none" in regbench.out
    )
    assert "cannot tell two of 2 arms apart, however large the differences: it takes 6" in regbench.out


def test_what_is_true_over_data_sets_is_told_without_p_values(regbench: Session) -> None:
    assert regbench("compare", *write_all(7, {"none": NONE, "l2": L2, "sam": [c - 4 for c in NONE]})) == 0
    assert "Use l2: better than none over 7 data sets" in regbench.out
    assert "apart      l2 > none, l2 > sam, none > sam" in regbench.out
    lines = regbench.out.splitlines()
    drawing = lines[lines.index(next(line for line in lines if line.startswith("mean rank "))) :][:4]
    assert drawing[0].split() == ["mean", "rank", "1", "2", "3"]
    assert [line.split()[:2] for line in drawing[1:]] == [
        ["l2", "o-------------------|-------------------|"],
        ["none", "|-------------------o-------------------|"],
        ["sam", "|-------------------|-------------------o"],
    ]
    # q_0.05 = 2.343 of three arms: 2.343 sqrt(3 x 4 / (6 x 7)) = 1.25, so that neighbours share a bar.
    assert [line.split()[3:] for line in drawing[1:]] == [["|"], ["||"], ["|"]]
    assert "critical difference of mean ranks, 1.25" in regbench.out
    table = [line.split() for line in lines[lines.index(drawing[-1]) + 2 :][:4]]
    assert table[1][:6] == ["l2", "better", "100", "%", "0", "%"]
    assert table[3][1] == "worse"
    assert not [word for word in regbench.out.split() if word in ("p", "p-value", "significant", "significantly")]


def test_one_scale_runs_from_a_constant_guess_to_the_best_reference(regbench: Session) -> None:
    """All data sets are alike: the interquartile mean is that of the replicates, 0 at 0.5 and 1 at 0.8."""
    assert regbench("compare", *write_all(5)) == 0
    middle = sorted(5 * [(count / ROWS - 0.5) / 0.3 for count in L2])[12:38]
    line = next(line for line in regbench.out.splitlines() if line.startswith("l2") and "told apart" in line)
    assert f"{np.mean(middle):.3f}  [" in line
    assert line.split()[-8:] == ["100", "%", "0", "%", "0", "%", "0", "%"], "its mean, 0.58, reaches 0.5 alone"
    beats = np.mean([(one > other) + (one == other) / 2 for one in L2 for other in NONE])
    assert f"{100 * beats:.0f} %" in line
    assert regbench("compare", *write_all_without_reference()) == 0
    assert "on one scale, 95 % interval" not in regbench.out
    assert "scores on one scale: no data set, because there are no reference models in this figure" in regbench.out


def test_a_narrow_terminal_gets_the_same_in_more_lines(regbench: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = write_all(7)
    assert regbench("compare", *folders) == 0
    wide = sorted(set(regbench.out.split()))
    monkeypatch.setenv("COLUMNS", "72")
    assert regbench("compare", *folders) == 0
    assert max(map(len, regbench.out.splitlines())) <= 72
    assert sorted(set(regbench.out.split())) == wide


def write_all_without_reference() -> list[str]:
    return [write_study(f"{name}2", RIGHT, reference=None) for name in NAMES[:5]]


def test_arms_that_not_all_data_sets_have_are_named_and_left_out(regbench: Session) -> None:
    folders = [write_study("iris", RIGHT), write_study("wine", {"none": NONE, "l2": L2})]
    assert regbench("compare", *folders) == 0
    assert "accuracy of 2 arms on 2 data sets" in regbench.out
    assert "note       ema left out: it is not in wine" in regbench.out
    alone = write_study("moons", {"none": NONE, "sam": L2})
    assert "no arm besides none is in all 3 data sets" in refuse(regbench, *folders, alone)
    other = write_study("circles", {"l2": L2, "none": NONE})
    assert "different baselines (l2 and none)" in refuse(regbench, folders[0], other)
    assert regbench("compare", folders[0], other, "--baseline", "none") == 0


def test_data_sets_of_one_name_are_told_apart_by_their_studies(regbench: Session) -> None:
    folders = [write_study("t.csv", RIGHT, name=name) for name in ("first", "second")]
    for folder in folders:
        plan = json.loads((Path(folder) / "study.json").read_text())
        plan["data"]["checksum"], plan["identity"]["dataset"]["path"] = folder, f"{folder}/t.csv"
        (Path(folder) / "study.json").write_text(json.dumps(plan))
    assert regbench("compare", *folders) == 0
    assert regbench.out.splitlines()[1].split() == ["arm", "mean", "rank", "first", "second"]


def test_sweeps_over_several_data_sets_are_summed_up_after_their_own_tables(regbench: Session) -> None:
    folder = Path("runs/mine")
    runs = [
        (configure(techniques, seed, dataset={**DATASET, "name": data}), 0.7 + gain + seed / 1000)
        for data in ("digits", "iris", "wine", "moons", "circles", "cancer")
        for techniques, gain in (({}, 0.0), ({"l2": {"strength": 0.1}}, 0.1))
        for seed in range(10)
    ]
    planned = describe([config for config, _ in runs])
    register(folder, planned)
    for run, (_, figure) in zip(planned, runs, strict=True):
        put_result(folder, run, result(0.9, figure))
    assert regbench("compare", str(folder)) == 0
    assert regbench.out.count("verdict    Use l2: better than the same network without it") == 6
    before, summary = regbench.out.split("accuracy of 2 arms on 6 data sets\n")
    assert "dataset=cancer" in before
    assert summary.splitlines()[1].split()[:2] == ["l2", "1.00"]
    assert "Use l2: better than none over 6 data sets" in summary
