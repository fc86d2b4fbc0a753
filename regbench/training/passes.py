"""Passes through the network: that of a step, further ones with the same weights, and those of evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from regbench.models.network import Site
from regbench.regularizers.base import Moment, Params, Rows
from regbench.regularizers.stages import Stages
from regbench.training.contexts import Contexts, Run
from regbench.training.spec import TrainingSpec


class Passed(NamedTuple):
    """Results of a step's own pass."""

    outputs: Tensor
    """Logits or predictions, `[B, C]`, in the targets' type."""
    buffers: Params
    """Norm statistics after the pass."""
    penalties: dict[str, Tensor]
    """Penalties at sites, by regularizer."""


@dataclass(frozen=True)
class Passes:
    """The network of one run at one step, with the regularizers that act inside it."""

    spec: TrainingSpec
    stages: Stages
    run: Run
    moment: Moment

    def train(self, batch: Rows, contexts: Contexts) -> Passed:
        """Return what the step's own pass over a batch leaves."""
        penalties: dict[str, Tensor] = {}

        def tap(site: Site, raw: Tensor) -> Tensor:
            h = self._disturb(site, raw, contexts)
            for name, regularizer in self.stages["site_penalty"]:
                if site.kind in regularizer.site_kinds:
                    ctx = contexts.at(name, "site_penalty", site.name)
                    own = regularizer.site_penalty(site, raw, h, batch, ctx)
                    own = torch.as_tensor(own, dtype=batch.y.dtype, device=batch.y.device)
                    penalties[name] = penalties[name] + own if name in penalties else own
            return h

        seen = self._seen(self.run.weights, len(batch.weight), contexts)
        outputs, buffers = self._apply(batch.x, seen, tap, training=True)
        return Passed(outputs, buffers, penalties)

    def forward(self, x: Tensor, *, stream: str = "", weights: Params | None = None, training: bool = True) -> Tensor:
        """Return the outputs `[B, C]` of a further pass, as `regularizers.context.Forward` describes."""
        if weights is not None:
            # A state that `begin` made of a network has its norm statistics too, and they belong to its weights.
            buffers = {name: weights.get(name, value) for name, value in self.run.buffers.items()}
            return replace(self, run=self.run._replace(weights=weights, buffers=buffers)).forward(
                x, stream=stream, training=training
            )
        if not training:
            return self.evaluate(x, self.run.weights)
        contexts = Contexts(self.spec.facts, self.run, self.moment, stream)
        seen = self._seen(self.run.weights, len(x), contexts)
        return self._apply(x, seen, lambda site, h: self._disturb(site, h, contexts), training=True)[0]

    def evaluate(self, x: Tensor, weights: Params) -> Tensor:
        """Return the outputs `[B, C]` in evaluation mode, in which rows do not depend on each other."""
        contexts = Contexts(self.spec.facts, self.run, self.moment)

        def tap(site: Site, h: Tensor) -> Tensor:
            for name, regularizer in self.stages["evaluated_activations"]:
                if site.kind in regularizer.site_kinds:
                    h = regularizer.evaluated_activations(site, h, contexts.at(name, "activations", site.name))
            return h

        return self._apply(x, weights, tap, training=False)[0]

    def _seen(self, weights: Params, rows: int, contexts: Contexts) -> Params:
        for name, regularizer in self.stages["forward_weights"]:
            weights = regularizer.forward_weights(weights, rows, contexts.at(name, "forward_weights"))
        return weights

    def _disturb(self, site: Site, h: Tensor, contexts: Contexts) -> Tensor:
        for name, regularizer in self.stages["activations"]:
            if site.kind in regularizer.site_kinds:
                h = regularizer.activations(site, h, contexts.at(name, "activations", site.name))
        return h

    def _apply(
        self, x: Tensor, weights: Params, tap: Callable[[Site, Tensor], Tensor], *, training: bool
    ) -> tuple[Tensor, Params]:
        dtype = self.spec.compute_dtype
        if dtype is not None:
            x, weights = x.to(dtype), {name: w.to(dtype) for name, w in weights.items()}
        outputs, buffers = self.spec.network.forward(weights, self.run.buffers, x, tap, training)
        return outputs.to(self.spec.dtype), buffers
