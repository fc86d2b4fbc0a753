"""Random numbers that are functions of (run seed, name): the same alone, in any cohort, and after any resume.

There is no generator state. A `Randomness` is a name under a run's seed; `at` descends to a more specific name, and
every draw from one name gives the same numbers again. Adding a technique therefore never shifts another's numbers,
and a checkpoint needs no generator state.

The numbers come from the words of a counter (`draws`), of all runs of a cohort at once and on the device of the run;
gamma and Poisson variates, which need a varying number of words, from one NumPy generator per run, seeded with all 64
bits: on a device they are drawn on the processor and copied.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from regbench.config.fields import Hyper
from regbench.draws import by_numpy, by_torch
from regbench.draws.by_numpy import GOLDEN, LAST_SHIFT, MASK, ROUNDS, Draw, Words

CPU = torch.device("cpu")
_LEVELS = 1 << 16


class Stacked(NamedTuple):
    """The seeds of a cohort: what each run draws from, and under vmap the run's own number, 0-d int64."""

    keys: Words
    place: Tensor


Seed: TypeAlias = int | Stacked


class Drawing(NamedTuple):
    """What was drawn below a source: it can be drawn again below another."""

    trail: tuple[str | int, ...]
    """The names that lead from the source to that of the numbers."""
    kind: str
    draw: Draw
    size: int

    def numbers(self, source: Randomness) -> NDArray[Any]:
        """Return the numbers `[S, count]` of the same names below a source; of a seed alone `[1, count]`."""
        return self.draw(source.at(*self.trail).keys(self.kind), self.size)


Told: TypeAlias = Callable[[Drawing, Tensor], None]
"""Is told of what is drawn, with the tensor of the numbers."""


