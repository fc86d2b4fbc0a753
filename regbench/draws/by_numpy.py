"""Random numbers of keys, computed by NumPy: what `Randomness` draws from on the processor.

The k-th 64-bit word of a key is scatter(key + k · GOLDEN), k from 1: the generator SplitMix64 of Steele, Lea & Flood
(2014), whole-number arithmetic on a counter, so that the words of all runs of a cohort are computed at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
Draw: TypeAlias = Callable[[Words, int], NDArray[Any]]
"""Draws numbers `[S, count]` from S keys."""

GOLDEN = 0x9E3779B97F4A7C15
ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = 31
MASK = (1 << 64) - 1
_BLOCK = 1 << 14
"""Words computed together, so few that they stay in the processor's cache."""


def draw_words(keys: Words, count: int) -> Words:
    """Return the first words of every key, `[S, count]`."""
    words = np.empty((len(keys), count), dtype=np.uint64)
    steps = np.arange(1, count + 1, dtype=np.uint64)
    steps *= np.uint64(GOLDEN)
    rows = max(1, _BLOCK // max(1, count))
    scratch = np.empty((min(rows, len(keys)), count), dtype=np.uint64)
    for start in range(0, len(keys), rows):
        block = words[start : start + rows]
        np.add(keys[start : start + rows, None], steps, out=block)
        _scatter(block, scratch[: len(block)])
    return words


def _scatter(words: Words, scratch: Words) -> None:
    for shift, factor in ROUNDS:
        np.bitwise_xor(words, np.right_shift(words, shift, out=scratch), out=words)
        np.multiply(words, factor, out=words)
    np.bitwise_xor(words, np.right_shift(words, LAST_SHIFT, out=scratch), out=words)


def draw_keys(keys: Words, count: int) -> NDArray[np.int64]:
    """Return the keys themselves, `[S, 1]`."""
    return keys.view(np.int64)[:, None]


def draw_bits(keys: Words, count: int) -> NDArray[np.float32]:
    """Draw 16 bits a number, as floats."""
    return _split_words(keys, count).astype(np.float32)


def draw_kept(level: int, keys: Words, count: int) -> NDArray[np.float32]:
    """Draw 16 bits a number, and return 1 for those below a level in 1 .. 65536 and else 0."""
    return (_split_words(keys, count) <= np.uint16(level - 1)).astype(np.float32)


def _split_words(keys: Words, count: int) -> NDArray[np.uint16]:
    return draw_words(keys, -(-count // 4)).view(np.uint16)[:, :count]


def draw_order(keys: Words, count: int) -> NDArray[np.int64]:
    """Sort words whose last bits are their own places: several times as fast as argsort."""
    mask = (1 << count.bit_length()) - 1
    words = draw_words(keys, count)
    words &= MASK ^ mask
    words |= np.arange(count, dtype=np.uint64)
    words.sort(axis=1)
    words &= mask
    return words.view(np.int64)


def draw_singles(keys: Words, count: int) -> NDArray[np.float32]:
    """Draw from U[0, 1), multiples of 2^-24, two a word."""
    return (draw_words(keys, -(-count // 2)).view(np.uint32)[:, :count] >> 8).astype(np.float32) * np.float32(2.0**-24)


def draw_doubles(keys: Words, count: int) -> NDArray[np.float64]:
    """Draw from U[0, 1), multiples of 2^-53, one a word."""
    return (draw_words(keys, count) >> 11).astype(np.float64) * 2.0**-53


def draw_normal(uniform: Draw, keys: Words, count: int) -> NDArray[Any]:
    """Draw from N(0, 1), two values from two uniform ones (Box & Muller 1958)."""
    pairs = -(-count // 2)
    u = uniform(keys, 2 * pairs)
    radius = np.sqrt(-2.0 * np.log(1.0 - u[:, :pairs]))
    angle = (2.0 * math.pi) * u[:, pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)[:, :count]
