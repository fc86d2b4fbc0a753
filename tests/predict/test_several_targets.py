"""Several numbers, labels and weights through the commands: trained, measured, predicted and exported."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

import regbench
from regbench.cli.main import main
from tests.predict.trained import Trained, train

ROWS = 240
NUMBERS = ("dataset.target=[height,depth]", "dataset.drop=[warm,wet,tags]", "dataset.weight=count")
LABELS = ("dataset.target=[warm,wet]", "dataset.drop=[height,depth,tags]", "dataset.weight=count")
LISTED = (
    "dataset.target=tags",
    'dataset.target_separator="|"',
    "dataset.drop=[height,depth,warm,wet]",
    "regularizer=bagging",
    "regularizer.bagging.members=2",
)


def write_places(path: Path) -> pd.DataFrame:
    """Write a table whose rows are told apart by `id`, with two numbers of different sizes, labels and weights."""
    random = np.random.default_rng(8)
    x = random.standard_normal((ROWS, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["kind"] = np.where(x[:, 0] > 0.3, "hill", "dale")
    frame["height"] = 100.0 + 30.0 * x[:, 0] + random.standard_normal(ROWS)
    frame["depth"] = 1e-3 * (x[:, 1] - x[:, 2]) + 1e-4 * random.standard_normal(ROWS)
    frame["warm"], frame["wet"] = (x[:, 0] > 0).astype(int), x[:, 1] > 0.5
    frame["tags"] = [
        "|".join(n for n, held in (("warm", w), ("wet", r)) if held) for w, r in zip(frame.warm, frame.wet, strict=True)
    ]
    frame["count"] = random.integers(1, 5, ROWS)
    frame.to_csv(path, index=False)
    return frame


def learn(work: Path, *words: str) -> tuple[Trained, pd.DataFrame]:
    frame = write_places(work / "places.csv")
    path = f"dataset.path={work / 'places.csv'}"
    return train(work, "dataset=csv", path, "schedule.optimizer.lr=0.01", *words), frame


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, pd.DataFrame]:
    return learn(tmp_path_factory.mktemp("numbers"), *NUMBERS)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, pd.DataFrame]:
    return learn(tmp_path_factory.mktemp("labels"), *LABELS)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, pd.DataFrame]:
    return learn(tmp_path_factory.mktemp("listed"), *LISTED)


def find_test_rows() -> np.ndarray:
    """Return the numbers of the test rows, as the default split draws them."""
    return np.sort(train_test_split(np.arange(ROWS), test_size=ROWS // 5, random_state=0)[1])


def predicted(capsys: pytest.CaptureFixture[str], run: Trained) -> pd.DataFrame:
    """Return what the command prints for all rows."""
    capsys.readouterr()
    assert main(["predict", str(run.folder), str(run.folder.parents[2] / "places.csv")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return pd.read_csv(io.StringIO(out))


def test_each_number_has_a_column_in_its_own_unit(
    numbers: tuple[Trained, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    run, frame = numbers
    table = predicted(capsys, run)
    assert list(table) == ["prediction_height", "prediction_depth"]
    model = regbench.load_model(run.folder)
    assert model.targets == ("height", "depth")
    assert model(frame).shape == (ROWS, 2)
    np.testing.assert_array_equal(table.to_numpy(), model(frame).numpy())
    rows = find_test_rows()
    errors = (table.to_numpy() - frame[["height", "depth"]].to_numpy())[rows] ** 2
    weights = frame["count"].to_numpy()[rows]
    result = run.result["best"]["test"]
    assert result["mse"] == pytest.approx(np.average(errors.mean(1), weights=weights), rel=1e-5)
    scale = np.array(run.preprocessing["target_scale"])
    assert result["loss"] == pytest.approx(np.average((errors / scale**2).mean(1), weights=weights), rel=1e-5)
    # A network that predicts the means has loss 1; both numbers are learned, though one is 1e5 times as large.
    assert np.all(np.average(errors / scale**2, axis=0, weights=weights) < 0.8)


def test_each_label_has_a_decision_and_a_probability(
    labels: tuple[Trained, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    run, frame = labels
    table = predicted(capsys, run)
    assert list(table) == ["prediction_warm", "prediction_wet", "probability_warm", "probability_wet"]
    probabilities = table[["probability_warm", "probability_wet"]].to_numpy()
    decisions = table[["prediction_warm", "prediction_wet"]].to_numpy()
    np.testing.assert_array_equal(decisions, probabilities > 0.5)
    rows = find_test_rows()
    y, weights = frame[["warm", "wet"]].to_numpy(dtype=float)[rows], frame["count"].to_numpy()[rows]
    p = probabilities[rows]
    losses = -(y * np.log(p) + (1.0 - y) * np.log(1.0 - p)).mean(1)
    result = run.result["best"]["test"]
    assert result["loss"] == pytest.approx(np.average(losses, weights=weights), rel=1e-5)
    assert result["label_accuracy"] == pytest.approx(
        np.average((decisions[rows] == y).mean(1), weights=weights), rel=1e-5
    )
    assert {"train_label_accuracy", "val_label_accuracy"} <= set(pd.read_csv(run.folder / "metrics.csv"))


def test_listed_labels_are_predicted_by_name(
    listed: tuple[Trained, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    run, frame = listed
    table = predicted(capsys, run)
    assert list(table) == ["prediction_warm", "prediction_wet", "probability_warm", "probability_wet"]
    model = regbench.load_model(run.folder)
    members = model.outputs(frame)
    np.testing.assert_allclose(table[["probability_warm", "probability_wet"]], members.sigmoid().numpy(), atol=1e-7)


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("which", ["numbers", "labels", "listed"])
def test_the_exported_graph_predicts_the_same(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    for module in ("onnx", "onnxscript"):
        pytest.importorskip(module)
    onnxruntime = pytest.importorskip("onnxruntime")
    run, frame = request.getfixturevalue(which)
    assert main(["export", str(run.folder), str(tmp_path / "model.onnx")]) == 0
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    told: dict[str, Any] = json.loads(session.get_modelmeta().custom_metadata_map["regbench"])
    assert told["targets"] == (["height", "depth"] if which == "numbers" else ["warm", "wet"])
    columns = [column["column"] for column in told["inputs"]["numbers"]]
    (kind,) = told["inputs"]["categories"]
    fed = {
        "numbers": frame[columns].to_numpy(dtype=np.float64),
        "categories": np.array([[kind["levels"].index(name)] for name in frame["kind"]]),
    }
    (found,) = session.run(["prediction" if which == "numbers" else "probabilities"], fed)
    expected = regbench.load_model(run.folder)(frame).numpy()
    scale = run.preprocessing["target_scale"] or [1.0]
    assert found.shape == expected.shape == (ROWS, 2)
    assert (np.abs(found - expected) / scale).max() < 1e-5


def test_what_the_file_holds_is_told(labels: tuple[Trained, pd.DataFrame]) -> None:
    reading = json.loads((labels[0].folder / "run.json").read_bytes())["data"]
    assert reading["outputs"] == ["warm", "wet"]
    assert reading["left_out"]["count"] == "weight"
    assert "task multilabel: inferred" in reading["notes"][0]


def test_a_sweep_by_the_installed_command_gives_the_figures_of_runs_alone(tmp_path: Path) -> None:
    write_places(tmp_path / "places.csv")
    program = str(Path(sys.executable).with_name("regbench"))
    words = ["dataset=csv", "dataset.path=places.csv", *LABELS, "schedule.epochs=3", "schedule.precision=float64"]
    sweep = [program, "run", "-m", "regularizer=none,l2,mixup", "seed=0,1", *words, "name=stacked", "sweep.workers=1"]
    done = subprocess.run(sweep, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "label_accuracy" in done.stdout
    alone = [program, "run", "regularizer=mixup", "seed=1", *words, "name=alone"]
    assert subprocess.run(alone, capture_output=True, check=False, cwd=tmp_path).returncode == 0
    (folder,) = tmp_path.glob("runs/alone/*")
    expected = json.loads((folder / "result.json").read_bytes())["best"]
    found = json.loads((tmp_path / "runs/stacked" / folder.name / "result.json").read_bytes())["best"]
    for part, figures in expected.items():
        assert found[part] == pytest.approx(figures, rel=1e-9)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("dataset.target=[height,depht]",),
            "dataset.target=depht: no such column in places.csv; did you mean 'depth'?",
        ),
        (
            ("dataset.target=[height,kind]",),
            "places.csv: column 'kind', row 1: 'dale' is not a number; several targets",
        ),
        (("dataset.target=[warm,wet]", "regularizer=smote"), "regularizer smote: needs class"),
        (("dataset.target=[height,depth]", "regularizer=label_smoothing"), "regularizer label_smoothing: needs class"),
        (("dataset.target=height", "dataset.weight=depth"), "column 'depth', row 2: the weight is -"),
        (("dataset.target=[warm,wet]", "schedule.stop.monitor=val_mse"), "schedule.stop.monitor=val_mse"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_places(Path("places.csv"))
    assert main(["run", "dataset=csv", "dataset.path=places.csv", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert [path.name for path in tmp_path.iterdir()] == ["places.csv"]
