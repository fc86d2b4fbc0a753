"""TF-IDF and a linear model on published parts of public corpora, from files that a person has; none are shipped.

REGBENCH_TEXTS is a folder with reuters-r8-train.tab, reuters-r8-test.tab, reuters-r52-..., 20newsgroups-... in Orange's
format: tabs, three lines of header, the class first and the text after it. Corpora: Cardoso-Cachopo (2007).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from regbench.cli.main import main

ANCHORS = {
    "reuters-r8": (5485, 2189, 8, 0.9497),
    "reuters-r52": (6532, 2568, 52, 0.8793),
    "20newsgroups": (11293, 7528, 20, 0.8225),
}
"""Published rows of training and test, classes, and the test accuracy of TF-IDF with logistic regression (C = 1)."""


def write_tsv(source: Path, target: Path) -> None:
    """Write a file of Orange's format as a table with one line of header."""
    lines = source.read_text(encoding="utf-8").split("\n")[3:]
    target.write_text("\n".join(["class\ttext", *(line for line in lines if line.strip())]) + "\n", encoding="utf-8")


@pytest.mark.reproduce
@pytest.mark.parametrize("name", ANCHORS)
def test_tfidf_and_a_linear_model_reach_the_anchor(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """C = 1 over N rows is a strength of 1 / N next to the mean loss; nothing is held out of training."""
    folder = os.environ.get("REGBENCH_TEXTS")
    if not folder:
        pytest.skip("REGBENCH_TEXTS names no folder with the files")
    train, test, classes, accuracy = ANCHORS[name]
    for part in ("train", "test"):
        write_tsv(Path(folder) / f"{name}-{part}.tab", tmp_path / f"{part}.tsv")
    monkeypatch.chdir(tmp_path)
    words = ["dataset=text", "dataset.path=train.tsv", "dataset.test_path=test.tsv", "dataset.target=class"]
    words += ["dataset.split.val=0", "model=linear", "regularizer=l2", f"regularizer.l2.strength={1 / train}"]
    words += ["schedule/stop=none", "schedule/curve=cosine", "schedule.optimizer.lr=0.02", "schedule.epochs=20"]
    assert main(["run", *words, "schedule.batch_size=64"]) == 0
    (folder_of_run,) = (tmp_path / "runs").glob("*/*")
    result = json.loads((folder_of_run / "result.json").read_text())
    assert f"classification, {classes} classes; rows: {train} training, 0 validation and {test} test" in (
        capsys.readouterr().out
    )
    assert result["best"]["test"]["accuracy"] == pytest.approx(accuracy, abs=0.01)
