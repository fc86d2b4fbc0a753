"""Additive noise of mean 0 and standard deviation 1, shared by the techniques that disturb inputs, units or weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from regbench.randomness import Randomness

DISTRIBUTIONS = ("gaussian", "uniform", "laplace")


def draw_noise(distribution: str, random: Randomness, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Draw noise of mean 0 and standard deviation 1: N(0, 1), U(-√3, √3) or Laplace with scale 1/√2."""
    if distribution == "gaussian":
        return random.normal(shape, dtype)
    if distribution == "uniform":
        return (2.0 * random.uniform(shape, dtype) - 1.0) * math.sqrt(3.0)
    return random.laplace(shape, dtype) * math.sqrt(0.5)
