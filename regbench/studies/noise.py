"""Noise sensitivity: how a trained network's figure falls as noise is added to inputs that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regbench.data.records import Split
    from regbench.training.networks import Networks

SIGMAS = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Standard deviations of the noise, in those of each input on the training rows."""

MOST_ROWS = 2000
"""Test rows that are disturbed: of many, the first ones are enough."""


def measure_noise(networks: Networks, split: Split, metric: str, seed: int) -> Sequence[float] | None:
    """Return the figure on test rows at each noise, x + sigma N(0, 1) times the input's deviation; None for tokens.

    All networks of a replicate see the same noise.

    Args:
        networks: of one run.
        split: its data.
        metric: the figure.
        seed: of the noise.
    """
    import torch

    from regbench.data.records import Part
    from regbench.studies.scoring import score_outputs
    from regbench.training.evaluation import predict

    if split.layout == "tokens":
        return None
    test = split.test
    weights = None if test.weights is None else test.weights[:MOST_ROWS]
    part = Part(test.x[:MOST_ROWS], test.y[:MOST_ROWS], weights)
    noise = np.random.default_rng(seed).standard_normal(part.x.shape) * split.train.x.std(axis=0)
    found = []
    for sigma in SIGMAS:
        x = torch.from_numpy(np.ascontiguousarray(part.x + sigma * noise)).to(networks.flat)
        outputs = predict(networks, x)[0].to(torch.float64).numpy()
        found.append(score_outputs(split, part, metric, outputs))
    return found
