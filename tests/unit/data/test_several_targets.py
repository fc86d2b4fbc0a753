"""Several numbers to predict, and labels of which any number may hold: read or refused, each in its own unit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MultiLabelBinarizer

from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.records import Raw, Split
from regbench.errors import ConfigError
from tests.unit.data.test_tables import READERS, ROW, N, load_csv, refusal, train_rows

RED, BLUE = ROW % 2, (ROW % 3 == 0).astype(int)
TAGS = ["; ".join(name for name, held in (("red", a), ("blue", b)) if held) for a, b in zip(RED, BLUE, strict=True)]


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"row": ROW, "p": ROW**2.0, "q": 1e6 * np.sin(ROW), "red": RED, "blue": BLUE, **columns})


def targets(split: Split) -> np.ndarray:
    """Return the targets `[N, K]` in the order of the file and in their own units."""
    parts = (split.train, split.val, split.test)
    y = np.empty((N, parts[0].y.shape[1]))
    for part in parts:
        y[part.x[:, 0].astype(int)] = part.y
    return y * (split.target_scale or 1.0) + (split.target_mean or 0.0)


NUMBERS = {"target": ["p", "q"], "drop": ["red", "blue"]}
LABELS = {"target": ["red", "blue"], "drop": ["p", "q"]}
LISTED = {"target": "tags", "target_separator": ";", "drop": ["p", "q", "red", "blue"]}


class TestNumbers:
    @READERS
    def test_each_is_standardised_by_itself_on_the_training_rows(self, tmp_path: Path, read: Any) -> None:
        split = read(tmp_path, table(), **NUMBERS)
        assert (split.task, split.preprocessing.outputs, split.features) == ("regression", ("p", "q"), ("row",))
        expected = table()[["p", "q"]].to_numpy()
        trained = expected[train_rows(split)]
        np.testing.assert_allclose(split.target_mean, trained.mean(0), rtol=1e-12)
        np.testing.assert_allclose(split.target_scale, trained.std(0), rtol=1e-12)
        np.testing.assert_allclose(targets(split), expected, rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(split.train.y.std(0), 1.0, rtol=1e-12)

    def test_they_can_stay_as_they_are(self, tmp_path: Path) -> None:
        split = load_csv(tmp_path, table(), **NUMBERS, standardize_target=False)
        assert (split.target_mean, split.target_scale) == ((0.0, 0.0), (1.0, 1.0))
        np.testing.assert_array_equal(split.train.y, table()[["p", "q"]].to_numpy()[train_rows(split)])

    def test_a_list_of_one_is_that_one(self, tmp_path: Path) -> None:
        one, listed = (load_csv(tmp_path, table(), target=target) for target in ("p", ["p"]))
        assert one.checksum == listed.checksum
        assert one.train.y.ndim == listed.train.y.ndim == 1

    @pytest.mark.parametrize("scale", [1e24, 1e-24])
    def test_huge_and_tiny_ones_are_standardised_in_float64(self, tmp_path: Path, scale: float) -> None:
        split = load_csv(tmp_path, table(q=scale * (7.0 + np.sin(ROW))), **NUMBERS)
        np.testing.assert_allclose(
            split.train.y, (targets(split)[train_rows(split)] - split.target_mean) / split.target_scale
        )
        np.testing.assert_allclose(split.train.y.mean(0), 0.0, atol=1e-12)
        np.testing.assert_allclose(split.train.y.std(0), 1.0, rtol=1e-12)

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            (
                {"q": np.full(N, 2.0)},
                "the target 'q' cannot be standardised, its deviation over the training rows is 0",
            ),
            ({"q": 1e200 * np.sin(ROW)}, "the values of the target 'q' are too large to standardise"),
            ({"q": 1e-200 * np.sin(ROW)}, "the values of the target 'q' are too small to standardise"),
            ({"q": np.where(ROW == 4, np.nan, ROW)}, "column 'q', row 5: the target is missing"),
            ({"q": np.where(ROW == 4, np.inf, ROW)}, "column 'q', row 5: 'inf' is not a number"),
            (
                {"q": np.where(ROW % 2 == 0, "no", "yes")},
                "column 'q', row 1: 'no' is not a number; several targets are",
            ),
        ],
    )
    def test_what_cannot_be_predicted_is_refused(self, tmp_path: Path, columns: Any, message: str) -> None:
        assert message in refusal(tmp_path, table(**columns), **NUMBERS)

    def test_classes_are_one_target(self, tmp_path: Path) -> None:
        said = refusal(tmp_path, table(), **LABELS, task="classification")
        assert "dataset.task=classification is not allowed; it takes one target, and dataset.target names 2" in said


class TestLabels:
    @READERS
    @pytest.mark.parametrize(
        ("red", "blue"), [(RED, BLUE), (RED == 1, BLUE == 1), (RED.astype(float), np.where(BLUE, "True", "false"))]
    )
    def test_columns_of_zeros_and_ones_or_truth_values(self, tmp_path: Path, read: Any, red: Any, blue: Any) -> None:
        split = read(tmp_path, table(red=red, blue=blue), **LABELS)
        assert (split.task, split.preprocessing.outputs, split.classes) == ("multilabel", ("red", "blue"), ())
        np.testing.assert_array_equal(targets(split), np.stack([RED, BLUE], 1))
        assert split.reading.notes[0] == (
            "task multilabel: inferred because the 2 targets are all 0 or 1; dataset.task=regression otherwise"
        )
        assert ": multilabel, 2 labels; rows: 36 training" in split.reading.lines()[0]

    def test_the_task_can_be_given(self, tmp_path: Path) -> None:
        assert (
            load_csv(tmp_path, table(), **LABELS, task="multilabel").reading.notes[:-1] == ()
        )  # the last one is on the column that numbers the rows
        assert load_csv(tmp_path, table(), **LABELS, task="regression").task == "regression"
        one = load_csv(tmp_path, table(), target="red", task="multilabel")
        assert (one.train.y.shape, one.preprocessing.outputs) == ((36, 1), ("red",))

    @READERS
    def test_texts_that_list_labels_equal_scikit_learns(self, tmp_path: Path, read: Any) -> None:
        split = read(tmp_path, table(tags=TAGS), **LISTED)
        expected = MultiLabelBinarizer().fit([[]] + [tags.split("; ") if tags else [] for tags in TAGS])
        assert split.preprocessing.outputs == tuple(expected.classes_) == ("blue", "red")
        sets = [tags.split("; ") if tags else [] for tags in TAGS]
        np.testing.assert_array_equal(targets(split), expected.transform(sets))
        empty = sum(not tags for tags in TAGS)
        assert split.reading.notes[0].endswith(f"column 'tags': {empty} row(s) have none of the 2 labels")

    def test_numbers_can_be_labels_and_stay_as_they_are_written(self, tmp_path: Path) -> None:
        codes = [["007", "7", "007|7"][row % 3] for row in ROW]
        split = load_csv(tmp_path, table(tags=codes), **{**LISTED, "target_separator": "|"})
        assert split.preprocessing.outputs == ("007", "7")
        alone = load_csv(tmp_path, table(tags=[["007", "7"][row % 2] for row in ROW]), **LISTED)
        assert alone.preprocessing.outputs == ("007", "7")

    @pytest.mark.parametrize(
        ("columns", "options", "message"),
        [
            ({"red": ROW % 3}, LABELS, "column 'red', row 3: 2 is not a label; dataset.task=multilabel takes columns"),
            ({"red": ["maybe"] * N}, LABELS, "column 'red', row 1: 'maybe' is not a label"),
            ({}, {**LABELS, "target": ["red", "row"]}, "column 'row', row 3: 2 is not a label"),
            ({"tags": TAGS}, {**LISTED, "task": "classification"}, "is not allowed with dataset.target_separator"),
            ({"tags": TAGS}, {**LISTED, "target_separator": ""}, "dataset.target_separator='' is not allowed"),
            ({"tags": TAGS}, {**LISTED, "target": ["tags", "p"], "drop": []}, "dataset.target_separator=';' is not"),
            ({"tags": [";"] * N}, LISTED, "column 'tags' lists 0 different labels"),
            (
                {"tags": [";".join(f"t{row}-{k}" for k in range(20)) for row in ROW]},
                LISTED,
                "lists 1200 different labels",
            ),
            ({"red": np.ones(N), "blue": np.zeros(N)}, LABELS, "every label is the same in all training rows"),
            ({}, {**LABELS, "label_noise": 0.1}, "table.csv is a multilabel task, and label noise replaces classes"),
        ],
    )
    def test_what_is_no_label_is_refused(self, tmp_path: Path, columns: Any, options: Any, message: str) -> None:
        task = {} if "task" in options or "target_separator" in options else {"task": "multilabel"}
        assert message in refusal(tmp_path, table(**columns), **task, **options)

    def test_a_label_that_training_rows_do_not_tell_apart_is_named(self, tmp_path: Path) -> None:
        split = load_csv(tmp_path, table(green=0), **{**LABELS, "target": ["red", "blue", "green"]})
        assert split.reading.notes[-1] == (
            "1 of 3 labels is the same in every training row, so that nothing is learned about it: 'green' (0)"
        )
        split = load_csv(tmp_path, table(tags=[f"t{row};t" if row else "t" for row in ROW]), **LISTED)
        rare = split.reading.notes[1:]  # the first is on the column that numbers the rows
        known = np.count_nonzero(train_rows(split))  # the label of a held-out row is in no training row
        assert rare[0].startswith(f"{60 - known} of 60 labels are the same in every training row")
        assert "'t' (1), " in rare[0]
        assert rare[0].endswith(", ...")

    def test_a_part_of_the_training_rows_may_be_used(self, tmp_path: Path) -> None:
        assert load_csv(tmp_path, table(), **LABELS, train_size=10).train.y.shape == (10, 2)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([], "dataset.target=[] is not allowed; it takes a text, or a list of different texts"),
        (["p", "p"], "dataset.target=['p', 'p'] is not allowed; it takes a text, or a list of different texts"),
        (3.5, "dataset.target=3.5 is not allowed; it takes a text"),
        (["p", "z"], "dataset.target=z: no such column"),
    ],
)
def test_names_of_targets_are_checked(tmp_path: Path, target: Any, message: str) -> None:
    assert message in refusal(tmp_path, table(), target=target)


def test_columns_may_be_called_by_numbers(tmp_path: Path) -> None:
    frame = table().rename(columns={"p": "3", "q": "4"})
    assert load_csv(tmp_path, frame, target=[3, 4]).preprocessing.outputs == ("3", "4")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outputs": ("p",)}, "y has 2 column(s), and 1 target(s) are named"),
        ({"outputs": ()}, "y has 2 column(s), and 0 target(s) are named"),
        ({"task": "regression", "outputs": ()}, "y has 2 column(s), and 1 target(s) are named"),
        ({"y": np.full((N, 2), 0.5)}, "y[0, 0] is 0.5; labels are 0 and 1"),
        ({"weights": np.where(ROW == 3, -1.0, 1.0)}, "weights, row 4: the weight is -1"),
    ],
)
def test_a_source_that_breaks_the_rules_is_refused(changes: dict[str, Any], message: str) -> None:
    labels = np.stack([RED, BLUE], 1).astype(np.float64)
    raw = Raw(origin="theirs", task="multilabel", layout="table", x=labels, y=labels, outputs=("p", "q"))
    dataset = build_dataset({"name": "iris"})
    assert prepare(dataset, raw).train.y.shape == (36, 2)
    with pytest.raises(ConfigError, match=re.escape(message)):
        prepare(dataset, replace(raw, **changes))
