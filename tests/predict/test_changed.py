"""A trained network is used as it was trained: with its code, and with cells spelled as in training."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import regbench
from regbench.errors import ConfigError
from tests.predict.trained import train


def test_weights_are_refused_when_the_code_of_a_regularizer_has_changed(tmp_path: Path) -> None:
    run = train(tmp_path, "dataset=iris", "regularizer=dropout")
    record = run.folder / "run.json"
    facts = json.loads(record.read_text())
    facts["sources"]["regularizer dropout"]["sha256"] = "0" * 64
    record.write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match=r"regularizer dropout has changed since; put the code back"):
        regbench.load_model(run.folder)


def test_predictions_keep_the_index_of_their_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(40), "b": [k % 7 for k in range(40)], "y": ["no", "yes"] * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = train(
        tmp_path, "dataset=csv", f"dataset.path={tmp_path / 't.csv'}", "dataset.target=y", "schedule.batch_size=8"
    )
    model = regbench.load_model(run.folder)
    shuffled = frame.sample(frac=0.5, random_state=1)
    predicted = model.predict(shuffled)
    assert predicted.index.equals(shuffled.index)
    whole = model.predict(frame)
    assert (predicted["class"] == whole["class"].loc[shuffled.index]).all()


def test_names_that_pandas_made_numbers_of_are_refused(tmp_path: Path) -> None:
    codes = ["01", "02", "1", "x7"]
    frame = pd.DataFrame({"zip": codes * 10, "a": range(40), "y": [0.5 * k for k in range(40)]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = train(
        tmp_path, "dataset=csv", f"dataset.path={tmp_path / 't.csv'}", "dataset.target=y", "schedule.batch_size=8"
    )
    model = regbench.load_model(run.folder)
    (tmp_path / "new.csv").write_text("zip,a\n01,3\n01,4\n")
    with pytest.raises(ConfigError, match=r"'zip' holds numbers, but training had names such as '01'"):
        model(pd.read_csv(tmp_path / "new.csv"))
    assert model(pd.read_csv(tmp_path / "new.csv", dtype={"zip": str})).shape == (2,)
