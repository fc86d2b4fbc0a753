"""From the `dataset` mapping of a configuration to the data of a run. Imports numpy only when data is loaded."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from regbench.config.containers import declared
from regbench.config.fields import build
from regbench.errors import ConfigError, suggest

if TYPE_CHECKING:
    from regbench.data.dataset import Dataset
    from regbench.data.records import Split

GROUP = "regbench.datasets"
SOURCES = {
    "digits": "regbench.data.bundled:Digits",
    "breast_cancer": "regbench.data.bundled:BreastCancer",
    "wine": "regbench.data.bundled:Wine",
    "iris": "regbench.data.bundled:Iris",
    "diabetes": "regbench.data.bundled:Diabetes",
    "polynomial": "regbench.data.synthetic:Polynomial",
    "moons": "regbench.data.synthetic:Moons",
    "circles": "regbench.data.synthetic:Circles",
    "spirals": "regbench.data.synthetic:Spirals",
    "mnist1d": "regbench.data.mnist1d:Mnist1d",
    "idx": "regbench.data.idx:Idx",
    "npz": "regbench.data.npz:Npz",
    "openml": "regbench.data.openml:OpenMl",
    "csv": "regbench.data.tables:Csv",
    "parquet": "regbench.data.tables:Parquet",
    "arff": "regbench.data.arff:Arff",
    "keel": "regbench.data.keel:Keel",
    "libsvm": "regbench.data.libsvm:Libsvm",
    "series": "regbench.data.series:Series",
    "forecast": "regbench.data.forecast:Forecast",
    "image_folder": "regbench.data.image_folder:ImageFolder",
    "text": "regbench.data.text:Text",
}


def dataset_names() -> list[str]:
    """Return the names of all data sets, regbench's own and those of installed packages, sorted."""
    return sorted({*SOURCES, *entry_points(group=GROUP).names})


def dataset_class(name: str) -> type[Dataset]:
    """Return the class of a data set by name; regbench's own names cannot be taken by a package.

    Raises:
        ConfigError: no data set has this name, or a package's entry point does not lead to one.
    """
    from regbench.data.dataset import Dataset

    if name not in dataset_names():
        raise ConfigError(f"dataset={name}: unknown data set; {suggest(name, dataset_names())}")
    if name in SOURCES:
        module, _, attribute = SOURCES[name].partition(":")
        found: object = getattr(importlib.import_module(module), attribute)
    else:
        found = _load_entry(next(iter(entry_points(group=GROUP, name=name))))
    if not (isinstance(found, type) and issubclass(found, Dataset)):
        raise ConfigError(f"dataset={name}: its entry point leads to {found!r}, which is not a subclass of Dataset")
    return found


def load(values: Mapping[str, object]) -> Split:
    """Read a data set and cut it into training, validation and test rows.

    Args:
        values: the `dataset` mapping of the configuration, with the data set's `name`.

    Raises:
        ConfigError: a setting is not allowed, or the data cannot be used as the settings say.
    """
    from regbench.data.preparing import prepare

    dataset = build_dataset(values)
    return prepare(dataset, dataset.read())


def build_dataset(values: Mapping[str, object]) -> Dataset:
    """Turn the `dataset` mapping of a configuration, with the data set's `name`, into a record; nothing is read.

    Raises:
        ConfigError: a setting is not allowed.
    """
    from regbench.data.dataset import REQUIRED
    from regbench.data.split_settings import check_settings

    name = values.get("name")
    if not isinstance(name, str):
        raise ConfigError(f"dataset.name={name!r} is not allowed; it takes the name of a data set")
    source = dataset_class(name)
    dataset = build(source, _read_names(source, values), "dataset")
    for field in dataclasses.fields(dataset):
        if getattr(dataset, field.name) == REQUIRED:
            noun = "COLUMN" if field.name in ("target", "time") else "FILE"
            raise ConfigError(f"dataset.{field.name} is required: dataset.{field.name}={noun}")
    check_settings(dataset)
    return dataset


def _read_names(source: type[Dataset], values: Mapping[str, object]) -> dict[str, object]:
    """Return the settings with whole numbers as texts where texts are due: a column may be called 3."""
    kinds = declared(source)
    return {key: kinds[key].read_name(value) if key in kinds else value for key, value in values.items()}


def _load_entry(entry: EntryPoint) -> object:
    try:
        found: object = entry.load()
    except (ImportError, AttributeError) as reason:
        raise ConfigError(f"dataset={entry.name}: the entry point {entry.value} cannot be imported: {reason}") from None
    return found
