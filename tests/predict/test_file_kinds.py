"""A run on a file of each kind by the command, and predictions of a file of that kind: the run's own test figures."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regbench.cli.main import main
from tests.predict.trained import train

DRAW = np.random.default_rng(3)
LABELS = np.arange(60) % 2
VALUES = DRAW.normal(size=(60, 8)) + LABELS[:, None]
NAMES = np.array(["no", "yes"])[LABELS]


def write_ts(rows: slice) -> str:
    lines = [f"{','.join(map(str, row))}:{name}" for row, name in zip(VALUES[rows], NAMES[rows], strict=True)]
    return "@univariate true\n@classLabel true no yes\n@data\n" + "\n".join(lines)


def write_tsv(rows: slice) -> str:
    return "\n".join("\t".join([str(y), *map(str, row)]) for row, y in zip(VALUES[rows], LABELS[rows], strict=True))


def write_keel(rows: slice) -> str:
    head = "@relation r\n" + "".join(f"@attribute a{place} real\n" for place in range(8))
    lines = [",".join([*map(str, row), name]) for row, name in zip(VALUES[rows], NAMES[rows], strict=True)]
    return head + "@attribute y {no, yes}\n@data\n" + "\n".join(lines)


def write_svm(rows: slice) -> str:
    return "\n".join(
        " ".join([str(y), *(f"{place + 1}:{value}" for place, value in enumerate(row))])
        for row, y in zip(VALUES[rows], LABELS[rows], strict=True)
    )


KINDS: dict[str, tuple[str, Callable[[slice], str], str, str]] = {
    "ts": ("series", write_ts, "a_TRAIN.ts", "a_TEST.ts"),
    "tsv": ("series", write_tsv, "a_TRAIN.tsv", "a_TEST.tsv"),
    "keel": ("keel", write_keel, "a-5-1tra.dat", "a-5-1tst.dat"),
    "libsvm": ("libsvm", write_svm, "a.svm", "test.svm"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_of_the_test_file_have_the_test_figures_of_the_run(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, write, training, testing = KINDS[kind]
    (tmp_path / training).write_text(write(slice(0, 40)))
    (tmp_path / testing).write_text(write(slice(40, 60)))
    words = [f"dataset={dataset}", f"dataset.path={tmp_path / training}", "schedule.batch_size=16"]
    words += [f"dataset.test_path={tmp_path / testing}"] if dataset == "libsvm" else []
    run = train(tmp_path, *words)
    capsys.readouterr()
    assert main(["predict", str(run.folder), str(tmp_path / testing)]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"class": str})
    truth = (LABELS.astype(str) if kind in ("tsv", "libsvm") else NAMES)[40:]
    assert (table["class"] == truth).mean() == pytest.approx(run.result["best"]["test"]["accuracy"])
    chosen = table[[f"probability_{name}" for name in np.unique(truth)]].to_numpy()
    loss = -np.log(chosen[np.arange(20), LABELS[40:]]).mean()
    assert loss == pytest.approx(run.result["best"]["test"]["loss"], rel=1e-5)


def test_an_arff_file_without_its_target_is_predicted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.arff").write_text(write_keel(slice(0, 60)))
    run = train(tmp_path, "dataset=arff", f"dataset.path={tmp_path / 'a.arff'}", "schedule.batch_size=16")
    content = write_keel(slice(0, 60))
    (tmp_path / "new.arff").write_text(content.replace(",no", ",?").replace(",yes", ",?"))
    capsys.readouterr()
    outs = []
    for name in ("a.arff", "new.arff"):
        assert main(["predict", str(run.folder), str(tmp_path / name)]) == 0
        outs.append(capsys.readouterr().out)
    assert outs[0] == outs[1]


def test_series_and_rows_of_another_size_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.ts").write_text(write_ts(slice(0, 60)))
    (tmp_path / "a.svm").write_text(write_svm(slice(0, 60)))
    series, rows = (
        train(tmp_path, f"dataset={name}", f"dataset.path={tmp_path / file}", "schedule.batch_size=16")
        for name, file in (("series", "a.ts"), ("libsvm", "a.svm"))
    )
    (tmp_path / "short.ts").write_text("@univariate true\n@data\n1,2,3\n")
    (tmp_path / "wide.svm").write_text("0 1:1 9:1\n")
    capsys.readouterr()
    assert main(["predict", str(series.folder), str(tmp_path / "short.ts")]) == 2
    assert "short.ts: line 3: the series has 3 values; the model takes 8" in capsys.readouterr().err
    assert main(["predict", str(rows.folder), str(tmp_path / "wide.svm")]) == 2
    assert "wide.svm: features 1 to 9; the model knows 1 to 8" in capsys.readouterr().err
