"""Regularizers of targets where any number of labels may hold, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from regbench.randomness import Randomness
from regbench.regularizers.base import Regularizer, Rows
from regbench.regularizers.confidence_penalty import ConfidencePenalty
from regbench.regularizers.label_smoothing import LabelSmoothing
from regbench.regularizers.mixup import Mixup
from regbench.tasks import Task
from tests.unit.regularizers.stacked import make_context, make_facts, make_rows

LABELS = make_facts(task=Task.MULTILABEL, class_counts=())


@pytest.mark.parametrize(("form", "moved"), [("uniform", 0.05), ("others", 0.1)])
def test_smoothing_moves_each_label_towards_its_other_value(form: str, moved: float) -> None:
    batch = Rows(torch.zeros(1, 1), torch.tensor([[0.0, 1.0, 1.0, 0.0, 1.0]]), torch.ones(1))
    smoothed = LabelSmoothing(epsilon=0.1, form=form).batch(batch, make_context(facts=LABELS)).y
    torch.testing.assert_close(smoothed, batch.y * (1.0 - 2 * moved) + moved)


@pytest.mark.parametrize("form", ["plain", "hinge"])
def test_the_confidence_penalty_takes_the_mean_entropy_of_the_labels(form: str) -> None:
    batch, outputs = make_rows(30, 6, dtype=torch.float64), 3.0 * Randomness(4).normal((30, 3), torch.float64)
    p = outputs.sigmoid().numpy()
    entropy = torch.from_numpy(stats.entropy(np.stack([p, 1.0 - p]), axis=0).mean(1))
    expected = -0.3 * entropy if form == "plain" else 0.3 * (0.5 - entropy).clamp_min(0.0)
    regularizer = ConfidencePenalty(strength=0.3, form=form, threshold=0.5)
    losses = torch.zeros(30, dtype=torch.float64)
    torch.testing.assert_close(regularizer.row_loss(losses, outputs, batch, make_context(facts=LABELS)), expected)
    extreme = torch.tensor([[1000.0, -1000.0, 0.0]], requires_grad=True)
    loss = regularizer.row_loss(torch.zeros(1), extreme, make_rows(1, 6), make_context(facts=LABELS)).sum()
    assert torch.isfinite(torch.autograd.grad(loss, extreme)[0]).all()


@pytest.mark.parametrize("regularizer", [LabelSmoothing(), ConfidencePenalty(), Mixup()])
def test_labels_are_taken(regularizer: Regularizer) -> None:
    regularizer.check(LABELS)
