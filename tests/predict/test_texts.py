"""A run on texts by the command, and predictions of new texts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regbench.cli.main import main
from tests.predict.trained import train

LABELS = np.arange(60) % 2
WORDS = np.array([["good", "fine", "nice"], ["bad", "poor", "sad"]])
TEXTS = [
    " ".join(np.random.default_rng(place).choice(WORDS[label], 4)) + f" text {place}"
    for place, label in enumerate(LABELS)
]


def write(path: Path, rows: slice) -> Path:
    lines = [f"{label},{text}" for label, text in zip(LABELS[rows], TEXTS[rows], strict=True)]
    path.write_text("\n".join(["label,text", *lines]) + "\n")
    return path


@pytest.mark.parametrize("features", ["tfidf", "counts"])
def test_predictions_of_the_test_file_have_the_test_figures_of_the_run(
    features: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training, testing = write(tmp_path / "train.csv", slice(0, 40)), write(tmp_path / "test.csv", slice(40, 60))
    words = ["dataset=text", f"dataset.path={training}", f"dataset.test_path={testing}", "dataset.target=label"]
    run = train(tmp_path, *words, f"dataset.features={features}", "schedule.batch_size=16")
    capsys.readouterr()
    assert main(["predict", str(run.folder), str(testing)]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert (table["class"] == LABELS[40:]).mean() == pytest.approx(run.result["best"]["test"]["accuracy"])
    loss = -np.log(table[["probability_0", "probability_1"]].to_numpy()[np.arange(20), LABELS[40:]]).mean()
    assert loss == pytest.approx(run.result["best"]["test"]["loss"], rel=1e-5)
    (tmp_path / "new.csv").write_text("text\ngood fine nice\nbad poor sad\nunheard\n")
    assert main(["predict", str(run.folder), str(tmp_path / "new.csv")]) == 0
    told = capsys.readouterr()
    assert pd.read_csv(io.StringIO(told.out))["class"].tolist()[:2] == [0, 1]
    assert "column 'text': 1 text(s) have no word of training" in told.err


def test_models_of_quantities_refuse_tokens_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "train.csv", slice(0, 60))
    words = ["dataset=text", f"dataset.path={path}", "dataset.target=label", "dataset.features=tokens"]
    for model in ("linear", "mlp", "cnn", "conv1d", "polynomial"):
        assert main(["run", *words, f"model={model}"]) == 2
        assert f"model {model} needs" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_model_of_texts_is_not_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    words = ["dataset=text", f"dataset.path={write(tmp_path / 'train.csv', slice(0, 60))}", "dataset.target=label"]
    run = train(tmp_path, *words, "schedule.batch_size=16")
    capsys.readouterr()
    assert main(["export", str(run.folder), str(tmp_path / "texts.onnx")]) == 2
    assert "a model of texts cannot be exported" in capsys.readouterr().err
    assert not (tmp_path / "texts.onnx").exists()
