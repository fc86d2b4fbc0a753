"""The loss of each row, before any technique acts on it."""

from __future__ import annotations

from torch import Tensor


def row_losses(task: str, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each row `[..., N]`: cross-entropy with soft targets, or the outputs' mean squared error."""
    if task == "classification":
        return -(targets * log_probabilities(outputs)).sum(-1)
    return (outputs - targets).square().mean(-1)


def log_probabilities(logits: Tensor) -> Tensor:
    """Return the logarithm of the softmax over the classes of logits `[..., N, C]`.

    Computed with the classes before the rows: over a last axis as short as theirs it takes twenty times as long.
    """
    return logits.mT.log_softmax(-2).mT
