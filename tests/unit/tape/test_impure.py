"""Regularizers that no tape can repeat: each is noticed, done plainly, and trained right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Params, Regularizer
from tests.contract.conftest import Memory, make_setting, train


@dataclass(frozen=True, kw_only=True)
class Counting(Regularizer):
    """Adds a penalty that grows with the number of its own calls."""

    calls: list[int] = field(default_factory=lambda: [0])

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        self.calls[0] += 1
        return weights["hidden0.weight"].square().sum() * (0.001 * self.calls[0])


@dataclass(frozen=True, kw_only=True)
class Late(Regularizer):
    """Acts from the fourth step of an epoch on."""

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        if ctx.moment.step < 3:
            return 0.0
        return weights["hidden0.weight"].square().sum()


@dataclass(frozen=True, kw_only=True)
class Rounding(Regularizer):
    """Calculates with the time in another precision where it is a tensor."""

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        return weights["hidden0.weight"].square().sum() * (ctx.moment.update / 3) ** 5


@dataclass(frozen=True, kw_only=True)
class Drawing(Regularizer):
    """Draws from a generator of its own."""

    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        return weights["hidden0.weight"].sum() * torch.tensor(self.generator.random(), dtype=torch.float32)


@dataclass(frozen=True, kw_only=True)
class Naming(Regularizer):
    """Draws from a source that it names by the time itself."""

    def activations(self, site: object, h: Tensor, ctx: Context) -> Tensor:
        source = Randomness(ctx.common.seed).at("mine", ctx.moment.epoch, ctx.moment.step)
        return h * source.keep(0.5, h.shape, h.dtype)

    site_kinds: ClassVar[tuple[str, ...]] = ("hidden",)


@dataclass(frozen=True, kw_only=True)
class Sleeping(Regularizer):
    """Draws from torch's generator."""

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        return weights["hidden0.weight"].sum() * torch.rand(())


def train_with(regularizer: Regularizer, runs: int) -> tuple[list[Memory], list[str]]:
    members = [{"impure": regularizer}] * runs
    slow: list[str] = []
    return train(*make_setting(members[0]), members, list(range(runs)), [0.01] * runs, slow), slow


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("kind", [Late, Rounding, Naming])
def test_what_depends_on_time_in_python_is_refused_and_trained_right(
    monkeypatch: pytest.MonkeyPatch, kind: type[Regularizer], runs: int
) -> None:
    played, slow = train_with(kind(), runs)
    monkeypatch.setenv("REGBENCH_TAPES", "off")
    plain, _ = train_with(kind(), runs)
    assert [line.split()[0] for line in slow] == ["gradients"]
    for one, other in zip(played, plain, strict=True):
        assert one.rows == other.rows
        assert torch.equal(one.final["weights"], other.final["weights"])


@pytest.mark.parametrize("kind", [Counting, Drawing, Sleeping])
def test_what_differs_from_call_to_call_is_refused(kind: type[Regularizer]) -> None:
    _, slow = train_with(kind(), runs=1)
    assert [line.split()[0] for line in slow] == ["gradients"]


def test_the_reason_names_the_operation() -> None:
    assert "aten._local_scalar_dense reads a number out of a tensor" in train_with(Late(), 2)[1][0]
    assert "draws from torch's own generator" in train_with(Sleeping(), 1)[1][0]
