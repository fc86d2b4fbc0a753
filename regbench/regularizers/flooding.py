"""Flooding: the training loss is kept from falling below a level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers.base import Context, Regularizer, Rows


@dataclass(frozen=True, kw_only=True)
class Flooding(Regularizer):
    """Flooding: keeps the training loss near a level b by turning its gradient round below it.

        batch:  |L − b| + b,            L the mean loss of the batch
        row:    mean (|ℓ − b| + b),     ℓ the loss of each row

    L is 0-d and ℓ `[B]`; means go by the rows' weights. b is `level`, at least 0; 0 is off. Above b nothing changes, at
    b the gradient is 0, and below it is −∇L, so that the weights wander at this loss. The loss is that of the data, in
    its unit (nats; for numbers squared deviations), with what techniques make of it row by row and without the
    penalties on weights and activations. By row, rows that are learned are turned round while hard ones are still
    learned. Reported train and validation losses are the plain ones, `objective` has the level in it.

    When: the training loss falls to zero while the validation loss rises, and a longer search for b is affordable: the
    best level depends on the data, and most of all on how many labels are wrong. Not for training that stops early
    anyway, and not with a level above the loss that the network could reach on new data: it would not learn.

    Source: Ishida, Yamane, Sakai, Niu & Sugiyama (2020), Do we need zero training loss after achieving zero training
    error?; by row Xie et al. (2022), iFlood.
    """

    aim: ClassVar[str] = "outputs"
    ranks: ClassVar[Mapping[str, str]] = {"row_loss": "weigh"}
    level: Hyper = hyper(0.05, search=(0.01, 0.2), log=True, off=0.0, help="loss that training stays near")
    per: str = choice("batch", "row", help="whether the mean loss or that of each row is kept up")

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the losses `[B]`, those below the level mirrored at it if each row has it."""
        return self._mirror(losses) if self.per == "row" else losses

    def batch_loss(self, loss: Tensor, ctx: Context) -> Tensor:
        """Return the loss, 0-d, mirrored at the level if it is below it and the batch has it."""
        return self._mirror(loss) if self.per == "batch" else loss

    def _mirror(self, loss: Tensor) -> Tensor:
        """Return |L − b| + b; a loss itself where b is 0, for a reward may have made it negative."""
        level = torch.as_tensor(self.level, dtype=loss.dtype, device=loss.device)
        return torch.where(level > 0.0, (loss - level).abs() + level, loss)
