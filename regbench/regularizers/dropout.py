"""Dropout of input values, hidden units, feature-map values and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, rates
from regbench.errors import suggest
from regbench.models.network import INNER, Site
from regbench.randomness import Randomness
from regbench.regularizers._masks import dropped_share
from regbench.regularizers.base import Context, Facts, Regularizer, refuse


@dataclass(frozen=True, kw_only=True)
class Dropout(Regularizer):
    """Dropout: in training, each unit of each row is set to zero with probability p.

        inverted:  training h · m / (1 − p),  evaluation h
        original:  training h · m,            evaluation h · (1 − p)

    m is 0 with probability p and 1 otherwise, drawn anew for every row, unit and step. h is the output of a
    non-linearity `[B, H]` (feature maps `[B, C, ...]`: each value by itself), the network's input for `input_rate`, and
    its logits or predictions `[B, C]` for `output_rate`: a class whose logit is dropped is as likely as one of logit 0,
    and a single predicted number is 0. `layers` gives sites rates of their own by name. p is the probability of
    *dropping*, in [0, 1); the paper's p is that of keeping. p = 0 is off. The mask's probability is rounded to a
    multiple of 1/65536, and it is that probability by which values are scaled.

    Both scalings have the same expected activations, but training differs: with `original`, activations and gradients
    are 1 − p times as large, so the best learning rate, weight decay and max-norm differ. torch and Keras invert.
    `drop_fraction` is the measured fraction of dropped values at hidden layers and feature maps.

    When: a large network overfits, and there is time for more epochs: rates of 0.2 to 0.5 on hidden layers are usual,
    and on inputs a smaller one or none. Learning takes longer with it. Not for a network that underfits or whose few
    units are all needed; with `batch_norm`, tune both together.

    Other libraries: torch's Dropout(p) and Keras' Dropout(rate) are `inverted` with the same rate, that of dropping;
    the paper's p is 1 − rate. None has `original`.

    Source: Srivastava et al. (2014), section 4, and section 10 for the inverted scaling.
    """

    aim: ClassVar[str] = "units"
    ranks: ClassVar[Mapping[str, str]] = {"activations": "mask"}
    site_kinds: ClassVar[tuple[str, ...]] = ("input", *INNER, "output")
    effects: ClassVar[tuple[str, ...]] = ("drop_fraction",)

    rate: Hyper = hyper(0.5, high=1.0, open_high=True, search=(0.05, 0.8), off=0.0, help="of hidden units")
    input_rate: Hyper = hyper(0.0, high=1.0, open_high=True, search=(0.0, 0.5), off=0.0, help="of input values")
    output_rate: Hyper = hyper(0.0, high=1.0, open_high=True, search=(0.0, 0.5), off=0.0, extra=True, help="of outputs")
    layers: Mapping[str, float] = rates(help="rates of single sites, by name")
    scaling: str = choice("inverted", "original")

    def check(self, facts: Facts) -> None:
        """Refuse an unknown layer, and a network without anything to drop."""
        sites = [site.name for site in facts.sites if site.kind in self.site_kinds]
        for name in self.layers:
            if name not in sites:
                raise refuse("dropout", f"layers.{name}: the model has no such layer; {suggest(name, sites)}")
        hidden = any(site.kind in INNER for site in facts.sites)
        if not hidden and not self.layers and self.input_rate == 0.0 and self.output_rate == 0.0:
            raise refuse("dropout", "the model has no hidden layer; set input_rate to drop inputs")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where no site of the model has a rate that masks would show."""
        rates = [self._rate(site) for site in facts.sites if site.kind in self.site_kinds]
        if any(Randomness.kept_share(rate) < 1.0 for rate in rates):
            return None
        return "the rate of every layer that the model has is 0, or rounded to 0"

    def activations(self, site: Site, h: Tensor, ctx: Context) -> Tensor:
        """Return h · m, divided by 1 − p if inverted."""
        rate = self._rate(site)
        if isinstance(rate, float) and rate == 0.0:
            if site.kind in INNER:
                ctx.effect("drop_fraction", lambda: h.new_zeros(()))
            return h  # the same bits as h * 1.0, without the cost of a mask that keeps everything
        mask = ctx.random.keep(rate, h.shape, h.dtype)
        if site.kind in INNER:
            ctx.effect("drop_fraction", lambda: dropped_share(mask))
        return h * (mask * (1.0 / Randomness.kept_share(rate))) if self.scaling == "inverted" else h * mask

    def evaluated_activations(self, site: Site, h: Tensor, ctx: Context) -> Tensor:
        """Return h, times 1 − p under the original scaling."""
        if self.scaling == "inverted" or site.kind not in self.site_kinds:
            return h
        return h * Randomness.kept_share(self._rate(site))

    def _rate(self, site: Site) -> Hyper:
        if site.name in self.layers:
            return self.layers[site.name]
        return {"input": self.input_rate, "output": self.output_rate}.get(site.kind, self.rate)
