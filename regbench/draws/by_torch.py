"""Random numbers of keys, computed by torch where the keys lie: what `Randomness` draws from on a device.

The words are those of `by_numpy`: 64-bit whole numbers wrap in torch as they do there. So orders, masks and uniform
numbers are the same, bit for bit, and normal ones up to the last digits of a device's logarithm and cosine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from regbench.draws import by_numpy
from regbench.draws.by_numpy import GOLDEN, LAST_SHIFT, ROUNDS, Draw

Numbers: TypeAlias = Callable[[Tensor, int], Tensor]
"""Draws numbers `[S, count]` from S keys, int64 `[S]`."""

_LOWEST = -(1 << 63)


def counterpart(draw: Draw) -> Numbers:
    """Return the function that draws by torch what a function of `by_numpy` draws, with the same settings.

    Raises:
        KeyError: there is none.
    """
    if isinstance(draw, partial):
        (setting,) = draw.args
        return partial(_WITH_SETTING[draw.func], counterpart(setting) if callable(setting) else setting)
    return _PLAIN[draw]


def draw_words(keys: Tensor, count: int) -> Tensor:
    """Return the first words of every key, int64 `[S, count]`."""
    steps = torch.arange(1, count + 1, device=keys.device) * _signed(GOLDEN)
    words = keys.unsqueeze(1) + steps
    for shift, factor in ROUNDS:
        words = (words ^ _shift(words, shift)) * _signed(factor)
    return words ^ _shift(words, LAST_SHIFT)


def draw_keys(keys: Tensor, count: int) -> Tensor:
    """Return the keys themselves, `[S, 1]`."""
    return keys.unsqueeze(1)


def draw_bits(keys: Tensor, count: int) -> Tensor:
    """Draw 16 bits a number, as floats."""
    return _split_words(keys, count, 16).to(torch.float32)


def draw_kept(level: int, keys: Tensor, count: int) -> Tensor:
    """Draw 16 bits a number, and return 1 for those below a level in 1 .. 65536 and else 0."""
    return (_split_words(keys, count, 16) < level).to(torch.float32)


def draw_order(keys: Tensor, count: int) -> Tensor:
    """Sort words whose last bits are their own places."""
    mask = (1 << count.bit_length()) - 1
    words = (draw_words(keys, count) & ~mask) | torch.arange(count, device=keys.device)
    # With the first bit turned over, signed numbers are in the order of unsigned ones.
    return (words ^ _LOWEST).sort(1).values & mask


def draw_singles(keys: Tensor, count: int) -> Tensor:
    """Draw from U[0, 1), multiples of 2^-24, two a word."""
    return (_split_words(keys, count, 32) >> 8).to(torch.float32) * 2.0**-24


def draw_doubles(keys: Tensor, count: int) -> Tensor:
    """Draw from U[0, 1), multiples of 2^-53, one a word."""
    return _shift(draw_words(keys, count), 11).to(torch.float64) * 2.0**-53


def draw_normal(uniform: Numbers, keys: Tensor, count: int) -> Tensor:
    """Draw from N(0, 1), two values from two uniform ones (Box & Muller 1958)."""
    pairs = -(-count // 2)
    u = uniform(keys, 2 * pairs)
    radius = torch.sqrt(-2.0 * torch.log(1.0 - u[:, :pairs]))
    angle = (2.0 * math.pi) * u[:, pairs:]
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], 1)[:, :count]


def _split_words(keys: Tensor, count: int, bits: int) -> Tensor:
    """Return numbers of so many bits, the lowest of each word first, `[S, count]`."""
    each = 64 // bits
    places = torch.arange(0, 64, bits, device=keys.device)
    parts = (draw_words(keys, -(-count // each)).unsqueeze(-1) >> places) & ((1 << bits) - 1)
    return parts.flatten(1)[:, :count]


def _shift(words: Tensor, by: int) -> Tensor:
    """Shift to the right, filling up with zeros; torch repeats the first bit."""
    return (words >> by) & ((1 << (64 - by)) - 1)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


_PLAIN: dict[Draw, Numbers] = {
    by_numpy.draw_keys: draw_keys,
    by_numpy.draw_bits: draw_bits,
    by_numpy.draw_order: draw_order,
    by_numpy.draw_singles: draw_singles,
    by_numpy.draw_doubles: draw_doubles,
}
_WITH_SETTING: dict[Callable[..., object], Callable[..., Tensor]] = {
    by_numpy.draw_kept: draw_kept,
    by_numpy.draw_normal: draw_normal,
}
