"""A study that was judged, read back from its folder: plan, verdict, fresh runs, and their outputs on test rows."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.errors import ConfigError, RegbenchError, escape
from regbench.evidence.arrays import Floats
from regbench.studies.arms import AS_TYPED
from regbench.studies.outputs import ReplicateOutputs
from regbench.studies.plan import Pilot, Sizes, estimate_training
from regbench.studies.study_folder import FRESH, PLAN, ROWS, VERDICT, StudyFolder
from regbench.studies.testing import TRUTH

SCHEMA = 1

MADE = ("split", "train_size", "label_noise", "imbalance", "standardize", "standardize_target")
"""Settings of a data set that cut, thin or scale its rows: with others of these it is the same data set."""

IN_PLAN = ("identity", "name", "data", "metric", "baseline", "arms", "sizes", "looks", "cut", "estimate", "pilot")
IN_VERDICT = ("complete", "look", "alpha", "metric", "rope", "baseline", "arms", "references", "diagnosis", "notes")
IN_FRESH = ("arm", "replicate", "status")

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class StoredStudy:
    """A study as its folder holds it; `plan` is study.json and `verdict` verdict.json."""

    folder: StudyFolder
    plan: Mapping[str, Any]
    verdict: Mapping[str, Any]
    fresh: pd.DataFrame

    @property
    def shown(self) -> str:
        """The folder, for a person."""
        return escape(str(self.folder.path))

    @property
    def task(self) -> str:
        """Classification, regression or multilabel."""
        return str(self.plan["data"]["task"])

    @property
    def names(self) -> list[str]:
        """The arms, the baseline among them."""
        return [str(arm["name"]) for arm in self.plan["arms"]]

    @property
    def labels(self) -> list[str]:
        """Names of it as a data set, the shortest first, the last one its folder."""
        return [str(self.plan["data"]["name"]), str(self.plan["name"]), str(self.folder.path)]

    @property
    def source(self) -> tuple[object, ...]:
        """What tells the data set from others, however its rows are cut, thinned or scaled."""
        settings = self.plan["identity"]["dataset"]
        return tuple(sorted((key, repr(value)) for key, value in settings.items() if key not in MADE))

    @property
    def overlap(self) -> float:
        """n_test/n_train where the study's intervals are corrected by it, else 0."""
        return float(self.verdict.get("interval", {}).get("overlap", 0.0))

    def estimate_replicate(self) -> float:
        """Return the seconds that a further replicate takes, as the plan estimates it."""
        pilots, sizes = [Pilot(**self.plan["pilot"][name]) for name in self.names], Sizes(**self.plan["sizes"])
        points = self.plan.get("curves", {}).get("points", 0)
        whole = estimate_training(pilots, sizes, self.plan["estimate"]["workers"], points)
        return whole / sizes.replicates


def read_study(name: str) -> StoredStudy:
    """Return the study of a folder.

    Raises:
        ConfigError: it was not judged yet, is of another version, or damaged.
    """
    folder = StudyFolder(Path(name))
    shown = escape(name)
    try:
        plan, verdict, fresh = folder.read_json(PLAN), folder.read_json(VERDICT), folder.read_table(FRESH)
    except (RegbenchError, OSError, ValueError) as error:
        raise ConfigError(str(error) if isinstance(error, RegbenchError) else f"{shown} is damaged: {error}") from error
    if plan is None or plan.get("schema") != SCHEMA:
        raise ConfigError(f"{shown} holds a study of another version of regbench")
    if verdict is None or fresh is None:
        raise ConfigError(f"{shown} holds a study that is not judged yet; give its command again, which resumes it")
    for file, known, needed in ((PLAN, plan, IN_PLAN), (VERDICT, verdict, IN_VERDICT), (FRESH, fresh, IN_FRESH)):
        if lacking := [key for key in needed if key not in known]:
            raise ConfigError(f"{shown}/{file} is damaged: it lacks {lacking[0]}")
    return StoredStudy(folder, plan, verdict, fresh)


def read_outputs(study: StoredStudy) -> list[ReplicateOutputs] | None:
    """Return the outputs of all arms by replicate; None where rows/ lacks an arm, as with folds of unequal size.

    Raises:
        ConfigError: the files do not fit together.
    """
    try:
        truth = study.folder.read_arrays(TRUTH)
        stored = {name: study.folder.read_arrays(f"{ROWS}/{name}.npz") for name in [*study.names, AS_TYPED]}
        found = {name: arrays for name, arrays in stored.items() if arrays is not None}
        if truth is None or len(found) < len(stored):
            return None
        return _join(found, truth)
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        told = f"{study.shown}/{ROWS} is damaged or being written ({escape(str(error))})"
        raise ConfigError(f"{told}; the study's own command writes it anew, without training") from error


def _join(outputs: Mapping[str, Arrays], truth: Arrays) -> list[ReplicateOutputs]:
    first = next(iter(outputs.values()))
    if any(not np.array_equal(first[key], own[key]) for own in outputs.values() for key in ("replicate", "rows")):
        raise ValueError("arms have different replicates")
    if not np.array_equal(first["replicate"], truth["replicate"]):
        raise ValueError("outputs and truth have different replicates")
    parts = []
    for place, replicate in enumerate(first["replicate"].tolist()):
        rows = first["rows"][place]
        numbers = np.searchsorted(truth["rows"], rows)
        if not np.array_equal(truth["rows"][numbers], rows):
            raise ValueError("a row without its truth")
        parts.append(
            ReplicateOutputs(
                replicate=int(replicate),
                rows=rows,
                outputs={name: _read_finite(own["outputs"][place]) for name, own in outputs.items()},
                target=truth["target"][numbers],
                weight=truth["weight"][numbers],
                constant=truth["constant"][place],
                noise={},
            )
        )
    return parts


def _read_finite(outputs: NDArray[Any]) -> Floats | None:
    """Return outputs in double precision; None where a run had none that are finite."""
    return outputs.astype(np.float64) if np.isfinite(outputs).all() else None


def check_distinct(studies: Sequence[StoredStudy]) -> None:
    """Refuse two studies of one data set: ranks over data sets would count it twice.

    Raises:
        ConfigError: two have the same prepared rows, or the same source whatever part of it they take.
    """
    for place, study in enumerate(studies):
        for other in studies[:place]:
            same = study.plan["data"]["checksum"] == other.plan["data"]["checksum"]
            if same or study.source == other.source:
                raise ConfigError(
                    f"{other.shown} and {study.shown} are studies of the same data "
                    f"({escape(str(study.plan['data']['name']))}), which would count twice over data sets; arms of the "
                    "same data belong into one study: study.arms=..."
                )
