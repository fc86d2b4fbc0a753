"""Result of a run: figures at the best and at the last epoch, measured on all rows of every part."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regbench.metrics import LOSS
from regbench.training.evaluation import measure_outputs, measure_parts
from regbench.training.networks import Networks
from regbench.training.spec import TrainingSpec
from regbench.training.tracking import Ending, Track
from regbench.training.training_set import TrainingSet


def describe_results(
    last: Networks, best: Networks, data: TrainingSet, tracks: Sequence[Track], endings: Sequence[Ending]
) -> list[dict[str, object]]:
    """Return the content of result.json for each run: its best weights restored, evaluated again, and its last."""
    spec = best.spec
    at_best, at_last = measure_all(best, data), measure_all(last, data)
    by_output = [measure_outputs(best, part) for part in data.parts] if spec.facts.outputs else []
    return [
        {
            "status": ending.state.value,
            "stopping": {"rule": spec.schedule.stop.name, "reason": ending.reason},
            "best_epoch": track.best_epoch,
            "epochs": track.epoch,
            "rolled_back_to": track.best_epoch if ending.ranked or track.best_epoch != track.epoch else None,
            "best": _figures(spec, at_best[place]),
            "last": _figures(spec, at_last[place]),
            "rows": _count_rows(data),
            **_name_outputs(spec, [part[place] for part in by_output]),
            "parameters": best.layout.total * spec.ensemble_size,
            "seconds": track.seconds,
            "effects": {name: _effects(name, track) for name in spec.regularizers},
        }
        for place, (track, ending) in enumerate(zip(tracks, endings, strict=True))
    ]


def measure_all(networks: Networks, data: TrainingSet) -> Tensor:
    """Return loss and metric of every run on train, validation and test, `[S, parts, 2]`.

    Each part is measured by itself, as whoever has only the rows of one part will: a product with other rows beside
    them may be rounded otherwise.
    """
    return torch.cat([measure_parts(networks, part, [len(part.x)]) for part in data.parts], 1)


def _name_outputs(spec: TrainingSpec, parts: Sequence[Tensor]) -> dict[str, object]:
    """Return the metric at the best epoch of each of several numbers or labels, by name and part; `parts` `[C]`."""
    if not parts:
        return {}
    names = ("train", "val", "test") if len(parts) == 3 else ("train", "test")
    table = torch.stack(list(parts), 1).tolist()
    return {
        "targets": {
            output: {part: {spec.metric.name: value} for part, value in zip(names, values, strict=True)}
            for output, values in zip(spec.facts.outputs, table, strict=True)
        }
    }


def _figures(spec: TrainingSpec, parts: Tensor) -> dict[str, dict[str, float] | None]:
    """Name the figures `[parts, 2]`; without a validation part its entry is None."""
    named = [dict(zip((LOSS.name, spec.metric.name), values, strict=True)) for values in parts.tolist()]
    return {"train": named[0], "val": named[1] if len(named) == 3 else None, "test": named[-1]}


def _count_rows(data: TrainingSet) -> dict[str, int]:
    """Return the rows of each part; without a validation part it has none."""
    counts = [len(part.x) for part in data.parts]
    return {"train": counts[0], "val": counts[1] if len(counts) == 3 else 0, "test": counts[-1]}


def _effects(name: str, track: Track) -> dict[str, float | None]:
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in track.effects.items() if key.startswith(prefix)}
