"""Shared parts of the regularizers that mask values."""

from __future__ import annotations

import torch
from torch import Tensor


def dropped_share(mask: Tensor) -> Tensor:
    """Return the share of zeros in a mask of zeros and ones, 0-d.

    In bfloat16 a mean near one would be rounded to one: the sum is taken in float32 there.
    """
    return 1.0 - (mask.to(torch.float32) if mask.dtype == torch.bfloat16 else mask).mean()
