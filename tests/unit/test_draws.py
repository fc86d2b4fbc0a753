"""Numbers drawn by torch are those drawn by NumPy; on the processor, where both can be compared."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from regbench.draws import by_numpy, by_torch
from regbench.draws.by_numpy import Draw

KEYS = np.array([0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 0x9E3779B97F4A7C15], dtype=np.uint64)
COUNTS = (1, 2, 3, 4, 7, 64, 1001)
EXACT: dict[str, Draw] = {
    "keys": by_numpy.draw_keys,
    "bits": by_numpy.draw_bits,
    "single uniform": by_numpy.draw_singles,
    "double uniform": by_numpy.draw_doubles,
    "order": by_numpy.draw_order,
    **{f"kept at {level}": partial(by_numpy.draw_kept, level) for level in (1, 30_000, 65_535, 65_536)},
}


def both(draw: Draw, count: int) -> tuple[Tensor, NDArray[np.float64]]:
    return by_torch.counterpart(draw)(torch.from_numpy(KEYS.view(np.int64)), count), draw(KEYS, count)


@pytest.mark.parametrize("count", COUNTS)
def test_words_are_the_same(count: int) -> None:
    words = by_torch.draw_words(torch.from_numpy(KEYS.view(np.int64)), count)
    assert np.array_equal(words.numpy().view(np.uint64), by_numpy.draw_words(KEYS, count))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", EXACT)
def test_what_is_made_of_whole_numbers_is_the_same_bit_for_bit(kind: str, count: int) -> None:
    there, here = both(EXACT[kind], count)
    assert torch.equal(there, torch.from_numpy(here))
    assert there.dtype == torch.from_numpy(here).dtype


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    ("uniform", "tolerance"), [(by_numpy.draw_singles, 2e-6), (by_numpy.draw_doubles, 1e-13)], ids=["single", "double"]
)
def test_normal_numbers_differ_in_their_last_digits_at_most(uniform: Draw, tolerance: float, count: int) -> None:
    there, here = both(partial(by_numpy.draw_normal, uniform), count)
    torch.testing.assert_close(there, torch.from_numpy(here), rtol=tolerance, atol=tolerance)


def test_a_draw_without_a_counterpart_is_an_error() -> None:
    with pytest.raises(KeyError):
        by_torch.counterpart(by_numpy.draw_words)
