"""How large the classes of the training rows are, for regularizers that make up for it."""

from __future__ import annotations

import torch
from torch import Tensor

from regbench.regularizers.base import Facts, Rows


def measure_classes(rows: Rows, facts: Facts) -> Tensor:
    """Return the sum of the weights of each class's training rows, float64 `[N]`.

    Where the data do not weigh their rows and every class has equally many, all sizes are equal: that one class was
    drawn more often than another for a bootstrap sample is no imbalance to make up for.
    """
    y = rows.y.to(torch.float64)
    size, count = (y * rows.weight.to(torch.float64).unsqueeze(1)).sum(0), y.sum(0)
    return size if facts.weighted else torch.where((count == count[0]).all(), size.mean(), size)
