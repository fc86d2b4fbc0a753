"""A trained run's networks from its configuration, what was fitted, and its weights: no data are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from regbench.losses import log_probabilities
from regbench.models.base import DataShape
from regbench.randomness import Randomness
from regbench.regularizers.base import Facts
from regbench.runs.fitted import Fitted
from regbench.runs.prepare import Records
from regbench.store.checkpoint import check_tensors
from regbench.tasks import Task
from regbench.training.cohort import Member, Networks
from regbench.training.evaluation import FEWEST_ROWS, predict
from regbench.training.layout import Layout
from regbench.training.spec import TrainingSpec, make_spec


def rebuild_spec(records: Records, fitted: Fitted) -> TrainingSpec:
    """Return what the run was trained with: the network as built for its data, regularizers and schedule.

    Raises:
        ConfigError: model or regularizers do not fit what was stored.
    """
    shape = fitted.preprocessing.shape
    inputs = np.empty((0, *shape)) if fitted.inputs is None else fitted.inputs
    outputs = len(fitted.preprocessing.classes) or 1
    data = DataShape(fitted.preprocessing.task, fitted.preprocessing.layout, shape, outputs, inputs)
    network = records.model.build(data)
    facts = Facts(**{**fitted.facts, "task": Task(fitted.preprocessing.task), "sites": network.sites})
    return make_spec(network, records.regularizers, records.schedule, facts)


def order_weights(spec: TrainingSpec, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a run's weights and buffers in the order of its network; an ensemble's have one more axis in front.

    Raises:
        CheckpointError: a tensor is missing, unknown, or of another shape or type.
    """
    expected = spec.network.initial_weights(Randomness(0), spec.dtype) | spec.network.initial_buffers(spec.dtype)
    size = spec.ensemble_size
    check_tensors({k: v.expand(size, *v.shape) if size > 1 else v for k, v in expected.items()}, tensors)
    return {name: tensors[name] for name in expected}


def rebuild_networks(spec: TrainingSpec, tensors: Mapping[str, Tensor]) -> Networks:
    """Return the networks of one run with these weights and buffers by name, as evaluation takes them."""
    size = spec.ensemble_size
    stacked = dict(tensors) if size > 1 else {name: tensor.unsqueeze(0) for name, tensor in tensors.items()}
    buffers = {name: stacked.pop(name) for name in spec.network.initial_buffers(spec.dtype)}
    layout = Layout({name: weight[0] for name, weight in stacked.items()})
    member = Member(0, spec.regularizers, spec.schedule.optimizer)
    return Networks(spec, layout, [member] * size, layout.flatten(stacked, stacked=True), buffers)


def predict_one_by_one(networks: Networks, x: Tensor) -> Tensor:
    """Return what `predict` does for one run, `[N, C]`, without stacking an ensemble's members.

    For tools that follow a computation with a variable number of rows, at most `MOST_TRACED_ROWS`.
    """
    spec = networks.spec
    if spec.ensemble_size == 1:
        return predict(networks, x)[0]
    (name, combining), *_ = spec.stages["ensemble_size"]
    regularizers = {other: r for other, r in spec.regularizers.items() if other != name}
    alone, member = replace(spec, regularizers=regularizers), replace(networks.members[0], regularizers=regularizers)
    numbers = torch.arange(spec.ensemble_size).split(1)
    each = [replace(networks.select(number), spec=alone, members=[member]) for number in numbers]
    outputs = torch.stack([predict(network, x)[0] for network in each])
    classify = spec.facts.task == Task.CLASSIFICATION
    return combining.combine(log_probabilities(outputs) if classify else outputs, spec.facts)


MOST_TRACED_ROWS = FEWEST_ROWS
"""Rows that `predict` certainly takes in one pass."""
