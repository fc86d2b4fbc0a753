"""A trained run's networks from its configuration, what was fitted, and its weights: no data are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from regbench.training.evaluation import compute_outputs
from regbench.training.layout import Layout
from regbench.training.networks import Member, Networks
from regbench.training.spec import TrainingSpec, make_spec


def rebuild_spec(records: Records, fitted: Fitted) -> TrainingSpec:
    """Return what the run was trained with: the network as built for its data, regularizers and schedule.

    Raises:
        ConfigError: model or regularizers do not fit what was stored.
    """
    preprocessing = fitted.preprocessing
    shape = preprocessing.shape
    inputs = np.empty((0, *shape)) if fitted.inputs is None else fitted.inputs
    data = DataShape(preprocessing.task, preprocessing.layout, shape, preprocessing.width, inputs)
    network = records.model.build(data)
    facts = Facts(
        **{**fitted.facts, "task": Task(preprocessing.task)},
        sites=network.sites,
        layers=network.layers,
        categories=preprocessing.categories,
    )
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


def split_members(networks: Networks) -> list[Networks]:
    """Return the networks of one run, each by itself."""
    return [networks.select(number) for number in torch.arange(networks.spec.ensemble_size).split(1)]


def predict_in_one_pass(members: Sequence[Networks], x: Tensor) -> Tensor:
    """Return what `predict` does for one run, `[N, C]`, for tools that follow a computation of any number of rows.

    Rows are not cut into blocks, and the networks of an ensemble are computed one after the other, not stacked.
    """
    spec = members[0].spec
    outputs = torch.stack([compute_outputs(member, x)[0] for member in members])
    if spec.ensemble_size == 1:
        return outputs[0]
    (_, combining), *_ = spec.stages["ensemble_size"]
    classify = spec.facts.task == Task.CLASSIFICATION
    return combining.combine(log_probabilities(outputs) if classify else outputs, spec.facts)
