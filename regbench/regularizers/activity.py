"""Activity penalty: large activations cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, strengths
from regbench.errors import suggest
from regbench.models.network import INNER, Site
from regbench.regularizers._means import mean_cost, scale_cost
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse

KINDS = {
    "hidden": INNER,
    "preactivation": ("preactivation",),
    "output": ("output",),
    "all": (*INNER, "preactivation", "output"),
}


@dataclass(frozen=True, kw_only=True)
class Activity(Regularizer):
    """Activity penalty: adds the size of the activations to the loss, so that few units are active or all are weak.

        l1:  λ · mean_b Σ_u |h_bu|
        l2:  λ · mean_b Σ_u h_bu²

    mean_b is the mean over the batch's rows by their weights, and u runs over the units of a layer `[B, H]` or all
    values of its feature maps `[B, C, ...]`; with reduce `mean` the sum over u is a mean, so that wide layers cost no
    more than narrow ones. Layers add up. Sites `hidden` are what leaves a non-linearity, `preactivation` what enters
    it, `output` logits or predictions. λ is `strength`, at least 0, and `layers` gives sites a strength of their own
    by name, of whatever kind. 0 is off. Value `raw` are activations as the layer computes them, `seen` what dropout
    and noise have made of them.

    When: a sparse representation is wanted (l1 after relu makes exact zeros), or activations that stay small, as in
    recurrent networks and before a saturating non-linearity. Not next to `batch_norm` on preactivations, which sets
    their size anyway, and not as a means against large weights: the next layer's can make up for it.

    Other libraries: Keras' activity_regularizer=L1(λ) or L2(λ) is strength λ with reduce `sum`, without a half. Up to
    January 2026 Keras 3 did not divide by the batch: its λ was this one divided by the number of rows.

    Source: Glorot, Bordes & Bengio (2011), Deep sparse rectifier neural networks (l1); Merity, McCann & Socher (2017),
    Revisiting activation regularization for language RNNs (l2).
    """

    aim: ClassVar[str] = "activations"
    site_kinds: ClassVar[tuple[str, ...]] = KINDS["all"]
    strength: Hyper = hyper(1e-4, search=(1e-7, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    form: str = choice("l1", "l2", help="absolute values, or squares")
    reduce: str = choice("sum", "mean", help="over the units of a layer")
    sites: str = choice(*KINDS, help="which activations")
    layers: Mapping[str, float] = strengths(help="of single sites, by name")
    value: str = choice("raw", "seen", help="before or after dropout and noise")

    def check(self, facts: Facts) -> None:
        """Refuse an unknown layer, and a model without such activations."""
        known = [site.name for site in facts.sites if site.kind in self.site_kinds]
        for name in self.layers:
            if name not in known:
                raise refuse("activity", f"layers.{name}: the model has no such layer; {suggest(name, known)}")
        if not self.layers and not any(site.kind in KINDS[self.sites] for site in facts.sites):
            raise refuse("activity", f"needs a model with hidden layers for sites={self.sites}; sites=output fits any")

    def site_penalty(self, site: Site, raw: Tensor, h: Tensor, batch: Rows, ctx: Context) -> Tensor | float:
        """Return the penalty on the activations of one site, 0-d."""
        if site.name not in self.layers and site.kind not in KINDS[self.sites]:
            return 0.0
        values = (raw if self.value == "raw" else h).to(batch.y.dtype).flatten(1)
        sizes = values.abs() if self.form == "l1" else values.square()
        costs = sizes.sum(1) if self.reduce == "sum" else sizes.mean(1)
        return scale_cost(mean_cost(costs, batch, ctx.facts), self.layers.get(site.name, self.strength))
