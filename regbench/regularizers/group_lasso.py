"""Group lasso and sparse group lasso."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers._proximal import soft_threshold
from regbench.regularizers._secular import solve_secular
from regbench.regularizers._strengths import like
from regbench.regularizers.base import Context, Facts, Params, Regularizer, State, Update, is_weight, refuse


@dataclass(frozen=True, kw_only=True)
class GroupLasso(Regularizer):
    """Group lasso: adds strength · (r ‖w‖₁ + (1 − r) Σ_g c_g ‖w_g‖₂) to the mean loss, r = l1_ratio.

    It sets whole groups of weights to exactly zero. A group w_g is, in every layer and kernel,

        inputs:    all weights that leave one input of the layer (an input channel of a kernel)
        units:     all weights that enter one unit (a filter)
        channels:  the kernel from one channel to another; layers without kernels are left alone

    and c_g = √(size of the group) with weighting `size`, so that large groups are penalised like small ones, or 1. With
    r > 0, the sparse group lasso, single weights of the groups that stay become zero too. strength 0 is off. Biases
    and norm parameters are not penalised.

    Method `proximal` leaves the gradients to the data loss, and each group moves after each update to the minimum of
    Σ (w − v)² / (2γ) + penalty(w), γ = lr · gain for each weight; the card of `l1` says what the gain is and why. With
    u = S(v, r · strength · γ) and τ = (1 − r) · strength · c_g that is 0 if Σ (u / (τ γ))² ≤ 1, else u n / (n + τ γ)
    with the n at which Σ (u / (n + τ γ))² = 1; n = ‖u‖ − τ γ, the formula of the papers, where γ is one number. So the
    weights settle at the optimum of the penalised loss under every optimizer. Beside `l1` and `elastic_net` it is
    refused: it holds the L1 penalty itself. `zero_groups` is the number of groups that are zero.

    Method `subgradient` adds the penalty's subgradient to the gradient, 0 for a group that is zero, and gives no exact
    zeros; with `gradient_clipping`, `adaptive_clipping` or `sam`, which need the gradient of the whole objective, it is
    the one to take.

    When: whole inputs or units are to go, not single weights: with groups `inputs` the result names the columns of a
    table that are kept, all levels of a category apart. Not where single weights of many units matter: that is `l1`;
    and not for prediction alone, where `l2` is often as good.

    Other libraries: scikit-learn's MultiTaskLasso(α), which minimises 1/(2n) ‖Y − XW‖² + α Σ ‖w_g‖ with an input's
    weights to all outputs as group, is strength 2α / C, C the number of outputs, of which the mean squared error here
    is the mean, with groups `inputs` and weighting `none`. Keras and torch have none.

    Source: Yuan & Lin (2006), eq. 2.1; sparse: Simon, Friedman, Hastie & Tibshirani (2013), eq. 2; in networks:
    Scardapane et al. (2017), eqs. 4 and 6; Wen et al. (2016), eq. 1. The step in the metric of the optimizer is ours.
    """

    aim: ClassVar[str] = "sparse"
    conflicts: ClassVar[tuple[str, ...]] = ("elastic_net", "l1")
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "shrink"}
    effects: ClassVar[tuple[str, ...]] = ("zero_groups",)
    needs_gain: ClassVar[bool] = True

    strength: Hyper = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    l1_ratio: Hyper = hyper(0.0, high=1.0, search=(0.0, 1.0), help="share of the L1 part, r")
    groups: str = choice("inputs", "units", "channels", help="which weights go together")
    weighting: str = choice("size", "none", help="whether large groups are penalised more")
    method: str = choice("proximal", "subgradient", help="shrinkage after each update, or part of the gradient")

    def check(self, facts: Facts) -> None:
        """Refuse groups `channels` for a model without kernels."""
        if self.groups == "channels" and facts.layout == "table":
            raise refuse("group_lasso", "groups=channels needs a model with convolutions; take inputs or units")

    @property
    def acts_apart(self) -> bool:
        """Whether the penalty is proximal."""
        return self.method == "proximal"

    @property
    def selects_inputs(self) -> bool:
        """Whether the weights of an input become exactly zero together."""
        return self.acts_apart and self.groups == "inputs"

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return strength · (r ‖w‖₁ + (1 − r) Σ c_g ‖w_g‖₂), 0-d; without a gradient in the proximal method."""
        grouped = [groups.detach() if self.acts_apart else groups for groups in self._grouped(weights).values()]
        parts = [self._measure(groups) for groups in grouped]
        if not parts:
            return 0.0
        ctx.effect("zero_groups", lambda: _count_zero(grouped))
        total = reduce(add, parts)
        return like(self.strength, total) * total

    def subgradient(self, weights: Params, ctx: Context) -> Params:
        """Return strength · (r sign(w) + (1 − r) c_g w_g / ‖w_g‖) of the proximal method, 0 where a group is zero."""
        if not self.acts_apart:
            return {}
        return {
            name: self._ungroup(self._slope(groups), weights[name]) for name, groups in self._grouped(weights).items()
        }

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights after the shrinkage of the proximal method."""
        if not self.acts_apart:
            return update.weights, ctx.state
        gains = self._grouped(update.gain)
        shrunk = {n: self._shrink(v, update.lr * gains[n]) for n, v in self._grouped(update.weights).items()}
        back = {name: self._ungroup(groups, update.weights[name]) for name, groups in shrunk.items()}
        return {**update.weights, **back}, ctx.state

    def _grouped(self, weights: Params) -> Params:
        """Return the groups of each layer, `[G, N]`."""
        return {
            name: self._group(w)
            for name, w in weights.items()
            if is_weight(name) and (self.groups != "channels" or w.ndim > 2)
        }

    def _group(self, w: Tensor) -> Tensor:
        if self.groups == "inputs":
            return w.transpose(0, 1).flatten(1)
        return w.flatten(1) if self.groups == "units" else w.flatten(2).flatten(0, 1)

    def _ungroup(self, groups: Tensor, like_w: Tensor) -> Tensor:
        if self.groups == "inputs":
            turned = (like_w.shape[1], like_w.shape[0], *like_w.shape[2:])
            return groups.reshape(turned).transpose(0, 1).contiguous()
        return groups.reshape(like_w.shape)

    def _share(self, groups: Tensor) -> tuple[Tensor, Tensor]:
        """Return r, and (1 − r) c_g."""
        ratio = like(self.l1_ratio, groups)
        size = math.sqrt(groups.shape[1]) if self.weighting == "size" else 1.0
        return ratio, (1.0 - ratio) * size

    def _measure(self, groups: Tensor) -> Tensor:
        ratio, share = self._share(groups)
        total: Tensor = ratio * groups.abs().sum() + share * _lengths(groups).sum()
        return total

    def _slope(self, groups: Tensor) -> Tensor:
        ratio, share = self._share(groups)
        norm = torch.linalg.vector_norm(groups, dim=-1, keepdim=True)
        direction = torch.where(norm > 0.0, groups / norm, 0.0)
        slope: Tensor = ratio * groups.sign() + share * direction
        return like(self.strength, groups) * slope

    def _shrink(self, v: Tensor, gamma: Tensor) -> Tensor:
        """Return the proximal step of groups `[G, N]`, with the rate of each weight."""
        ratio, share = self._share(v)
        strength = like(self.strength, v)
        u, pull = soft_threshold(v, ratio * strength * gamma), share * strength * gamma
        norm = torch.linalg.vector_norm(u, dim=-1, keepdim=True)
        inside = torch.linalg.vector_norm(torch.where(u == 0.0, 0.0, u / pull), dim=-1, keepdim=True) <= 1.0
        # Left of the root, and the root itself where all rates are one number.
        n = solve_secular(u, pull, (norm - pull.amax(-1, keepdim=True)).clamp_min(0.0))
        kept = u * torch.where(n > 0.0, n / (n + pull), 0.0)  # exactly u where nothing pulls
        return torch.where(inside, torch.zeros_like(u), kept)


def _lengths(groups: Tensor) -> Tensor:
    """Return the norms of groups, with a gradient of 0 where a group is zero."""
    zero = (groups == 0.0).all(-1, keepdim=True)
    return torch.where(zero[..., 0], 0.0, torch.linalg.vector_norm(torch.where(zero, 1.0, groups), dim=-1))


def _count_zero(grouped: list[Tensor]) -> Tensor:
    zero = [(groups == 0.0).all(-1).sum() for groups in grouped]
    return torch.stack(zero).sum().to(grouped[0].dtype)
