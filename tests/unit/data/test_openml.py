"""Tables of OpenML, whose download is replaced: no test needs the network."""

from __future__ import annotations

from typing import Any
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from sklearn.utils import Bunch

from regbench.data.loading import load
from regbench.data.records import Split
from regbench.errors import ConfigError

FRAME = pd.DataFrame(
    {"size": np.arange(60) % 7, "kind": pd.Categorical(["a", "b", "c"] * 20), "class": pd.Categorical(["x", "y"] * 30)}
)


def load_openml(monkeypatch: pytest.MonkeyPatch, answer: Any, **settings: Any) -> Split:
    """Load a table where the download gives an answer, or raises it."""
    asked: list[dict[str, Any]] = []

    def fetch(**words: Any) -> Any:
        asked.append(words)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    split = load({"name": "openml", **settings})
    assert asked[0]["as_frame"] is True
    return split


def test_nominal_attributes_are_categories_and_the_default_target_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    split = load_openml(monkeypatch, Bunch(frame=FRAME.copy(), target_names=["class"]), data_id=31)
    assert (split.task, split.classes) == ("classification", ("x", "y"))
    assert split.features == ("size", "kind=a", "kind=b", "kind=c")
    assert split.reading.origin == "openml 31"


def test_another_target_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    split = load_openml(monkeypatch, Bunch(frame=FRAME.copy(), target_names=["class"]), title="toys", target="kind")
    assert split.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (URLError("Connection refused"), "openml 31 is not in the cache and cannot be downloaded: Connection refused"),
        (ValueError("Dataset with data_id 31\nnot found."), "openml 31: Dataset with data_id 31 not found."),
        (Bunch(frame=FRAME, target_names=[]), "openml 31 has no default target"),
    ],
)
def test_what_cannot_be_had_is_one_line(monkeypatch: pytest.MonkeyPatch, answer: Any, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_openml(monkeypatch, answer, data_id=31)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("settings", [{}, {"data_id": 31, "title": "toys"}])
def test_one_name_is_needed(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"takes dataset\.data_id=NUMBER, or dataset\.title=NAME"):
        load({"name": "openml", **settings})
