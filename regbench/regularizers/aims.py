"""What a person wants who takes a regularizer: the names by which `regbench list` groups them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

AIMS: Mapping[str, str] = MappingProxyType(
    {
        "shrink": "smaller weights",
        "sparse": "fewer weights, inputs or units",
        "bound": "weights within bounds or of a given form",
        "units": "units that do not rely on each other: dropout and noise",
        "activations": "small, sparse or independent activations",
        "normalise": "normalised activations",
        "outputs": "less confident or smoother outputs",
        "labels": "labels that may be wrong",
        "balance": "rare classes",
        "rows": "more, other or better chosen rows",
        "updates": "steadier gradients",
        "flat": "flat minima and averaged weights",
        "members": "several networks as one",
    }
)
"""Each aim, and how it reads as a heading."""
