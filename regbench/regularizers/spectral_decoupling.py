"""Spectral decoupling: large logits cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse
from regbench.tasks import Task


@dataclass(frozen=True, kw_only=True)
class SpectralDecoupling(Regularizer):
    """Spectral decoupling: adds the squared logits to each row's loss, in place of a decay of the weights.

        ℓ_b + ½ λ Σ_k z_bk²

    z are the logits `[B, N]`. In a multilabel task the sum is, as the loss is, a mean over labels. λ is `strength`, at
    least 0; 0 is off. The cross-entropy alone pays for the feature that separates the classes first, and once it does,
    no gradient is left to learn others; with a cost on the logits the network may not grow sure by one feature alone.
    Reported losses are without it.

    When: one easy feature hides others that new data will need, as where a background gives the class away. Not
    together with a strong `weight_decay` or `l2`, in whose place it stands, and not for predicted numbers, which are
    meant to be as large as they are: they are refused.

    Source: Pezeshki, Kaba, Bengio, Courville, Precup & Lajoie (2021), Gradient starvation: a learning proclivity in
    neural networks.
    """

    aim: ClassVar[str] = "outputs"
    ranks: ClassVar[Mapping[str, str]] = {"row_loss": "add"}
    strength: Hyper = hyper(1e-3, search=(1e-5, 1.0), log=True, off=0.0, help="weight of the squared logits")

    def check(self, facts: Facts) -> None:
        """Refuse regression, which has no logits."""
        if facts.task == Task.REGRESSION:
            raise refuse("spectral_decoupling", "needs classes or labels; a predicted number is no logit")

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the losses `[B]` with the squared logits."""
        squares = outputs.square()
        sizes = squares.mean(-1) if ctx.facts.task == Task.MULTILABEL else squares.sum(-1)
        return losses + sizes * 0.5 * self.strength
