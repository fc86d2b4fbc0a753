"""Curves of a study: nested parts of the training rows, wrong labels, their cost and their figures."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from pandas import DataFrame, concat
from scipy import stats

from regbench.config.run_config import RunConfig
from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.search_split import list_parts
from regbench.studies.curve_figures import describe_curves, find_halved, list_row_notes
from regbench.studies.curve_points import SHARES, CurvePoint, count_rows, list_points, move_to, tell_apart
from regbench.studies.curve_runs import CurveRun, find_refused
from regbench.studies.cuts import FRESH, CutRule
from regbench.studies.diagnosis import Name
from regbench.studies.fresh import FreshRun
from regbench.studies.judging import Judged
from regbench.studies.outputs import ReplicateOutputs
from regbench.studies.plan import Pilot, Sizes, estimate_seconds
from regbench.studies.study_diagnosis import diagnose_study
from regbench.studies.variants import vary
from tests.unit.studies.test_study_diagnosis import REFERENCES, runs

STOP = {"name": "metric", "monitor": "val_loss", "patience": 10}
CONFIG = RunConfig(
    dataset={"name": "iris", "split": {"method": "random", "seed": 0, "val": 0.2}, "label_noise": 0.0},
    model={"name": "mlp", "widths": [8]},
    schedule={"optimizer": {"name": "adam", "lr": 0.001}, "epochs": 20, "batch_size": 16, "stop": STOP},
)
WHOLE = 90
"""Training rows of a replicate of iris: 60 %."""

RULE = CutRule("kfold", 5, 7, False, {})


def fresh(replicate: int) -> RunConfig:
    return vary(CONFIG, {}, 3, RULE.settings(replicate, FRESH))


@pytest.mark.parametrize("replicate", [0, 4, 7])
def test_each_part_of_the_training_rows_lies_within_the_next_with_the_shares_of_the_classes(replicate: int) -> None:
    parts, tested = [], []
    for share in (*SHARES, 1.0):
        dataset = build_dataset(move_to(fresh(replicate), CurvePoint(share, 0.0), WHOLE, 3).dataset)
        raw = dataset.read()
        cut = list_parts(dataset, raw)
        parts.append(set(cut.train.tolist()))
        tested.append((cut.val.tolist(), cut.test.tolist()))
        counts = np.bincount(raw.y[cut.train], minlength=3)
        assert counts.sum() == round(share * WHOLE)
        assert counts.max() - counts.min() <= 1
    assert all(one < other for one, other in pairwise(parts))
    assert all(rows == tested[0] for rows in tested)


def test_a_tenth_of_the_labels_is_wrong_in_rows_of_which_more_are_wrong_at_a_fifth() -> None:
    config = fresh(1)
    labels = []
    for noise in (0.0, 0.1, 0.2):
        dataset = build_dataset(move_to(config, CurvePoint(1.0, noise), WHOLE, 3).dataset)
        labels.append(prepare(dataset, dataset.read()).train.y)
    wrong = [set(np.flatnonzero(own != labels[0]).tolist()) for own in labels[1:]]
    assert [len(rows) for rows in wrong] == [9, 18]
    assert wrong[0] < wrong[1]


def test_no_part_has_less_than_a_row_of_each_class_and_equal_parts_are_one() -> None:
    assert [count_rows(share, 30, 10) for share in SHARES] == [10, 10, 15]
    points = tell_apart(list_points("classification", 0.0), 30, 10)
    assert [(point.share, point.label_noise) for point in points] == [(0.25, 0.0), (0.5, 0.0), (1.0, 0.1), (1.0, 0.2)]
    assert [point.share for point in tell_apart(list_points("classification", 0.0), 10, 10)] == [1.0, 1.0]


def test_only_classes_can_be_wrong_and_the_share_as_typed_is_the_fresh_run() -> None:
    assert [point.share for point in list_points("regression", 0.0)] == list(SHARES)
    assert [point.label_noise for point in list_points("classification", 0.1)] == [0.1, 0.1, 0.1, 0.2]


@pytest.mark.parametrize("share", SHARES)
def test_fewer_rows_are_trained_as_many_updates_and_waited_for_as_many(share: float) -> None:
    moved, rows = move_to(CONFIG, CurvePoint(share, 0.0), WHOLE, 3), count_rows(share, WHOLE, 3)
    epoch, whole = -(-rows // 16), -(-WHOLE // 16)
    for limit, updates in ((moved.schedule["epochs"], 20 * whole), (moved.schedule["stop"], 10 * whole)):
        number = limit["patience"] if isinstance(limit, dict) else limit
        assert isinstance(number, int)
        assert (number - 1) * epoch < updates <= number * epoch
    assert (moved.seed, moved.model, moved.dataset["split"]) == (CONFIG.seed, CONFIG.model, CONFIG.dataset["split"])


def test_a_batch_holds_no_more_than_all_rows() -> None:
    moved = move_to(vary(CONFIG, {"schedule.batch_size": 64}, 0), CurvePoint(0.125, 0.0), WHOLE, 3)
    assert moved.schedule["batch_size"] == moved.dataset["train_size"] == 11
    assert moved.schedule["epochs"] == 20 * 2


def test_runs_on_all_rows_at_once_have_one_update_an_epoch_whatever_the_rows() -> None:
    config = vary(CONFIG, {"schedule.batch_size": "full"}, 0)
    assert move_to(config, CurvePoint(0.125, 0.0), WHOLE, 3).schedule == config.schedule


def test_an_arm_that_needs_more_rows_is_left_out_at_that_point() -> None:
    """SMOTE interpolates between neighbours, which a class of a single row has not."""
    smote = {"smote": {"name": "smote", "strength": 1.0, "neighbours": 5}}
    config = replace(fresh(0), regularizers=smote, dataset={**fresh(0).dataset, "imbalance": 6.0})
    points = [CurvePoint(0.125, 0.0), CurvePoint(1.0, 0.1)]
    made = [CurveRun(point, FreshRun("smote", 0, 3, {}, move_to(config, point, 48, 3)), anew=True) for point in points]
    refused = find_refused(made)
    assert list(refused) == [("smote", points[0])]
    assert "smote" in refused["smote", points[0]]


def test_the_estimate_counts_them_for_the_baseline_and_an_arm_of_mean_cost() -> None:
    one, other = (Pilot(10.0, 5, 4, cost, cost, 0.1, 0.0, 1000, 10) for cost in (0.01, 0.03))
    sizes = Sizes(20, 8, 0)
    more = estimate_seconds([one, other], sizes, 2, 5) - estimate_seconds([one, other], sizes, 2)
    assert more == pytest.approx(20 * 5 * (one.run_seconds + other.run_seconds) / 2)


def table(half: float, whole: float) -> DataFrame:
    """Rows of curves.csv: ten replicates of the baseline on half and on all of 80 training rows."""
    rows = [
        {
            "arm": "none",
            "replicate": replicate,
            "share": share,
            "train_rows": 80 * share,
            "label_noise": 0.0,
            "anew": int(share < 1),
            "status": "complete",
            "val_accuracy": mean + 0.002 * replicate,
            "test_accuracy": mean + 0.001 * replicate,
        }
        for share, mean in ((0.5, half), (1.0, whole))
        for replicate in range(10)
    ]
    return DataFrame(rows)


def judged() -> Judged:
    """A study of ten replicates, as far as its curves ask for it: two classes, of which three rows of four are one."""
    part = ReplicateOutputs(
        replicate=0,
        rows=np.arange(4),
        outputs={},
        target=np.array([0, 0, 0, 1]),
        weight=np.ones(4),
        constant=np.array([0.0, -1.0]),
    )
    parts = [ReplicateOutputs(**{**vars(part), "replicate": number}) for number in range(10)]
    evidence = SimpleNamespace(task="classification", outputs=parts)
    metric = SimpleNamespace(name="accuracy", higher_is_better=True)
    found = SimpleNamespace(
        plan=SimpleNamespace(metric="accuracy"),
        evidence=evidence,
        sign=1.0,
        metric=metric,
        verdict=SimpleNamespace(baseline="none"),
    )
    return cast(Judged, found)


def test_a_point_is_a_mean_with_its_t_interval() -> None:
    rows = table(0.6, 0.8)
    curve = describe_curves(judged(), rows)["learning"]["none"]
    assert (curve["share"], curve["rows"], curve["runs"]) == ([0.5, 1.0], [40, 80], [10, 10])
    values = rows.loc[rows["share"] == 0.5, "test_accuracy"]
    low, high = stats.t.interval(0.95, 9, values.mean(), stats.sem(values))
    assert (curve["mean"][0], curve["low"][0], curve["high"][0]) == pytest.approx((values.mean(), low, high))
    assert describe_curves(judged(), rows)["label_noise"] == {}


def test_a_run_that_never_trained_counts_as_a_constant_guess() -> None:
    rows = table(0.6, 0.8)
    rows.loc[:9, "status"], rows.loc[:9, "test_accuracy"] = "diverged", np.nan
    curve = describe_curves(judged(), rows)["learning"]["none"]
    assert curve["mean"][0] == pytest.approx(0.75)
    rows.loc[:9, "status"] = "failed"
    assert describe_curves(judged(), rows)["learning"]["none"]["runs"] == [0, 10]


@pytest.mark.parametrize(("fall", "short"), [(0.06, True), (0.04, False)])
def test_a_baseline_that_half_its_rows_make_worse_is_short_of_data(fall: float, short: bool) -> None:
    """The constant prediction errs on 0.9 of the rows: 0.05 of that is 4.5 points."""
    half = find_halved(table(0.82 - fall, 0.82).assign(best_epoch=7), "none")
    half["val_accuracy"] = 0.82 - fall + 0.001 * half["replicate"]
    own = runs("none", 0.82, 0.82, 0.82)
    unstopped = own.assign(arm="unstopped", last_train_accuracy=0.82)
    found = diagnose_study(concat([own, unstopped, half]), REFERENCES, "accuracy", "none", 60)
    assert found is not None
    assert (Name.SHORT_OF_DATA in found.names) is short
    assert found.figures["halved"].mean == pytest.approx(fall / 0.9)


def test_a_note_says_what_half_of_the_rows_cost_where_the_diagnosis_is_short_of_data() -> None:
    curves = describe_curves(judged(), table(0.6, 0.8))
    verdict = {**curves, "leader": "l2", "arms": [{"name": "l2", "difference": 0.012}]}
    short, well = ({"names": [name]} for name in ("short of data", "fits well"))
    (note,) = list_row_notes(judged(), {**verdict, "diagnosis": short})
    assert note == (
        "more rows would help: half of the 80 training rows take accuracy from 80.5 % to 60.5 % (none); the best "
        "technique, l2, changes it by +1.2"
    )
    assert list(list_row_notes(judged(), {**verdict, "diagnosis": well})) == []
    assert list(list_row_notes(judged(), {**verdict, "diagnosis": None})) == []
