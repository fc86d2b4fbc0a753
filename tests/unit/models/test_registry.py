"""Which models there are, what their configuration files hold, and what is refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
import yaml

from regbench.config import registry
from regbench.config.paths import config_dir
from regbench.config.registry import Registry
from regbench.errors import ConfigError
from regbench.models.base import DataShape, Model
from regbench.models.network import Network
from regbench.models.registry import build_model, names

SHIPPED = ["cnn", "conv1d", "linear", "mlp", "polynomial"]


def rows(layout: str, *shape: int) -> DataShape:
    return DataShape("classification", layout, shape, 3, np.zeros((4, *shape)))


def test_the_shipped_models_are_found() -> None:
    assert [name for name in names() if name in SHIPPED] == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_configuration_file_holds_every_field_with_its_default(name: str) -> None:
    with open(f"{config_dir()}/model/{name}.yaml") as file:
        values = yaml.safe_load(file)
    model = build_model({"name": name})
    assert build_model(values) == model
    assert values.keys() == {"name", *(field.name for field in dataclasses.fields(model))}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "mpl"}, "did you mean 'mlp'"),
    ({"name": "base"}, "no such model"),
    ({"name": None}, "takes one of cnn, conv1d, linear, mlp, polynomial"),
    ({}, "takes one of cnn, conv1d, linear, mlp, polynomial"),
    ({"name": "mlp", "width": 3}, "did you mean 'widths'"),
    ({"name": "mlp", "widths": []}, "at least one width"),
    ({"name": "mlp", "widths": [0]}, r"model.widths\[0\]=0 .* \[1, "),
    ({"name": "mlp", "widths": [8, 4], "depth": 3}, "needs one width for all layers"),
    ({"name": "mlp", "depth": 0}, "whole number"),
    ({"name": "mlp", "activation": "relux"}, "one of relu, tanh"),
    ({"name": "mlp", "initialisation": "zeros"}, "one of torch, he_normal"),
    ({"name": "polynomial", "degree": 21}, r"whole number in \[1, 20\]"),
    ({"name": "polynomial", "basis": "legendre"}, "one of raw, orthogonal"),
    ({"name": "cnn", "kernel": 4}, "odd number"),
    ({"name": "cnn", "channels": []}, "for each convolution"),
    ({"name": "conv1d", "channels": 2.5}, "whole number"),
]


@pytest.mark.parametrize(("values", "line"), REFUSED)
def test_settings_that_cannot_be_used_are_refused_in_one_line(values: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as refusal:
        build_model(values)
    assert "\n" not in str(refusal.value)


UNFIT = [
    ("cnn", rows("table", 13), r"cnn needs images \[C, H, W\] .* a table of 13 columns \(use linear or mlp\)"),
    ("cnn", rows("table", 1), "a table of 1 column "),
    ("cnn", rows("series", 1, 40), r"series of 1 x 40 \(channels, steps\)"),
    ("cnn", rows("image", 1, 3, 8), "at least 4 x 4; the data set is images of 1 x 3 x 8"),
    ("conv1d", rows("table", 40), r"conv1d needs series \[C, L\] .* a table of 40 columns"),
    ("conv1d", rows("image", 1, 8, 8), "the data set is images of 1 x 8 x 8"),
    ("conv1d", rows("series", 1, 2), "at least 3 steps"),
    ("polynomial", rows("image", 1, 8, 8), "polynomial needs a table"),
]


@pytest.mark.parametrize(("name", "data", "line"), UNFIT)
def test_a_model_that_does_not_fit_the_data_is_refused_in_one_line(name: str, data: DataShape, line: str) -> None:
    with pytest.raises(ConfigError, match=line) as refusal:
        build_model({"name": name}).build(data)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["linear", "mlp"])
@pytest.mark.parametrize("data", [rows("table", 13), rows("series", 1, 40), rows("image", 1, 8, 8)])
def test_dense_models_fit_every_layout(name: str, data: DataShape) -> None:
    network = build_model({"name": name}).build(data)
    assert network.input_shape == data.shape
    assert network.outputs == 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Own(Model):
    """A model of another package."""

    def build(self, data: DataShape) -> Network:
        """Return a network without layers."""
        return Network((), data.shape, data.outputs)


def installed(monkeypatch: pytest.MonkeyPatch, **points: str) -> Registry[Model]:
    """Return the registry of models as it is where packages with these entry points are installed."""
    found = {name: EntryPoint(name, value, "regbench.models") for name, value in points.items()}
    monkeypatch.setattr(registry, "_installed", lambda group: found if group == "regbench.models" else {})
    from regbench.models.registry import MODELS

    return MODELS


def test_a_package_adds_a_model_and_cannot_take_a_shipped_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "own_models", sys.modules[__name__])
    models = installed(monkeypatch, own="own_models:Own", mlp="own_models:Own")
    assert models.names() == sorted([*SHIPPED, "own"])
    assert models.load("own") is Own
    assert models.load("mlp").__module__ == "regbench.models.mlp"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("no_such_module_x:Own", "model=own: its entry point no_such_module_x:Own cannot be imported"),
        ("regbench.models.mlp:Nothing", "cannot be imported"),
        ("regbench.models.network:Network", "is not a subclass of Model"),
        ("regbench.models.registry:build_model", "is not a subclass of Model"),
    ],
)
def test_a_broken_entry_point_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, value: str, line: str) -> None:
    with pytest.raises(ConfigError, match=line) as refusal:
        installed(monkeypatch, own=value).load("own")
    assert "\n" not in str(refusal.value)


def test_names_are_listed_without_importing_torch() -> None:
    code = "import sys; from regbench.models.registry import names; names(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
