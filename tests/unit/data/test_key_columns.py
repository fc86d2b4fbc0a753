"""Columns that look like keys are named where the split tears their rows apart, and ordinary columns are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from regbench.data import load


def patients(rng: np.random.Generator, count: int = 40, visits: int = 10) -> dict[str, Any]:
    """Patients whose features hardly change from visit to visit, and whose labels are chance."""
    who = np.repeat(np.arange(count), visits)
    features = rng.standard_normal((count, 4))[who] + 0.02 * rng.standard_normal((len(who), 4))
    labels = np.array(["ill", "well"])[rng.permutation(np.arange(count) % 2)][who]
    return {"patient": who, **{name: features[:, place] for place, name in enumerate("abcd")}, "label": labels}


def notes(tmp_path: Path, columns: dict[str, Any], **options: Any) -> list[str]:
    pd.DataFrame(columns).to_csv(tmp_path / "rows.csv", index=False)
    target = list(columns)[-1]
    split = load({"name": "csv", "path": str(tmp_path / "rows.csv"), "target": target, **options})
    return [note for note in split.reading.notes if "looks like a key" in note]


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("form", ["number", "shuffled number", "text"])
@pytest.mark.parametrize("seed", range(3))
def test_a_patient_on_both_sides_is_named(tmp_path: Path, seed: int, form: str, kept: bool) -> None:
    rng = np.random.default_rng(seed)
    columns = patients(rng)
    names = {
        "number": np.arange(40),
        "shuffled number": rng.permutation(np.arange(1000, 9000, 200)),
        "text": [f"p{n}" for n in range(40)],
    }
    columns["patient"] = np.array(names[form])[columns["patient"]]
    (note,) = notes(tmp_path, columns, drop=[] if kept else ["patient"])
    assert note.startswith("column 'patient' looks like a key")
    assert "dataset.split.method=groups dataset.split.groups=patient" in note


def test_a_session_with_one_label_is_named_though_its_rows_differ(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    session = np.repeat(np.arange(50), 6)
    label = np.array(["a", "b"])[rng.integers(0, 2, 50)][session]
    columns = {"session": [f"s{n}" for n in session], "x": rng.random(300), "z": rng.random(300), "label": label}
    assert len(notes(tmp_path, columns)) == 1


def test_a_patient_who_is_on_one_side_only_is_not(tmp_path: Path) -> None:
    columns = patients(np.random.default_rng(0))
    assert notes(tmp_path, columns, split={"method": "groups", "groups": "patient"}) == []
    columns["copy"] = columns.pop("patient")
    columns["label"] = columns.pop("label")
    assert notes(tmp_path, columns, split={"method": "groups", "groups": "copy"}) == []


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_columns_raise_no_alarm(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 600
    age = rng.integers(18, 80, n)
    town = rng.integers(0, 30, n)
    columns = {
        "sex": np.array(["f", "m"])[rng.integers(0, 2, n)],
        "town": [f"t{number}" for number in town],
        "age": age,
        "weight": np.round(60 + 0.2 * age + rng.normal(0, 9, n)),
        "pressure": 100 + 0.6 * age + rng.normal(0, 3, n),
        "hour": rng.integers(0, 24, n),
        "rooms": rng.integers(1, 12, n),
        "price": 3 * age + np.random.default_rng(9).normal(0, 30, 30)[town] + rng.normal(0, 20, n),
    }
    assert notes(tmp_path, columns) == []


def test_quantities_that_rise_together_are_no_keys(tmp_path: Path) -> None:
    power = np.random.default_rng(0).integers(40, 130, 500)
    columns = {
        "power": power,
        "weight": power * 12.5 + 0.1,
        "area": power**1.5,
        "speed": np.sqrt(power) * 9,
        "y": power * 2.0,
    }
    assert notes(tmp_path, columns) == []


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_published_tables_raise_no_alarm(tmp_path: Path, name: str) -> None:
    options = {"scaled": False} if name == "diabetes" else {}
    found = getattr(datasets, f"load_{name}")(as_frame=True, **options)
    assert notes(tmp_path, {str(key): found.frame[key] for key in found.frame}) == []