class Randomness(NamedTuple):
    """One named source of random numbers of one run: of a seed alone, or of each run's own seed under vmap."""

    seed: Seed
    name: int = 0
    told: Told | None = None
    """Who is told of each draw below this source."""
    trail: tuple[str | int, ...] = ()
    """The names since somebody is told."""
    device: torch.device = CPU
    """Where the numbers are made."""

    def at(self, *names: str | int) -> Randomness:
        """Return the source with a more specific name; different names give independent numbers."""
        name = self.name
        for part in names:
            # A count that is a tensor, as in a recorded step, is read here, which whoever records the step sees.
            name = _mix(name ^ (_hash(part) if isinstance(part, str) else int(part) + 1))
        return Randomness(self.seed, name, self.told, self.trail + names if self.told else (), self.device)

    def keys(self, kind: str) -> Words:
        """Return the key of each run's numbers of a kind, `[S]`."""
        name = self.name ^ _hash(kind)
        if isinstance(self.seed, int):
            return np.array([_mix(self.seed) ^ name], dtype=np.uint64)
        return self.seed.keys ^ np.uint64(name)

    def uniform(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from U[0, 1): multiples of 2^-24, in float64 of 2^-53."""
        draw = by_numpy.draw_doubles if dtype == torch.float64 else by_numpy.draw_singles
        return self._draw("uniform", shape, draw).to(dtype)

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from N(0, 1), two values from two uniform ones (Box & Muller 1958)."""
        uniform = by_numpy.draw_doubles if dtype == torch.float64 else by_numpy.draw_singles
        return self._draw("normal", shape, partial(by_numpy.draw_normal, uniform)).to(dtype)

    def laplace(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from the Laplace distribution with mean 0 and scale 1 (variance 2), by inversion."""
        u = self.uniform(shape, torch.float64) - 0.5
        return (-torch.sign(u) * torch.log1p(-2.0 * u.abs())).to(dtype)

    def poisson(self, rate: Tensor) -> Tensor:
        """Draw from Poisson(rate), elementwise."""
        return self._sample("poisson", rate)

    def beta(self, a: Hyper, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw from Beta(a, a), a > 0."""
        concentration = torch.as_tensor(a, dtype=torch.float64, device=self.device).expand(*shape)
        return self._sample("beta", concentration).to(dtype)

    def permutation(self, n: int) -> Tensor:
        """Draw a random order of 0 .. n-1, int64 `[n]`."""
        return self._draw("permutation", (n,), by_numpy.draw_order)

    def integers(self, high: int, shape: Sequence[int]) -> Tensor:
        """Draw whole numbers from 0 .. high-1, int64."""
        return (self.uniform(shape, torch.float64) * high).to(torch.int64)

    def keep(self, drop: Hyper, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw a mask that is 1 with probability 1 - drop and else 0; drop = 0 keeps everything.

        The probability is rounded to 16 bits, for four decisions from each word are cheaper than one. `drop` lies in
        [0, 1).
        """
        if isinstance(drop, Tensor):
            levels = torch.round((1.0 - drop) * _LEVELS).clamp_min(1).to(torch.float32)
            # Of whole numbers, 1 below the level and else 0; comparisons are slow under vmap.
            return (levels - self._draw("keep", shape, by_numpy.draw_bits)).clamp(0.0, 1.0).to(dtype)
        level = max(round((1.0 - drop) * _LEVELS), 1)
        return self._draw("keep", shape, partial(by_numpy.draw_kept, level)).to(dtype)

    @staticmethod
    def kept_share(drop: Hyper) -> Hyper:
        """Return the probability with which `keep` really keeps: 1 - drop, rounded to a multiple of 1/65536."""
        if isinstance(drop, Tensor):
            return torch.round((1.0 - drop) * _LEVELS).clamp_min(1) / _LEVELS
        return max(round((1.0 - drop) * _LEVELS), 1) / _LEVELS

    def _draw(self, kind: str, shape: Sequence[int], draw: Draw) -> Tensor:
        """Return this run's numbers of those that a function draws for all runs."""
        count = math.prod(shape)
        if self.device.type == "cpu":
            drawn = torch.from_numpy(draw(self.keys(kind), count))
        else:
            keys = torch.from_numpy(self.keys(kind).view(np.int64)).to(self.device)
            drawn = by_torch.counterpart(draw)(keys, count)
        if self.told is not None:
            self.told(Drawing(self.trail, kind, draw, count), drawn)
        if isinstance(self.seed, int):
            return drawn.view(list(shape))
        # Drawn at once for all runs, of which each takes its row; of all ways to say so, vmap is quickest with this.
        return F.embedding(self.seed.place, drawn).view(list(shape))

    def _sample(self, distribution: str, parameter: Tensor) -> Tensor:
        key = self._draw(distribution, (), by_numpy.draw_keys)
        drawn: Tensor = _sample_op(key, distribution, parameter)
        return drawn


def stack_seeds(seeds: Sequence[int], device: torch.device = CPU) -> Stacked:
    """Return the seeds of runs that draw under vmap, in order; `place` is `[S]` there, to be mapped over."""
    place = torch.arange(len(seeds), device=device)
    return Stacked(np.array([_mix(seed) for seed in seeds], dtype=np.uint64), place)


# -- names -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _mix(x: int) -> int:
    """Return the first word of the key x."""
    x = (x + GOLDEN) & MASK
    for shift, factor in ROUNDS:
        x = (x ^ (x >> shift)) * factor & MASK
    return x ^ (x >> LAST_SHIFT)


# -- numbers of a generator for each run ----------------------------------------------------------------------------


def _draw_beta(concentration: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw from Beta(a, a), as the share of one of two gamma variates in their sum.

    With a small concentration both variates underflow: their logarithms are drawn and compared.
    """
    difference = _draw_log_gamma(concentration, generator) - _draw_log_gamma(concentration, generator)
    smaller = np.exp(-np.abs(difference))
    return np.where(difference < 0, smaller, 1.0) / (1.0 + smaller)


def _draw_log_gamma(concentration: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw logarithms of Gamma(a, 1), as those of Gamma(a + 1, 1) · U^(1/a) (Marsaglia & Tsang 2000, section 6)."""
    larger = generator.standard_gamma(concentration + 1.0)
    return np.asarray(np.log(larger) + np.log1p(-generator.random(concentration.shape)) / concentration)


def _draw_poisson(rate: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw from Poisson(rate); beyond `_LARGE_RATE` from the normal distribution of its mean and variance.

    There the two differ by less than a 10,000th of the standard deviation, and NumPy has an upper limit.
    """
    counted = generator.poisson(np.minimum(rate, _LARGE_RATE)).astype(np.float64)
    return np.where(rate > _LARGE_RATE, rate + np.sqrt(rate) * generator.standard_normal(rate.shape), counted)


_LARGE_RATE = 1e9

_SAMPLERS: dict[str, Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]] = {
    "beta": _draw_beta,
    "poisson": _draw_poisson,
}


def _sample_one(key: int, distribution: str, parameter: Tensor) -> Tensor:
    # Not torch's generator, which takes 32 bits of a seed alone: of 300,000 keys some would share their numbers.
    generator = np.random.Generator(np.random.Philox(key=key & MASK))
    drawn = _SAMPLERS[distribution](parameter.to(torch.float64).numpy(force=True), generator)
    return torch.from_numpy(np.ascontiguousarray(drawn)).to(parameter)


@torch.library.custom_op("regbench::sample", mutates_args=())
def _sample_op(key: Tensor, distribution: str, parameter: Tensor) -> Tensor:
    return _sample_one(int(key), distribution, parameter)


@torch.library.custom_op("regbench::sample_rows", mutates_args=())
def _sample_rows_op(keys: Tensor, distribution: str, parameters: Tensor) -> Tensor:
    rows = zip(keys.flatten().tolist(), parameters, strict=True)
    return torch.stack([_sample_one(own, distribution, given) for own, given in rows])


@_sample_op.register_fake
def _sample_shape(key: Tensor, distribution: str, parameter: Tensor) -> Tensor:
    """Return what is checked on a device without numbers: a tensor of the shape that `_sample_op` returns."""
    return torch.empty_like(parameter, memory_format=torch.contiguous_format)


@_sample_rows_op.register_fake
def _sample_rows_shape(keys: Tensor, distribution: str, parameters: Tensor) -> Tensor:
    return torch.empty_like(parameters, memory_format=torch.contiguous_format)


@torch.library.register_vmap("regbench::sample")
def _sample_rows(info, in_dims, key, distribution, parameter):  # type: ignore[no-untyped-def]
    """Draw one row per run, each from its own generator, exactly as the run alone would.

    It is one operation, so that whoever records the step sees where the numbers come from.
    """
    own = (
        parameter.movedim(in_dims[2], 0)
        if in_dims[2] is not None
        else parameter.expand(info.batch_size, *parameter.shape)
    )
    return _sample_rows_op(key, distribution, own), 0
