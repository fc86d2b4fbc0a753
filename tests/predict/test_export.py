"""`regbench export`: the ONNX file alone predicts, in onnxruntime, what the run does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import Tensor

import regbench
from regbench.cli.main import main
from regbench.runs import export_onnx, onnx_graph
from tests.predict.trained import Trained, read_source, train, write_table

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

TOLERANCE = 1e-5


def open_exported(run: Trained, path: Path) -> tuple[Any, dict[str, Any]]:
    assert main(["export", str(run.folder), str(path)]) == 0
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path)
    return session, json.loads(session.get_modelmeta().custom_metadata_map["regbench"])


def feed_table(frame: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return a table as the metadata say, with nothing of regbench."""
    numbers = []
    for told in metadata["inputs"]["numbers"]:
        column = frame[told["column"]]
        if told["unit"].startswith("days since"):
            column = (pd.to_datetime(column) - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        numbers.append(column.to_numpy(dtype=np.float64))
    codes = []
    for told in metadata["inputs"]["categories"]:
        numbers_of = {level: number for number, level in enumerate(told["levels"])}
        cells = frame[told["column"]]
        codes.append([told["missing"] if pd.isna(cell) else numbers_of.get(cell, told["other"]) for cell in cells])
    return {"numbers": np.stack(numbers, 1), "categories": np.array(codes, dtype=np.int64).T}


def test_a_table_with_everything_in_it(people: Trained, prices: Trained, tmp_path: Path) -> None:
    frame = write_table(tmp_path / "table.csv")
    frame.loc[3, "town"] = "Ulm"
    for run, name in ((people, "probabilities"), (prices, "prediction")):
        session, metadata = open_exported(run, tmp_path / f"{name}.onnx")
        (found,) = session.run([name], feed_table(frame, metadata))
        with pytest.warns(UserWarning, match="'Ulm'"):
            expected = regbench.load_model(run.folder)(frame).numpy()
        (scale,) = run.preprocessing["target_scale"] or [1.0]
        assert np.abs(found - expected).max() / scale < TOLERANCE
        assert metadata["classes"] == run.preprocessing["classes"]


CASES = {
    "image": (
        {"name": "digits", "layout": "image"},
        ("dataset=digits_image", "model=cnn", "model.channels=[4,8]", "regularizer=batch_norm"),
    ),
    "series": ({"name": "mnist1d"}, ("dataset=mnist1d", "model=conv1d", "model.channels=8")),
    "vote": (
        {"name": "digits"},
        ("regularizer=bagging", "regularizer.bagging.combination=vote", "model.activation=gelu"),
    ),
    "dropout": ({"name": "wine"}, ("dataset=wine", "regularizer=dropout", "regularizer.dropout.scaling=original")),
    "polynomial": (
        {"name": "polynomial"},
        (
            "dataset=polynomial",
            "model=polynomial",
            "model.basis=orthogonal",
            "schedule=full_batch",
            "schedule/stop=none",
        ),
    ),
    "float64": ({"name": "diabetes"}, ("dataset=diabetes", "schedule.precision=float64")),
}


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("case", CASES)
def test_arrays(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values, words = CASES[case]
    run = train(tmp_path, *words)
    session, metadata = open_exported(run, tmp_path / "model.onnx")
    rows = np.asarray(read_source(values).rows)
    expected = regbench.load_model(run.folder)(rows).numpy()
    for count in (1, 2, len(rows)):
        (found,) = session.run(None, {"rows": rows[:count]})
        assert found.shape == expected[:count].shape
        (scale,) = run.preprocessing["target_scale"] or [1.0]
        assert np.abs(found - expected[:count]).max() / scale < TOLERANCE
    assert metadata["inputs"]["rows"]["shape"] == list(rows.shape[1:])
    out, err = capsys.readouterr()
    assert err == ""
    (line,) = [line for line in out.splitlines() if line.startswith("difference")]
    assert float(line.split()[1]) < TOLERANCE


def test_a_graph_that_computes_something_else_is_not_kept(
    people: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = export_onnx._trace

    def spoilt(model: Any) -> Any:
        for parameter in model.parameters():
            parameter.add_(0.01)
        graph = trace(model)
        for parameter in model.parameters():
            parameter.sub_(0.01)
        return graph

    monkeypatch.setattr(export_onnx, "_trace", spoilt)
    assert main(["export", str(people.folder), str(tmp_path / "model.onnx")]) == 1
    assert "not exported: onnxruntime's predictions differ from the model's by" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("schedule.precision=bfloat16",), "schedule.precision=bfloat16 cannot be exported"),
        (("schedule.precision=float64", "model.activation=selu"), "cannot be exported: onnxruntime cannot compute it"),
    ],
)
def test_what_onnxruntime_cannot_compute_is_refused(
    words: tuple[str, ...], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(tmp_path, "dataset=iris", *words)
    assert main(["export", str(run.folder), str(tmp_path / "model.onnx")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"regbench: {line}")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "model.onnx").exists()


def test_what_the_exporter_cannot_follow_is_refused(
    people: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forward(self: onnx_graph.Graph, *tensors: Tensor) -> Tensor:
        return tensors[0] if tensors[0].sum().item() > 0 else -tensors[0]

    monkeypatch.setattr(onnx_graph.Graph, "forward", forward)
    assert main(["export", str(people.folder), str(tmp_path / "model.onnx")]) == 2
    line = "regbench: cannot be exported: the network computes what torch's exporter cannot follow\n"
    assert capsys.readouterr().err == line
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_is_named(people: Trained, tmp_path: Path) -> None:
    block = "import sys; sys.modules['onnxruntime'] = None; from regbench.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", block, "export", str(people.folder), str(tmp_path / "model.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "regbench: export needs onnxruntime; install the extra: pip install 'regbench[onnx]'\n"
    assert list(tmp_path.iterdir()) == []


def test_the_installed_command_prints_no_warning(people: Trained, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("regbench")), "export", str(people.folder), "model.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "numbers: float64 [N, 5]" in done.stdout
    assert "categories: int64 [N, 3]" in done.stdout
