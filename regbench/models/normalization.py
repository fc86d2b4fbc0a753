"""Normalisation layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.models.network import Layer, Pass, Tensors
from regbench.randomness import Randomness


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Scales each unit `[B, features]`, or channel `[B, features, ...]`, to mean 0 and variance 1 over the batch.

    Learned `<name>.scale` and `<name>.shift`; buffers `<name>.running_mean` and `<name>.running_var`. Computes in the
    type of its buffers, so that bfloat16 inputs are averaged in float32.
    """

    features: int
    momentum: float
    epsilon: float

    def initial_weights(self, random: Randomness, dtype: torch.dtype) -> Tensors:
        """Return scale 1 and shift 0, each `[features]`."""
        return {
            f"{self.name}.scale": torch.ones(self.features, dtype=dtype),
            f"{self.name}.shift": torch.zeros(self.features, dtype=dtype),
        }

    def initial_buffers(self, dtype: torch.dtype) -> Tensors:
        """Return running mean 0 and running variance 1, each `[features]`."""
        return {
            f"{self.name}.running_mean": torch.zeros(self.features, dtype=dtype),
            f"{self.name}.running_var": torch.ones(self.features, dtype=dtype),
        }

    def apply(self, x: Tensor, run: Pass) -> Tensor:
        """Return (x − mean) / √(variance + ε) · scale + shift."""
        mean, var = run.buffers[f"{self.name}.running_mean"], run.buffers[f"{self.name}.running_var"]
        scale, shift = (run.weights[f"{self.name}.{part}"].to(mean.dtype) for part in ("scale", "shift"))
        wide = x.to(mean.dtype)
        if run.training and math.prod(x.shape) == self.features:
            # A single value has no variance: the output is the shift, and the running statistics learn nothing.
            return ((wide - wide) * _spread(scale, x) + _spread(shift, x)).to(x.dtype)
        if run.training:
            mean, var = mean.clone(), var.clone()  # batch_norm updates them in place
            run.new_buffers |= {f"{self.name}.running_mean": mean, f"{self.name}.running_var": var}
        return F.batch_norm(wide, mean, var, scale, shift, run.training, self.momentum, self.epsilon).to(x.dtype)


def _spread(feature: Tensor, x: Tensor) -> Tensor:
    return feature.view(-1, *(1,) * (x.ndim - 2))
