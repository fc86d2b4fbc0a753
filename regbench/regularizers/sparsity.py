"""Sparsity penalty: each unit is to be active on few rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, number
from regbench.models.network import INNER, Site
from regbench.regularizers._means import mean_units, read_units, scale_cost
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse

LEAST = 1e-6
"""Mean activities are held this far from 0 and 1, where the divergence is infinite."""

KINDS = {"sigmoid": ("preactivation",), "none": INNER}


@dataclass(frozen=True, kw_only=True)
class Sparsity(Regularizer):
    """Sparsity penalty: pulls each unit's mean activity over the batch towards a small target.

        λ Σ_j KL(ρ ‖ ρ̂_j),   ρ̂_j = mean_b h_bj
        KL(ρ ‖ ρ̂) = ρ log(ρ / ρ̂) + (1 − ρ) log((1 − ρ) / (1 − ρ̂))

    mean_b is the mean over the batch's rows by their weights; j runs over the units of every hidden layer `[B, H]`, and
    over the channels of feature maps `[B, C, ...]`, of which all places count. h must lie in (0, 1). With squash
    `sigmoid` it is the sigmoid of what enters the non-linearity, whatever that is; with `none` it is what leaves it,
    which only a sigmoid keeps in that range: other models are refused. Both are the same for a sigmoid, except after
    pooling. ρ is `rho`, in (0, 1), λ is `strength`, at least 0; 0 is off. ρ̂ is held between 1e-6 and 1 − 1e-6, where
    its gradient ends. Dropout and noise are not in it.

    When: features that each stand for something rare, as in autoencoders with many hidden units. Not with small
    batches, whose means say little about how rare something is (a unit that fires in one of twenty rows is silent in
    most batches of eight), and not where units should share the work: `activity` asks for less of it without a target.

    Source: Ng (2011), Sparse autoencoder, CS294A lecture notes, section 3.
    """

    aim: ClassVar[str] = "activations"
    site_kinds: ClassVar[tuple[str, ...]] = ("preactivation", *INNER)
    strength: Hyper = hyper(1e-3, search=(1e-5, 1.0), log=True, off=0.0, help="weight of the penalty in the loss")
    rho: float = number(0.05, low=0.0, high=1.0, open_low=True, open_high=True, help="mean activity aimed at")
    squash: str = choice(*KINDS, help="sigmoid of what enters the non-linearity, or what leaves it as it is")

    def check(self, facts: Facts) -> None:
        """Refuse a model without hidden layers, and activities that are no shares."""
        own = [site for site in facts.sites if site.kind in KINDS[self.squash]]
        if not own:
            raise refuse("sparsity", "needs a model with hidden layers")
        other = [site for site in own if site.activation != "sigmoid"]
        if self.squash == "none" and other:
            raise refuse(
                "sparsity",
                f"squash=none needs activities between 0 and 1, and those of {other[0].name} are "
                f"{other[0].activation or 'not known'}; take squash=sigmoid or model.activation=sigmoid",
            )

    def site_penalty(self, site: Site, raw: Tensor, h: Tensor, batch: Rows, ctx: Context) -> Tensor | float:
        """Return the penalty on the mean activities of one site, 0-d."""
        if site.kind not in KINDS[self.squash]:
            return 0.0
        units = read_units(raw, batch)
        active = mean_units(units.sigmoid() if self.squash == "sigmoid" else units, batch).clamp(LEAST, 1.0 - LEAST)
        rho = self.rho
        entropy = rho * math.log(rho) + (1.0 - rho) * math.log1p(-rho)
        divergence = entropy - rho * active.log() - (1.0 - rho) * torch.log1p(-active)
        return scale_cost(divergence.sum(), self.strength)
