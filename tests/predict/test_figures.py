"""A loaded model gives the figures that its run wrote down, from raw rows, to the last digit: for every kind of run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import regbench
from regbench.cli.main import main
from tests.predict.trained import Source, Trained, measure, pick_main, read_source, train, write_table

CSV = {"name": "csv", "path": "TABLE"}
CLASSES = {**CSV, "target": "kind", "drop": ["price", "id"]}
PRICES = {**CSV, "target": "price", "drop": ["kind", "id"]}
DIGITS: dict[str, Any] = {"name": "digits"}
IMAGES = {"name": "digits", "layout": "image", "standardize": True}

CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "table": (CLASSES, ()),
    "table, numbers": (PRICES, ("regularizer=ema",)),
    "table, not standardised": (
        {**PRICES, "standardize": False, "standardize_target": False},
        ("schedule.optimizer.lr=1e-6",),
    ),
    "digits": (DIGITS, ("regularizer=[sam,weight_noise]",)),
    "image": (IMAGES, ("model=cnn", "model.channels=[4,8]", "regularizer=batch_norm")),
    "series": ({"name": "mnist1d"}, ("model=conv1d", "model.channels=8")),
    "regression": ({"name": "diabetes"}, ("regularizer=dropout",)),
    "ensemble, mean": (DIGITS, ("regularizer=[bagging,batch_norm]", "regularizer.bagging.members=3")),
    "ensemble, vote": (CLASSES, ("regularizer=bagging", "regularizer.bagging.combination=vote")),
    "ensemble, numbers": ({"name": "diabetes"}, ("regularizer=bagging",)),
    "dropout, original": (DIGITS, ("regularizer=dropout", "regularizer.dropout.scaling=original")),
    "dropout, ramped": (
        DIGITS,
        (
            "regularizer=dropout",
            "regularizer.dropout.scaling=original",
            "schedule.ramp={dropout: {rate: {shape: linear}}}",
        ),
    ),
    "polynomial": (
        {"name": "polynomial"},
        ("model=polynomial", "model.basis=orthogonal", "schedule=full_batch", "schedule/stop=none"),
    ),
    "polynomial of a table": ({"name": "iris"}, ("model=polynomial", "model.basis=orthogonal", "model.degree=3")),
    "float64": (DIGITS, ("schedule.precision=float64", "model.widths=[300]")),
    "bfloat16": (DIGITS, ("schedule.precision=bfloat16",)),
}


def overrides(values: dict[str, Any]) -> list[str]:
    words = [f"dataset={values['name']}"]
    for key, value in values.items():
        if key not in ("name", "split"):
            text = f"[{','.join(value)}]" if isinstance(value, list) else str(value)
            words.append(f"dataset.{key}={text}")
    return words


@pytest.mark.parametrize("case", CASES)
def test_the_figures_of_a_run_come_out_of_its_raw_rows(case: str, tmp_path: Path) -> None:
    values, words = CASES[case]
    if "path" in values:
        write_table(tmp_path / "table.csv")
        values = {**values, "path": str(tmp_path / "table.csv")}
    run = train(tmp_path, *overrides(values), *words)
    source = read_source(values)
    outputs = regbench.load_model(run.folder).outputs(source.rows)
    best = pick_main(run.result["best"])
    measured = measure(run, outputs, source)
    for part, own in best.items():
        squared = own.pop("mse", 0.0), measured[part].pop("mse", 0.0)
        assert measured[part] == own
        # Rows beside other rows may differ in float32's last bit, which a mean in float64 shows.
        assert squared[0] == pytest.approx(squared[1], rel=1e-7)


def test_without_its_data_a_run_still_predicts(tmp_path: Path) -> None:
    frame = write_table(tmp_path / "table.csv")
    run = train(tmp_path, *overrides({**CLASSES, "path": str(tmp_path / "table.csv")}))
    before = regbench.load_model(run.folder)(frame)
    (tmp_path / "table.csv").unlink()
    assert torch.equal(regbench.load_model(run.folder)(frame), before)


def test_numbers_are_in_the_targets_own_unit(tmp_path: Path) -> None:
    source = read_source({"name": "diabetes"})
    run = train(tmp_path, "dataset=diabetes")
    predicted = regbench.load_model(run.folder)(source.rows)
    squared = (predicted.numpy()[slice(*source.ends[1:])] - source.y[slice(*source.ends[1:])]) ** 2
    assert squared.mean() == pytest.approx(run.result["best"]["test"]["mse"], rel=1e-6)


def test_a_run_trained_in_a_cohort_gives_its_figures_but_for_rounding(tmp_path: Path) -> None:
    words = ["dataset=diabetes", "regularizer=l2", "regularizer.l2.strength=1e-4,1e-3", "sweep.workers=1"]
    assert main(["run", "-m", f"runs={tmp_path / 'runs'}", "-q", "schedule.epochs=3", *words]) == 0
    source = read_source({"name": "diabetes"})
    folders = sorted(tmp_path.glob("runs/default/*-s0-*"))
    assert len(folders) == 2
    for folder in folders:
        run = Trained(folder)
        measured = measure(run, regbench.load_model(folder).outputs(source.rows), source)
        for part, figures in measured.items():
            assert figures == pytest.approx(pick_main(run.result["best"])[part], rel=1e-6)


def test_rows_may_come_alone_or_in_any_order(tmp_path: Path) -> None:
    run = train(tmp_path, "regularizer=bagging", "regularizer.bagging.members=2")
    model = regbench.load_model(run.folder)
    source: Source = read_source({"name": "digits"})
    whole = model(source.rows)
    order = np.random.default_rng(0).permutation(len(source.rows))
    assert torch.allclose(model(source.rows[order]), whole[order], atol=1e-6)
    assert torch.allclose(model(source.rows[:1]), whole[:1], atol=1e-6)
    assert torch.allclose(whole.sum(1), torch.ones(len(whole)), atol=1e-5)
