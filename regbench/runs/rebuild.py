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
from regbench.training.cohort import Layout, Networks
from regbench.training.evaluation import FEWEST_ROWS, predict
from regbench.training.spec import Plan, make_plan


def rebuild_plan(records: Records, fitted: Fitted) -> Plan:
    """Return what the run was trained with: the network as built for its data, regularizers and schedule.

    Raises:
        ConfigError: model or regularizers do not fit what was stored.
    """
    shape = fitted.preprocessing.shape
    inputs = np.empty((0, *shape)) if fitted.inputs is None else fitted.inputs
    outputs = len(fitted.preprocessing.classes) or 1
    data = DataShape(fitted.preprocessing.task, fitted.preprocessing.layout, shape, outputs, inputs)
    network = records.model.build(data)
    return make_plan(network, records.techniques, records.schedule, Facts(**fitted.facts, sites=network.sites))


def order_weights(plan: Plan, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a run's weights and buffers in the order of its network; an ensemble's have one more axis in front.

    Raises:
        CheckpointError: a tensor is missing, unknown, or of another shape or type.
    """
    expected = plan.network.initial_weights(Randomness(0), plan.dtype) | plan.network.initial_buffers(plan.dtype)
    size = plan.ensemble[0]
    check_tensors({k: v.expand(size, *v.shape) if size > 1 else v for k, v in expected.items()}, tensors)
    return {name: tensors[name] for name in expected}


def rebuild_networks(plan: Plan, tensors: Mapping[str, Tensor]) -> Networks:
    """Return the networks of one run with these weights and buffers by name, as evaluation takes them."""
    size = plan.ensemble[0]
    stacked = dict(tensors) if size > 1 else {name: tensor.unsqueeze(0) for name, tensor in tensors.items()}
    buffers = {name: stacked.pop(name) for name in plan.network.initial_buffers(plan.dtype)}
    layout = Layout({name: weight[0] for name, weight in stacked.items()})
    return Networks(plan, layout, [plan.techniques] * size, layout.flatten(stacked, stacked=True), buffers)


def predict_one_by_one(networks: Networks, x: Tensor) -> Tensor:
    """Return what `predict` does for one run, `[N, C]`, without stacking an ensemble's members.

    For tools that follow a computation with a variable number of rows, at most `MOST_TRACED_ROWS`.
    """
    plan = networks.plan
    size, combining = plan.ensemble
    if combining is None or size == 1:
        return predict(networks, x)[0]
    alone = replace(plan, techniques={n: t for n, t in plan.techniques.items() if t is not combining})
    each = [replace(networks.select(torch.tensor([m])), plan=alone, members=[alone.techniques]) for m in range(size)]
    outputs = torch.stack([predict(network, x)[0] for network in each])
    return combining.combine(log_probabilities(outputs) if plan.task == "classification" else outputs, plan.task)


MOST_TRACED_ROWS = FEWEST_ROWS
"""Rows that `predict` certainly takes in one pass."""
