"""Optimizers: records of settings that propose a step from gradients and what they remember.

An optimizer proposes the step at learning rate 1, for weights `[S, P]` of S networks at once; each network then moves
by its own learning rate times that step, which is exact for every update that is linear in the rate. Hyper-parameters
(`lr`, AdamW's decay) may differ from network to network; everything else is static. No optimizer here adds L2 to the
gradient: that is what the regularizer `l2` is for.

The steps are those of `torch.optim`, by the functions behind its classes: their memory is plain tensors, and the
classes load torch's compiler at their first step, which takes a second and 80 MB.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from regbench.config.fields import Hyper, flag, hyper, number
from regbench.errors import ConfigError

Memory: TypeAlias = Mapping[str, Tensor]
"""Tensors `[S, P]` by name, overwritten by each step, and `step`, the 0-d count of updates that all networks share."""


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """Base of all optimizers."""

    name: ClassVar[str]
    lr: Hyper

    @property
    @abstractmethod
    def memory(self) -> tuple[str, ...]:
        """Names of what is remembered of every weight, zero before the first step."""

    @abstractmethod
    def step(self, move: Tensor, gradients: Tensor, memory: Memory) -> None:
        """Add the step at learning rate 1 to `move` `[S, P]`, which is zero, and bring the memory up to date."""

    @abstractmethod
    def gain(self, memory: Memory) -> Tensor:
        """Return how far a gradient of 1 in this step moves each weight in it, at learning rate 1; `[S, P]` or 0-d.

        Of an optimizer that divides by the size of the gradient, with the divisor as it is.
        """

    @abstractmethod
    def absorb(self, apart: Tensor, memory: Memory) -> None:
        """Take a gradient `[S, P]` into the momentum as if it had been added to this step's.

        Together with a move of −gain · apart, the step is that along the sum, but for what the step is divided by.
        """

    def shrink(self, lr: Tensor, hypers: Mapping[str, Tensor]) -> Tensor | None:
        """Return what the weights are multiplied by before the step, `[S, 1]`; None for nothing.

        Args:
            lr: learning rates of this step, `[S, 1]`.
            hypers: the networks' hyper-parameters by field, float64 `[S]`.
        """
        return None


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent: b ← momentum·b + g; w ← w − lr·b, or w ← w − lr·(g + momentum·b) with Nesterov.

    momentum 0 is plain gradient descent.

    Raises:
        ConfigError: nesterov without momentum.

    Source: Sutskever et al. 2013 (eqs. 1-4), in the form of `torch.optim.SGD` without dampening.
    """

    name: ClassVar[str] = "sgd"
    lr: Hyper = hyper(0.1, open_low=True, search=(1e-3, 1.0), log=True, help="learning rate at the curve's peak")
    momentum: float = number(0.0, low=0.0, high=1.0, open_high=True, help="share of the last step that is kept")
    nesterov: bool = flag(False, help="look ahead along the momentum; needs momentum > 0")

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0.0:
            raise ConfigError("schedule.optimizer.nesterov=true needs schedule.optimizer.momentum in (0, 1), it is 0")

    @property
    def memory(self) -> tuple[str, ...]:
        """The momentum, if there is one."""
        return ("momentum_buffer",) if self.momentum else ()

    def step(self, move: Tensor, gradients: Tensor, memory: Memory) -> None:
        """Add −b, or −(g + momentum·b) with Nesterov."""
        # From zero, the first step fills the buffer with the gradient itself, as torch does.
        sgd(
            [move],
            [gradients],
            [memory.get("momentum_buffer")],
            fused=True,
            momentum=self.momentum,
            dampening=0.0,
            nesterov=self.nesterov,
            lr=1.0,
            weight_decay=0.0,
            maximize=False,
        )

    def gain(self, memory: Memory) -> Tensor:
        """Return 1, or 1 + momentum with Nesterov, 0-d."""
        factor = 1.0 + (self.momentum if self.nesterov else 0.0)
        return torch.tensor(factor, dtype=torch.float64, device=memory["step"].device)

    def absorb(self, apart: Tensor, memory: Memory) -> None:
        """Add to b."""
        if self.momentum:
            memory["momentum_buffer"].add_(apart)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Adam: w ← w − lr·m̂/(√v̂ + eps), m̂ and v̂ the bias-corrected running means of g and g².

    Source: Kingma & Ba 2015, algorithm 1; equals `torch.optim.Adam` with weight_decay 0.
    """

    name: ClassVar[str] = "adam"
    lr: Hyper = hyper(1e-3, open_low=True, search=(1e-4, 1e-1), log=True, help="learning rate at the curve's peak")
    beta1: float = number(0.9, low=0.0, high=1.0, open_high=True, help="decay of the running mean of g")
    beta2: float = number(0.999, low=0.0, high=1.0, open_high=True, help="decay of the running mean of g²")
    eps: float = number(1e-8, low=0.0, open_low=True, help="added to the denominator")

    @property
    def memory(self) -> tuple[str, ...]:
        """The running means of g and g²."""
        return ("exp_avg", "exp_avg_sq")

    def step(self, move: Tensor, gradients: Tensor, memory: Memory) -> None:
        """Add −m̂/(√v̂ + eps)."""
        adam(
            [move],
            [gradients],
            [memory["exp_avg"]],
            [memory["exp_avg_sq"]],
            [],
            [memory["step"]],
            fused=True,
            amsgrad=False,
            beta1=self.beta1,
            beta2=self.beta2,
            eps=self.eps,
            lr=1.0,
            weight_decay=0.0,
            maximize=False,
        )

    def gain(self, memory: Memory) -> Tensor:
        """Return (1 − beta1)/(1 − beta1^t)/(√v̂ + eps), `[S, P]`."""
        # On a device nobody waits for the count; on the processor Python's own power is kept, to the last digit.
        step = memory["step"]
        count = step.item() if step.device.type == "cpu" else step.to(torch.float64)
        scale = (memory["exp_avg_sq"] / (1.0 - self.beta2**count)).sqrt_().add_(self.eps)
        return scale.reciprocal_().mul_((1.0 - self.beta1) / (1.0 - self.beta1**count))

    def absorb(self, apart: Tensor, memory: Memory) -> None:
        """Add (1 − beta1) times it to m."""
        memory["exp_avg"].add_(apart, alpha=1.0 - self.beta1)


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled decay: w ← (1 − lr_t·weight_decay)·w, then Adam's step; lr_t is the curve's current rate.

    weight_decay 0 is Adam. The decay acts on every parameter, as in torch; for a choice of weights use `adam` with
    the regularizer `weight_decay`.

    Source: Loshchilov & Hutter 2019, algorithm 2; equals `torch.optim.AdamW`.
    """

    name: ClassVar[str] = "adamw"
    weight_decay: Hyper = hyper(0.01, search=(1e-5, 1e-1), log=True, off=0.0, help="share of w lost per unit of lr")

    def shrink(self, lr: Tensor, hypers: Mapping[str, Tensor]) -> Tensor | None:
        """Return 1 − lr_t·weight_decay."""
        return 1.0 - lr * hypers["weight_decay"].to(lr.dtype).unsqueeze(1)


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """RMSprop: v ← alpha·v + (1 − alpha)·g²; b ← momentum·b + g/(√v + eps); w ← w − lr·b.

    momentum 0 steps along g/(√v + eps) itself.

    Source: Tieleman & Hinton 2012 (Coursera, lecture 6.5); equals `torch.optim.RMSprop`, not centered.
    """

    name: ClassVar[str] = "rmsprop"
    lr: Hyper = hyper(1e-2, open_low=True, search=(1e-4, 1e-1), log=True, help="learning rate at the curve's peak")
    alpha: float = number(0.99, low=0.0, high=1.0, open_high=True, help="decay of the running mean of g²")
    eps: float = number(1e-8, low=0.0, open_low=True, help="added to the denominator")
    momentum: float = number(0.0, low=0.0, high=1.0, open_high=True, help="share of the last step that is kept")

    @property
    def memory(self) -> tuple[str, ...]:
        """The running mean of g², and the momentum, if there is one."""
        return ("square_avg", "momentum_buffer") if self.momentum else ("square_avg",)

    def step(self, move: Tensor, gradients: Tensor, memory: Memory) -> None:
        """Add −g/(√v + eps), or −b with momentum."""
        rmsprop(
            [move],
            [gradients],
            [memory["square_avg"]],
            [],
            [memory["momentum_buffer"]] if self.momentum else [],
            [memory["step"]],
            foreach=False,
            centered=False,
            alpha=self.alpha,
            eps=self.eps,
            momentum=self.momentum,
            lr=1.0,
            weight_decay=0.0,
            maximize=False,
        )

    def gain(self, memory: Memory) -> Tensor:
        """Return 1/(√v + eps), `[S, P]`."""
        return memory["square_avg"].sqrt().add_(self.eps).reciprocal_()

    def absorb(self, apart: Tensor, memory: Memory) -> None:
        """Add it to b, divided by √v + eps."""
        if self.momentum:
            memory["momentum_buffer"].addcdiv_(apart, memory["square_avg"].sqrt().add_(self.eps))


OPTIMIZERS: dict[str, type[Optimizer]] = {kind.name: kind for kind in (SGD, Adam, AdamW, RMSprop)}
