"""Names, settings and shipped YAML of the data sets: what a person writes, and what is refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from regbench.config.containers import declared
from regbench.config.fields import integer
from regbench.data import dataset_names, load, loading
from regbench.data.dataset import Dataset
from regbench.data.loading import SOURCES, dataset_class
from regbench.data.records import Raw
from regbench.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / "configs" / "dataset"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ramp(Dataset):
    """A data set as a third party would write it."""

    n: int = integer(40, low=10)

    def read(self) -> Raw:
        """Return x `[n, 1]` with x[i] = i and two classes in turn."""
        rows = np.arange(self.n)
        x = rows[:, None].astype(np.float64)
        return Raw(origin="ramp", task="classification", layout="table", x=x, y=rows % 2, classes=("even", "odd"))


def read_yaml(name: str) -> dict[str, Any]:
    values = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    assert isinstance(values, dict)
    return values


@pytest.mark.parametrize("name", SOURCES)
def test_shipped_yaml_writes_out_every_default(name: str) -> None:
    written = read_yaml(name)
    defaults = dataclasses.asdict(dataset_class(name)())
    settings = {key: defaults[key] for key in declared(dataset_class(name))}
    assert set(defaults) - set(settings) == {"reads_test"}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
    assert written == {"name": name, **plain}


def test_every_shipped_yaml_names_a_data_set() -> None:
    assert {read_yaml(path.stem)["name"] for path in CONFIGS.glob("*.yaml")} == set(dataset_names())


def test_digits_image_differs_from_digits_in_the_layout_only() -> None:
    assert read_yaml("digits_image") == {**read_yaml("digits"), "layout": "image"}


def test_listing_names_imports_nothing_heavy() -> None:
    code = (
        "import sys; from regbench.data import dataset_names; dataset_names(); "
        "print([name for name in ('numpy', 'pandas', 'sklearn', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "digit"}, "dataset=digit: unknown data set; did you mean 'digits'?"),
        ({}, "dataset.name=None is not allowed"),
        ({"name": "digits", "trainsize": 5}, "dataset.trainsize: unknown key; did you mean 'train_size'?"),
        ({"name": "digits", "split": {"vall": 0}}, "dataset.split.vall: unknown key; did you mean 'val'?"),
        (
            {"name": "digits", "split": {"val": 1.0}},
            "dataset.split.val=1.0 is not allowed; it takes a number in [0, 1)",
        ),
        (
            {"name": "digits", "split": {"test": 0}},
            "dataset.split.test=0 is not allowed; it takes a number in (0, 1), or",
        ),
        ({"name": "digits", "split": {"seed": -1}}, "dataset.split.seed=-1 is not allowed"),
        ({"name": "digits", "split": 3}, "dataset.split=3 is not allowed; it takes a mapping"),
        ({"name": "digits", "split": {"val": 0.5, "test": 0.5}}, "leave no training row of 1797"),
        (
            {"name": "digits", "train_size": 0},
            "dataset.train_size=0 is not allowed; it takes a whole number of at least 2",
        ),
        ({"name": "digits", "train_size": 1.5}, "dataset.train_size=1.5 is not allowed"),
        (
            {"name": "digits", "train_size": 5},
            "dataset.train_size=5 is not allowed; it takes a row for each of 10 classes",
        ),
        ({"name": "digits", "train_size": 5000}, "is not allowed; the split leaves 1077 training rows"),
        ({"name": "digits", "label_noise": 1.1}, "dataset.label_noise=1.1 is not allowed; it takes a number in [0, 1]"),
        ({"name": "diabetes", "label_noise": 0.1}, "dataset.label_noise=0.1 is not allowed; diabetes is a regression"),
        (
            {"name": "digits", "layout": "series"},
            "dataset.layout='series' is not allowed; it takes one of table, image",
        ),
        ({"name": "polynomial", "coefficients": []}, "dataset.coefficients=[] is not allowed"),
        ({"name": "polynomial", "n": 9}, "dataset.n=9 is not allowed"),
        ({"name": "mnist1d", "split": {"test": 0.2}}, "mnist1d has a test part of its own (1000 rows)"),
        ({"name": "csv", "target": "y"}, "dataset.path is required: dataset.path=FILE"),
        ({"name": "csv", "path": "???", "target": "y"}, "dataset.path is required: dataset.path=FILE"),
        ({"name": "parquet", "path": "a.parquet"}, "dataset.target is required: dataset.target=COLUMN"),
        ({"name": "idx"}, "dataset.train_images is required: dataset.train_images=FILE"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(values)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nested_settings_keep_the_defaults_of_their_data_set() -> None:
    assert load({"name": "polynomial", "split": {"val": 0.0}}).checksum == load({"name": "polynomial"}).checksum


class TestThirdParties:
    def register(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        entries = EntryPoints([EntryPoint(name, value, loading.GROUP)])
        monkeypatch.setattr(loading, "entry_points", lambda **choose: entries.select(**choose))

    def test_a_package_adds_a_data_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.register(monkeypatch, "ramp", f"{__name__}:Ramp")
        assert "ramp" in dataset_names()
        split = load({"name": "ramp", "n": 50, "standardize": False})
        rows = np.concatenate([split.train.x, split.val.x, split.test.x]).ravel()
        assert sorted(rows) == list(range(50))

    def test_a_package_cannot_replace_a_data_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.register(monkeypatch, "digits", f"{__name__}:Ramp")
        assert dataset_class("digits").__name__ == "Digits"

    @pytest.mark.parametrize(
        ("value", "message"), [("no_such_module:X", "cannot be imported"), ("math:pi", "not a subclass of Dataset")]
    )
    def test_a_broken_package_is_named(self, monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
        self.register(monkeypatch, "ramp", value)
        with pytest.raises(ConfigError, match=message):
            load({"name": "ramp"})
