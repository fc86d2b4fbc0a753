"""Record of what a run fits to its data and a network needs to predict, stored in the run's folder at its start.

`preprocessing.json` holds the preprocessing and the facts that regularizers may ask about. Models with a part that is
fitted to the training inputs find these in `preprocessing.safetensors`, which other runs do not have.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Floats
from regbench.errors import ConfigError
from regbench.store.checkpoint import read_checkpoint, write_checkpoint
from regbench.store.run_files import read_optional
from regbench.store.sealed_json import read_sealed, seal

if TYPE_CHECKING:
    from regbench.regularizers.base import Facts
    from regbench.store.run_folder import RunFolder

SCHEMA = 2
DERIVED = {"sites", "layers", "categories"}
"""Facts that are not stored."""

FACTS, ARRAYS = "preprocessing.json", "preprocessing.safetensors"


@dataclass(frozen=True)
class Fitted:
    """Fitted preprocessing, facts about the data, and the training inputs for a model that is fitted to them.

    `facts` are the fields of `Facts`, what regularizers may ask about, without those that follow from the network
    (sites) and the preprocessing (categories).
    """

    preprocessing: Preprocessing
    facts: dict[str, Any]
    inputs: Floats | None

    @cached_property
    def sealed(self) -> bytes:
        """The content of `preprocessing.json`: the same for all runs of a cohort, so made once."""
        facts = {"schema": SCHEMA, "preprocessing": self.preprocessing.to_json(), "facts": self.facts}
        return seal(facts)


def collect_fitted(preprocessing: Preprocessing, facts: Facts, inputs: Floats | None) -> Fitted:
    """Return what is stored of a run that begins."""
    names = {field.name for field in dataclasses.fields(facts)} - DERIVED
    plain = {name: getattr(facts, name) for name in sorted(names)}
    return Fitted(preprocessing, plain, inputs)


def store_fitted(fitted: Fitted, folder: RunFolder) -> None:
    """Write what was fitted into a run's folder, unless it is there: a run that is resumed has it already.

    Raises:
        StorageError: the disk refused.
    """
    if fitted.inputs is not None:
        import torch

        inputs = torch.from_numpy(np.ascontiguousarray(fitted.inputs))
        write_checkpoint(folder.path / ARRAYS, {"inputs": inputs}, {})
    if read_optional(folder.path / FACTS) != fitted.sealed:
        folder.write(FACTS, fitted.sealed)


def read_fitted(folder: Path, *, with_inputs: bool) -> Fitted:
    """Read what `store_fitted` wrote.

    Raises:
        ConfigError: the run was trained by a version that stored nothing, or stored it in another form.
        RegbenchError: a file is damaged.
    """
    try:
        stored = read_sealed(folder / FACTS)
    except FileNotFoundError:
        raise ConfigError(
            f"{folder} holds no {FACTS}: an earlier regbench trained it; train it again with resume=fresh to predict"
        ) from None
    if stored.get("schema") != SCHEMA:
        raise ConfigError(
            f"{folder / FACTS} has schema version {stored.get('schema')}, this regbench has {SCHEMA}; "
            "use that one, or train again with resume=fresh"
        )
    facts = {name: tuple(value) if isinstance(value, list) else value for name, value in stored["facts"].items()}
    inputs = read_checkpoint(folder / ARRAYS).tensors["inputs"].numpy() if with_inputs else None
    return Fitted(Preprocessing.from_json(stored["preprocessing"]), facts, inputs)
