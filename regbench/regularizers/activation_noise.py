"""Noise on hidden activations, in training only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.models.network import Site
from regbench.regularizers._noise import DISTRIBUTIONS, draw_noise
from regbench.regularizers.base import Context, Facts, Regularizer, refuse

KINDS = {"before": ("preactivation",), "after": ("hidden", "channels")}


@dataclass(frozen=True, kw_only=True)
class ActivationNoise(Regularizer):
    """Activation noise: adds s · n to hidden values, at every layer, row and step anew.

        h̃ = h + s · n,   E n = 0,  E n² = 1

    n is gaussian, uniform on (−√3, √3), or laplace with scale 1/√2. `where: before` disturbs what enters a
    non-linearity, `after` what leaves it, `[B, H]` or `[B, C, ...]`. s is `strength`, the noise's standard deviation in
    the units of h, not relative to h: a network can outgrow it by larger weights. s = 0 is off. The inputs and the
    outputs of the network are not disturbed; evaluation is without noise.

    When: a network overfits and the noise is to act inside it rather than on its inputs; unlike dropout it leaves every
    unit at work. Combine it with something that keeps weights small (`l2`, `max_norm`), or the network outgrows the
    noise. Not for a network that underfits, and beside `dropout` only with both tuned together.

    Other libraries: Keras' GaussianNoise(stddev) is `gaussian` at one place of the network, and refuses stddev > 1;
    here any s >= 0 is allowed.

    Source: Poole, Sohl-Dickstein & Ganguli (2014), Analyzing noise in autoencoders and deep networks.
    """

    aim: ClassVar[str] = "units"
    ranks: ClassVar[Mapping[str, str]] = {"activations": "add noise"}
    site_kinds: ClassVar[tuple[str, ...]] = ("preactivation", "hidden", "channels")

    strength: Hyper = hyper(0.1, search=(0.01, 1.0), log=True, off=0.0)
    distribution: str = choice(*DISTRIBUTIONS)
    where: str = choice("before", "after")

    def check(self, facts: Facts) -> None:
        """Refuse a model without hidden layers."""
        if not any(site.kind in KINDS[self.where] for site in facts.sites):
            raise refuse("activation_noise", "needs a model with a non-linearity; input_noise disturbs inputs")

    def activations(self, site: Site, h: Tensor, ctx: Context) -> Tensor:
        """Return h + s · n at the chosen side of the non-linearity."""
        if site.kind not in KINDS[self.where]:
            return h
        return h + draw_noise(self.distribution, ctx.random, h.shape, h.dtype) * self.strength
