"""Which inputs a trained network uses: those of which some weight in its first layer is not exactly zero."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regbench.models.layers import Flatten, Linear
from regbench.models.network import Network, TapPoint
from regbench.training.networks import Networks
from regbench.training.training_set import TrainingSet


def list_inputs(best: Networks, data: TrainingSet, place: int) -> dict[str, object]:
    """Return the inputs that one run keeps and drops, `{"inputs": {"kept": [...], "dropped": [...]}}`.

    Nothing where no regularizer of the run sets weights to zero, or where the first layer does not weigh each input by
    itself. An ensemble keeps what one of its networks keeps; a column that is encoded as several inputs is dropped if
    all of them are.

    Args:
        best: the networks of all runs.
        data: the rows they were trained on, which name the columns.
        place: the run.
    """
    size = best.spec.ensemble_size
    own = slice(place * size, (place + 1) * size)
    first = _find_first(best.spec.network)
    selecting = any(r.selects_inputs for member in best.members[own] for r in member.regularizers.values())
    if first is None or not selecting:
        return {}
    weight = best.layout.views(best.flat[own])[f"{first.name}.weight"]  # [M, outputs, inputs]
    used = (weight != 0.0).any(0).any(0)
    names = _name_columns(data.columns, _group(used, data.columns))
    return {
        "inputs": {
            "kept": [name for name, keeps in names if keeps],
            "dropped": [name for name, keeps in names if not keeps],
        }
    }


def _find_first(network: Network) -> Linear | None:
    """Return the layer that weighs each input by itself; None where there is none."""
    layer = next(layer for layer in network.layers if not isinstance(layer, (Flatten, TapPoint)))
    return layer if isinstance(layer, Linear) else None


def _group(used: Tensor, columns: Sequence[tuple[str, int]]) -> list[bool]:
    """Return for each column whether one of its inputs is used; without columns, for each input."""
    widths = [width for _, width in columns] or [1] * len(used)
    return [bool(part.any()) for part in torch.split(used, widths)]


def _name_columns(columns: Sequence[tuple[str, int]], used: Sequence[bool]) -> list[tuple[str, bool]]:
    names = [name for name, _ in columns] or [str(number) for number in range(len(used))]
    return list(zip(names, used, strict=True))
