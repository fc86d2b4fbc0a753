"""DeCov: the units of a layer are to vary independently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.models.network import INNER, Site
from regbench.regularizers._means import TINY, mean_units, read_units, scale_cost
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse


@dataclass(frozen=True, kw_only=True)
class DeCov(Regularizer):
    """DeCov: adds the covariances between the units of each hidden layer to the loss, squared.

        ½ λ (‖C‖_F² − ‖diag C‖²)
        C_ij = mean_b (h_bi − μ_i)(h_bj − μ_j),   μ_i = mean_b h_bi

    mean_b is the mean over the batch's rows by their weights, without a correction for the number of rows; i and j are
    units of a layer `[B, H]`, or channels of its feature maps `[B, C, ...]`, for which every place of every row is an
    observation. Variances do not cost. λ is `strength`, at least 0; 0 is off. Layers add up. The activations are those
    before dropout and noise. Two units cannot be told apart by few rows: the batch should be as large as the layer is
    wide, or larger.

    When: a wide layer whose units say the same thing over and over, on few training rows; also beside dropout. Not with
    small batches, and not for layers of thousands of units: the time grows with the square of the width.

    Source: Cogswell, Ahmed, Girshick, Zitnick & Batra (2016), Reducing overfitting in deep networks by decorrelating
    representations.
    """

    aim: ClassVar[str] = "activations"
    site_kinds: ClassVar[tuple[str, ...]] = INNER
    strength: Hyper = hyper(1e-3, search=(1e-5, 1.0), log=True, off=0.0, help="weight of the penalty in the loss")

    def check(self, facts: Facts) -> None:
        """Refuse a model without hidden layers, and batches of a single row, which has no covariance."""
        if not any(site.kind in INNER for site in facts.sites):
            raise refuse("decov", "needs a model with hidden layers")
        if facts.batch_size == 1:
            raise refuse("decov", "needs batches of at least 2 rows, and schedule.batch_size=1")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where no layer has two units."""
        widths = [site.shape[0] for site in facts.sites if site.kind in INNER]
        return "every hidden layer has a single unit" if max(widths) == 1 else None

    def site_penalty(self, site: Site, raw: Tensor, h: Tensor, batch: Rows, ctx: Context) -> Tensor | float:
        """Return the penalty on the covariances of one site, 0-d."""
        units = read_units(raw, batch)
        centred = units - mean_units(units, batch)
        share = batch.weight / batch.weight.sum().clamp_min(TINY) / units.shape[1]
        weighted = centred * share.view(-1, 1, 1)
        covariance = weighted.flatten(0, 1).mT @ centred.flatten(0, 1)
        between = covariance * (1.0 - torch.eye(len(covariance), dtype=units.dtype, device=raw.device))
        return scale_cost(0.5 * between.square().sum(), self.strength)
