"""Outputs of a replicate's fresh runs on its test rows, and what other models reach there."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.config.run_config import RunConfig
from regbench.evidence.arrays import Floats
from regbench.runs.threads import torch_threads
from regbench.studies.noise import measure_noise
from regbench.tasks import Task

if TYPE_CHECKING:
    from regbench.data.records import Split
    from regbench.data.repeats import Repeats
    from regbench.training.networks import Networks


@dataclass(frozen=True, kw_only=True)
class OutputsTask:
    """The fresh runs of one replicate, by arm, all on one cut.

    `reference` asks for other models on it, and `repeats` for rows that equal others; without `predicted` nothing is
    asked of the runs, whose folders may be gone.
    """

    replicate: int
    configs: Mapping[str, RunConfig]
    metric: str
    reference: bool
    repeats: bool
    seed: int
    base: Path
    predicted: bool = True


@dataclass(frozen=True)
class ReplicateOutputs:
    """Test rows of one replicate in the order of `rows`, their numbers in the source.

    `outputs` by arm `[n, C]` are logits, or numbers in the targets' own units; None where a run has none that are
    finite. `target` and `weight` are those of the rows, as the data have them. `constant` `[C]` is what the constant
    predictor says. `learnt` counts the rows of training and validation, 0 where they are not known. `noise` is the
    figure of each arm at the noises of `studies.noise`, `references` are rows of references.csv, and
    `repeats` tells of equal rows, None where there are none or nobody asked.
    """

    replicate: int
    rows: NDArray[np.int64]
    outputs: Mapping[str, Floats | None]
    target: NDArray[Any]
    weight: Floats
    constant: Floats
    learnt: int = 0
    noise: Mapping[str, Sequence[float]] = field(default_factory=dict)
    repeats: Repeats | None = None
    references: Sequence[Mapping[str, object]] = field(default_factory=tuple)


def compute_outputs(task: OutputsTask) -> ReplicateOutputs:
    """Read the data of a replicate once, and predict its test rows with every arm's fresh run."""
    import torch

    first = next(iter(task.configs.values()))
    with chdir(task.base), torch_threads(first.threads or 1), torch.no_grad():
        return _compute(task, first)


def _compute(task: OutputsTask, first: RunConfig) -> ReplicateOutputs:
    from regbench.data.loading import build_dataset
    from regbench.data.preparing import prepare
    from regbench.data.repeats import find_repeats
    from regbench.data.search_split import list_parts
    from regbench.runs.prepare import build_records

    dataset = build_dataset(first.dataset)
    raw = dataset.read()
    split = prepare(dataset, raw, build_records(first).input_type)
    parts = list_parts(dataset, raw)
    rows = np.asarray(parts.test, dtype=np.int64)
    outputs: dict[str, Floats | None] = {}
    noise: dict[str, Sequence[float]] = {}
    for arm, config in task.configs.items() if task.predicted else ():
        networks = _restore(config)
        outputs[arm] = None if networks is None else predict_test(networks, split)
        if networks is not None and outputs[arm] is not None:
            disturbed = measure_noise(networks, split, task.metric, task.seed)
            noise |= {} if disturbed is None else {arm: disturbed}
    test = split.test
    weights = np.ones(len(test.y)) if test.weights is None else np.asarray(test.weights, dtype=np.float64)
    return ReplicateOutputs(
        replicate=task.replicate,
        rows=rows,
        outputs=outputs,
        target=own_units(np.asarray(test.y), split),
        weight=weights,
        constant=predict_constant(split),
        learnt=len(split.train.y) + len(split.val.y),
        noise=noise,
        repeats=find_repeats(raw, parts) if task.repeats else None,
        references=_measure_references(task, split),
    )


def _restore(config: RunConfig) -> Networks | None:
    """Return the networks that a fresh run trained; None where it failed, or diverged before it had a best epoch.

    The weights of the latter are the initial ones, which know nothing.
    """
    from regbench.runs.load_model import restore_model
    from regbench.statuses import RunState
    from regbench.store.run_files import read_result

    result = read_result(config.folder() / "result.json") or {}
    status = result.get("status")
    if status == RunState.FAILED.value or (status == RunState.DIVERGED.value and not result.get("best_epoch")):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a run diverged is said of the arm, not of each prediction
        return restore_model(config.folder(), config, result).networks()


def predict_test(networks: Networks, split: Split) -> Floats | None:
    """Return what a fresh run says about the test rows; None where it has nothing finite to say."""
    import torch

    from regbench.training.evaluation import predict

    x = torch.from_numpy(np.ascontiguousarray(split.test.x)).to(networks.flat)
    found = predict(networks, x)[0].to(torch.float64).numpy()
    return own_units(found, split) if np.isfinite(found).all() else None


def own_units(values: NDArray[Any], split: Split) -> NDArray[Any]:
    """Return standardised numbers `[n, C]` in the targets' own units; classes and labels as they are."""
    if split.task != Task.REGRESSION:
        return values
    numbers = values.reshape(len(values), -1).astype(np.float64)
    scale = np.asarray(split.target_scale, dtype=np.float64)
    mean = np.asarray(split.preprocessing.target_mean, dtype=np.float64)
    found: NDArray[Any] = numbers * scale + mean
    return found


def predict_constant(split: Split) -> Floats:
    """Return the outputs of a predictor that knows the training targets alone: shares of classes, or means."""
    y = np.asarray(split.train.y)
    if split.task == Task.CLASSIFICATION:
        counts = np.bincount(y, minlength=len(split.classes)) + 1e-6
        shares: Floats = np.log(counts / counts.sum())
        return shares
    if split.task == Task.MULTILABEL:
        held = y.mean(0).clip(1e-6, 1 - 1e-6)
        odds: Floats = np.log(held / (1 - held))
        return odds
    means: Floats = own_units(y.reshape(len(y), -1), split).mean(0)
    return means


def _measure_references(task: OutputsTask, split: Split) -> list[Mapping[str, object]]:
    if not task.reference:
        return []
    from regbench.studies.references import measure_references

    return [
        {
            "replicate": task.replicate,
            "reference": found.name,
            f"val_{task.metric}": found.val,
            f"test_{task.metric}": found.test,
            "val_error": found.error,
        }
        for found in measure_references(split, task.metric, task.seed)
    ]
