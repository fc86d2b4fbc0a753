"""Gradient centralisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from regbench.config.fields import choice
from regbench.regularizers._layers import convolutions, fan_in, weighted_layers
from regbench.regularizers.base import Context, Facts, Params, Regularizer, is_weight


@dataclass(frozen=True, kw_only=True)
class GradientCentralization(Regularizer):
    """Gradient centralisation: takes the mean out of the gradient of each unit's incoming weights.

        g ← g − mean(g),   the mean over all axes but the first

    A unit's weights are a row of a linear layer's `[outputs, inputs]` or one kernel `[inputs, k, ...]` of a
    convolution. Under sgd the sum of each unit's weights then keeps its initial value, and so the unit is blind to a
    shift that is the same in all its inputs. With scope `all` it acts on every weight matrix and kernel, with
    `kernels` on those of convolutions alone; `nowhere` is off. Biases and norm parameters have no such mean, and a
    unit with a single incoming weight is left alone: its weight could never move. It acts before
    `gradient_clipping` and `gradient_noise`.

    When: in networks that train with many inputs to a unit, where it steadies training at next to no cost. It is of
    no use where the sum of the weights matters, as in a linear model of inputs that all point the same way.

    Other libraries: timm's `centralize_gradient` and the `use_gc` of some optimizers; torch and Keras have none. With
    timm a unit with a single incoming weight stands still.

    Source: Yong, Huang, Hua & Zhang (2020), eq. 1.
    """

    aim: ClassVar[str] = "updates"
    ranks: ClassVar[Mapping[str, str]] = {"gradients": "centralise"}

    scope: str = choice("all", "kernels", "nowhere", off="nowhere", help="which weights: all, or convolutions' alone")

    def idle(self, facts: Facts) -> str | None:
        """Return that there is no kernel, or no unit with a mean, to act on, where that is so."""
        if self.scope == "kernels" and not convolutions(facts):
            return "the network has no convolution, and scope=kernels acts on nothing else"
        covered = convolutions(facts) if self.scope == "kernels" else weighted_layers(facts)
        if covered and all(fan_in(layer) == 1 for layer in covered):
            return "no unit has more than one incoming weight"
        return None

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        """Return the gradients, centred."""
        return {name: _centre(g) if self._covers(name, g) else g for name, g in gradients.items()}

    def _covers(self, name: str, g: Tensor) -> bool:
        lowest = {"all": 2, "kernels": 3}.get(self.scope)
        return lowest is not None and is_weight(name) and g.ndim >= lowest and g[0].numel() > 1


def _centre(g: Tensor) -> Tensor:
    return g - g.mean(tuple(range(1, g.ndim)), keepdim=True)
