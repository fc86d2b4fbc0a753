"""Optimizers as declarations; the trainer steps with the functions of the same name in `torch.optim`.

The learning rate is the peak of the curve and may differ from run to run inside a cohort; so may AdamW's decay.
Everything else is static. No optimizer here adds L2 to the gradient: that is what the regularizer `l2` is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from regbench.config.fields import Hyper, flag, hyper, number
from regbench.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SGD:
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


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam: w ← w − lr·m̂/(√v̂ + eps), m̂ and v̂ the bias-corrected running means of g and g².

    Source: Kingma & Ba 2015, algorithm 1; equals `torch.optim.Adam` with weight_decay 0.
    """

    name: ClassVar[str] = "adam"
    lr: Hyper = hyper(1e-3, open_low=True, search=(1e-4, 1e-1), log=True, help="learning rate at the curve's peak")
    beta1: float = number(0.9, low=0.0, high=1.0, open_high=True, help="decay of the running mean of g")
    beta2: float = number(0.999, low=0.0, high=1.0, open_high=True, help="decay of the running mean of g²")
    eps: float = number(1e-8, low=0.0, open_low=True, help="added to the denominator")


@dataclass(frozen=True, kw_only=True)
class AdamW:
    """Adam with decoupled decay: w ← (1 − lr_t·weight_decay)·w, then Adam's step; lr_t is the curve's current rate.

    weight_decay 0 is Adam. The decay acts on every parameter, as in torch; for a choice of weights use `adam` with
    the regularizer `weight_decay`.

    Source: Loshchilov & Hutter 2019, algorithm 2; equals `torch.optim.AdamW`.
    """

    name: ClassVar[str] = "adamw"
    lr: Hyper = hyper(1e-3, open_low=True, search=(1e-4, 1e-1), log=True, help="learning rate at the curve's peak")
    beta1: float = number(0.9, low=0.0, high=1.0, open_high=True, help="decay of the running mean of g")
    beta2: float = number(0.999, low=0.0, high=1.0, open_high=True, help="decay of the running mean of g²")
    eps: float = number(1e-8, low=0.0, open_low=True, help="added to the denominator")
    weight_decay: Hyper = hyper(0.01, search=(1e-5, 1e-1), log=True, off=0.0, help="share of w lost per unit of lr")


@dataclass(frozen=True, kw_only=True)
class RMSprop:
    """RMSprop: v ← alpha·v + (1 − alpha)·g²; b ← momentum·b + g/(√v + eps); w ← w − lr·b.

    momentum 0 steps along g/(√v + eps) itself.

    Source: Tieleman & Hinton 2012 (Coursera, lecture 6.5); equals `torch.optim.RMSprop`, not centered.
    """

    name: ClassVar[str] = "rmsprop"
    lr: Hyper = hyper(1e-2, open_low=True, search=(1e-4, 1e-1), log=True, help="learning rate at the curve's peak")
    alpha: float = number(0.99, low=0.0, high=1.0, open_high=True, help="decay of the running mean of g²")
    eps: float = number(1e-8, low=0.0, open_low=True, help="added to the denominator")
    momentum: float = number(0.0, low=0.0, high=1.0, open_high=True, help="share of the last step that is kept")


Optimizer: TypeAlias = SGD | Adam | AdamW | RMSprop

OPTIMIZERS: dict[str, type[Optimizer]] = {kind.name: kind for kind in (SGD, Adam, AdamW, RMSprop)}
