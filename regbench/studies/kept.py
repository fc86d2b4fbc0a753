"""What is left of fresh runs whose folders were removed: their rows of fresh.csv, and what they said of test rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.errors import RegbenchError, escape
from regbench.studies.outputs import ReplicateOutputs
from regbench.studies.study_folder import KEPT, StudyFolder

if TYPE_CHECKING:
    from regbench.studies.fresh import FreshRun

SCHEMA = 1
INDEX = f"{KEPT}/kept.json"
Row = Mapping[str, object]


@dataclass(frozen=True)
class Kept:
    """Rows of fresh.csv by arm and replicate, and the outputs of those replicates in their order.

    `trained` counts the training rows of the runs by run id; `curves` are rows of curves.csv by arm and run id.
    """

    rows: Mapping[tuple[str, int], Row]
    outputs: tuple[ReplicateOutputs, ...]
    trained: Mapping[str, int] = field(default_factory=dict)
    curves: Mapping[tuple[str, str], Row] = field(default_factory=dict)

    @property
    def replicates(self) -> frozenset[int]:
        """The replicates whose runs need no folder."""
        return frozenset(part.replicate for part in self.outputs)


NOTHING = Kept({}, ())


def write_kept(folder: StudyFolder, kept: Kept) -> None:
    """Write what replaces the folders of all fresh runs, the index last: where it lies, the rest is there."""
    arms = list(kept.outputs[0].outputs)
    for part in kept.outputs:
        folder.write_arrays(_name(part.replicate), _list_arrays(part, arms))
    index = {
        "schema": SCHEMA,
        "arms": arms,
        "rows": [_list_cells(row) for row in kept.rows.values()],
        "curves": [_list_cells(row) for row in kept.curves.values()],
        "trained": dict(kept.trained),
        "parts": [_describe(part) for part in kept.outputs],
    }
    folder.write_json(INDEX, index)


def read_kept(folder: StudyFolder, runs: Iterable[FreshRun]) -> Kept:
    """Return what is kept of these runs; of a replicate with another run nothing.

    Raises:
        RegbenchError: the files are damaged.
    """
    index = folder.read_json(INDEX)
    if index is None or index.get("schema") != SCHEMA:
        return NOTHING
    try:
        rows = {(str(row["arm"]), int(row["replicate"])): row for row in map(dict, index["rows"])}
        curves = {(str(row["arm"]), str(row["run"])): row for row in map(dict, index["curves"])}
        other = {run.replicate for run in runs if _find_run(rows, run) != run.config.run_id()}
        known = [facts for facts in index["parts"] if facts["replicate"] not in other]
        outputs = tuple(_restore(folder, facts, index["arms"]) for facts in known)
    except (KeyError, TypeError, ValueError, OSError) as error:
        told = f"{escape(str(folder.path / KEPT))} is damaged ({escape(str(error))})"
        raise RegbenchError(f"{told}; remove it, and the fresh runs are trained again") from error
    numbers = {part.replicate for part in outputs}
    own = {place: row for place, row in rows.items() if place[1] in numbers}
    return Kept(own, outputs, index["trained"], curves)


def _find_run(rows: Mapping[tuple[str, int], Row], run: FreshRun) -> object:
    return rows.get((run.arm, run.replicate), {}).get("run")


def _name(replicate: int) -> str:
    return f"{KEPT}/{replicate}.npz"


def _list_arrays(part: ReplicateOutputs, arms: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of a replicate; outputs are numbered, because an arm may have any name."""
    fixed = {"rows": part.rows, "target": part.target, "weight": part.weight, "constant": part.constant}
    found = {f"arm{number}": part.outputs[arm] for number, arm in enumerate(arms)}
    return {**fixed, **{name: values for name, values in found.items() if values is not None}}


def _describe(part: ReplicateOutputs) -> dict[str, object]:
    return {
        "replicate": part.replicate,
        "learnt": part.learnt,
        "noise": _make_plain(part.noise),
        "references": [_list_cells(row) for row in part.references],
        "repeats": None if part.repeats is None else asdict(part.repeats),
    }


def _list_cells(row: Row) -> list[list[object]]:
    """Return the cells of a row in their order, which JSON with sorted keys would lose."""
    return [[key, _make_plain(value)] for key, value in row.items()]


def _restore(folder: StudyFolder, facts: Mapping[str, Any], arms: Sequence[str]) -> ReplicateOutputs:
    from regbench.data.repeats import Repeats

    arrays = folder.read_arrays(_name(facts["replicate"]))
    if arrays is None:
        raise ValueError(f"{_name(facts['replicate'])} is missing")
    return ReplicateOutputs(
        replicate=facts["replicate"],
        rows=arrays["rows"],
        outputs={arm: arrays.get(f"arm{number}") for number, arm in enumerate(arms)},
        target=arrays["target"],
        weight=arrays["weight"],
        constant=arrays["constant"],
        learnt=facts["learnt"],
        noise=facts["noise"],
        references=[dict(row) for row in facts["references"]],
        repeats=None if facts["repeats"] is None else Repeats(**facts["repeats"]),
    )


def _make_plain(value: object) -> object:
    """Return JSON values, numbers in full; None for those that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): _make_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_make_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
