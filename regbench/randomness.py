"""Random numbers that are functions of (run seed, name): the same alone, in any cohort, and after any resume.

There is no generator state. A `Randomness` is a name under a run's seed; `at` descends to a more specific name, and
every draw from one name gives the same numbers again. Adding a technique therefore never shifts another's numbers,
and a checkpoint needs no generator state.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import torch
from torch import Tensor

from regbench.fields import Hyper

Seed: TypeAlias = "int | Tensor"
Fill: TypeAlias = Callable[[Tensor, torch.Generator, "Tensor | None"], object]
"""Fills a tensor with random numbers from a generator, given the distribution's parameter if it has one."""

_MASK = (1 << 64) - 1
_LEVELS = 1 << 16


@dataclass(frozen=True)
class Randomness:
    """One named source of random numbers of one run.

    `seed` is the run's seed: an int alone, a 0-d int64 tensor under vmap, where each run draws from its own.
    """

    seed: Seed
    name: int = 0

    def at(self, *names: str | int) -> Randomness:
        """Return the source with a more specific name; different names give independent numbers."""
        name = self.name
        for part in names:
            name = _mix(name ^ (_hash(part) if isinstance(part, str) else part + 1))
        return Randomness(self.seed, name)

    def uniform(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from U[0, 1)."""
        return self._draw("uniform", shape, dtype)

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from N(0, 1)."""
        return self._draw("normal", shape, dtype)

    def laplace(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from the Laplace distribution with mean 0 and scale 1 (variance 2), by inversion."""
        u = self._draw("uniform", shape, torch.float64) - 0.5
        return (-torch.sign(u) * torch.log1p(-2.0 * u.abs())).to(dtype)

    def poisson(self, rate: Tensor) -> Tensor:
        """Draw from Poisson(rate), elementwise."""
        return self._draw("poisson", rate.shape, rate.dtype, rate)

    def beta(self, a: Hyper, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from Beta(a, a), a > 0, as the ratio of two gamma variates."""
        concentration = torch.as_tensor(a, dtype=torch.float64).expand(*shape)
        first = self.at("first")._draw("gamma", shape, torch.float64, concentration)
        second = self.at("second")._draw("gamma", shape, torch.float64, concentration)
        # With a tiny concentration both variates can underflow to zero: then either end is as likely.
        tie = (self._draw("uniform", shape, torch.float64) < 0.5).to(torch.float64)
        total = first + second
        return torch.where(total > 0, first / total.clamp_min(1e-300), tie).to(dtype)

    def permutation(self, n: int) -> Tensor:
        """Draw a random order of 0 .. n-1, int64 `[n]`."""
        return self._draw("permutation", (n,), torch.int64)

    def integers(self, high: int, shape: Sequence[int]) -> Tensor:
        """Draw whole numbers from 0 .. high-1, int64."""
        return (self._draw("uniform", shape, torch.float64) * high).to(torch.int64)

    def keep(self, drop: Hyper, shape: Sequence[int]) -> Tensor:
        """Draw a mask that is True with probability 1 - drop; drop = 0 keeps everything.

        The probability is rounded to 16 bits: four decisions from each 64-bit word are several times cheaper than
        a float each. `drop` lies in [0, 1).
        """
        count = math.prod(shape)
        words = self._draw("bits", (-(-count // 4),), torch.int64)
        bits = words.view(torch.int16)
        if bits.shape[-1] != count:
            bits = bits[:count]
        return (bits <= _highest_kept(drop)).view(*shape)

    def _draw(self, kind: str, shape: Sequence[int], dtype: torch.dtype, parameter: Tensor | None = None) -> Tensor:
        if isinstance(self.seed, Tensor):
            return draw_stacked(self.seed, kind, self.name, list(shape), dtype, parameter)
        return _draw_one(self.seed, kind, self.name, shape, dtype, parameter)


def _highest_kept(drop: Hyper) -> int | Tensor:
    if isinstance(drop, Tensor):
        level = torch.round((1.0 - drop) * _LEVELS) - _LEVELS // 2 - 1
        return level.clamp_min(-_LEVELS // 2).to(torch.int16)
    return max(round((1.0 - drop) * _LEVELS) - _LEVELS // 2 - 1, -_LEVELS // 2)


@lru_cache(maxsize=4096)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _mix(x: int) -> int:
    """Scatter the bits of x (the finalizer of splitmix64, Steele et al. 2014)."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def _fill_bits(out: Tensor, generator: torch.Generator, _: Tensor | None) -> None:
    # Without the lower bound torch leaves the sign bit at zero, which would bias every fourth decision.
    out.random_(-(2**63), None, generator=generator)


def _fill_gamma(out: Tensor, generator: torch.Generator, concentration: Tensor | None) -> None:
    assert concentration is not None
    out.copy_(torch._standard_gamma(concentration.contiguous(), generator=generator))


def _fill_poisson(out: Tensor, generator: torch.Generator, rate: Tensor | None) -> None:
    assert rate is not None
    out.copy_(torch.poisson(rate, generator=generator))


_FILLS: dict[str, Fill] = {
    "uniform": lambda out, generator, _: out.uniform_(generator=generator),
    "normal": lambda out, generator, _: out.normal_(generator=generator),
    "bits": _fill_bits,
    "permutation": lambda out, generator, _: out.copy_(torch.randperm(len(out), generator=generator)),
    "gamma": _fill_gamma,
    "poisson": _fill_poisson,
}


def _draw_one(
    seed: int, kind: str, name: int, shape: Sequence[int], dtype: torch.dtype, parameter: Tensor | None
) -> Tensor:
    out = torch.empty(shape, dtype=dtype)
    _FILLS[kind](out, torch.Generator().manual_seed(_key(seed, kind, name)), parameter)
    return out


def _key(seed: int, kind: str, name: int) -> int:
    return _mix(_mix(seed) ^ name ^ _hash(kind)) >> 1


@torch.library.custom_op("regbench::draw", mutates_args=())
def _draw_op(seed: Tensor, kind: str, name: str, shape: list[int], dtype: torch.dtype, parameter: Tensor) -> Tensor:
    return _draw_one(int(seed), kind, int(name), shape, dtype, parameter)


@torch.library.register_vmap("regbench::draw")
def _draw_rows(info, in_dims, seed, kind, name, shape, dtype, parameter):  # type: ignore[no-untyped-def]
    """Fill one row per run, each from its own seed, exactly as the run alone would."""
    rows = info.batch_size
    seeds = seed.tolist() if in_dims[0] is not None else [int(seed)] * rows
    parameters = [parameter] * rows if in_dims[5] is None else parameter.movedim(in_dims[5], 0)
    out, fill, generator = torch.empty((rows, *shape), dtype=dtype), _FILLS[kind], torch.Generator()
    for row, own, given in zip(out.unbind(0), seeds, parameters, strict=True):
        fill(row, generator.manual_seed(_key(own, kind, int(name))), given)
    return out, 0


def draw_stacked(
    seed: Tensor, kind: str, name: int, shape: list[int], dtype: torch.dtype, parameter: Tensor | None
) -> Tensor:
    """Draw under vmap, where `seed` stands for the seeds of all stacked runs."""
    # The name travels as text: it needs 64 unsigned bits, an operator's int argument has 63.
    extra = torch.empty(0) if parameter is None else parameter
    drawn: Tensor = _draw_op(seed, kind, str(name), shape, dtype, extra)
    return drawn
