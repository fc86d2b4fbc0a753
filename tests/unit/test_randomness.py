"""Random numbers: the generator's published words, the laws of what is drawn, and independence of seeds and names."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from regbench.draws.by_numpy import draw_words
from regbench.randomness import Randomness, Stacked, _sample_one, stack_seeds

RANDOM = Randomness(7).at("a name")
MANY = 1 << 18
LEAST_P = 1e-4

DRAWS: dict[str, Callable[[Randomness, int, torch.dtype], Tensor]] = {
    "uniform": lambda random, count, dtype: random.uniform((count,), dtype),
    "normal": lambda random, count, dtype: random.normal((count,), dtype),
    "laplace": lambda random, count, dtype: random.laplace((count,), dtype),
    "keep": lambda random, count, dtype: random.keep(0.3, (count,), dtype),
    "keep at a rate of its own": lambda random, count, dtype: random.keep(torch.tensor(0.3), (count,), dtype),
    "permutation": lambda random, count, dtype: random.permutation(count),
    "integers": lambda random, count, dtype: random.integers(10, (count,)),
    "beta": lambda random, count, dtype: random.beta(0.4, (count,), dtype),
    "poisson": lambda random, count, dtype: random.poisson(torch.full((count,), 2.0, dtype=dtype)),
}


def test_words_are_those_of_splitmix64() -> None:
    keys = np.array([0, 1234567], dtype=np.uint64)
    words = draw_words(keys, 3).tolist()
    assert words[0] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert words[1] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_words_of_many_keys_do_not_depend_on_their_company() -> None:
    keys = np.arange(1, 80, dtype=np.uint64) << np.uint64(40)
    together = draw_words(keys, 1000)
    assert all(np.array_equal(together[place], draw_words(keys[place : place + 1], 1000)[0]) for place in range(79))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", DRAWS)
def test_stacked_runs_draw_the_bits_of_runs_alone(kind: str, dtype: torch.dtype) -> None:
    seeds = [3, 4, 3 + (1 << 32), 0, 2**31 - 1]
    for count in (1, 2, 5, 33, 1001):
        together = torch.vmap(
            lambda seed, count=count: DRAWS[kind](Randomness(seed).at("x", 2), count, dtype),
            (Stacked._make([None, 0]),),
            randomness="same",
        )(stack_seeds(seeds))
        for place, seed in enumerate(seeds):
            assert torch.equal(together[place], DRAWS[kind](Randomness(seed).at("x", 2), count, dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kind", "law"), [("uniform", "uniform"), ("normal", "norm"), ("laplace", "laplace")])
def test_numbers_follow_their_law(kind: str, law: str, dtype: torch.dtype) -> None:
    drawn = DRAWS[kind](RANDOM, MANY, dtype)
    assert drawn.dtype == dtype
    # Independence of neighbours as well: the two halves and every second number follow the law by themselves.
    for part in (drawn, drawn[: MANY // 2], drawn[MANY // 2 :], drawn[::2], drawn[1::2]):
        assert stats.kstest(part.double().numpy(), law).pvalue > LEAST_P
    assert_uncorrelated(drawn[:-1], drawn[1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moments_of_normal_numbers(dtype: torch.dtype) -> None:
    z = RANDOM.normal((MANY,), dtype).double()
    for power, mean, variance in ((1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)):
        assert abs(float((z**power).mean()) - mean) < 4.5 * math.sqrt(variance / MANY)
    pairs = z.view(2, -1)  # both come of the same two uniform numbers
    assert_uncorrelated(pairs[0], pairs[1])
    assert_uncorrelated(pairs[0].square(), pairs[1].square())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_uniform_numbers_reach_zero_at_most_and_never_one(dtype: torch.dtype) -> None:
    u = RANDOM.uniform((1 << 20,), dtype)
    digits = {torch.float32: 24, torch.float64: 53}[dtype]
    assert 0.0 <= float(u.min()) < 1e-5
    assert 1.0 - 1e-5 < float(u.max()) < 1.0
    assert torch.equal(u * 2.0**digits, (u * 2.0**digits).floor())


@pytest.mark.parametrize("drop", [0.0, 1 / 65536, 0.1, 0.5, 0.9, 0.9999])
def test_masks_keep_with_their_probability_in_each_quarter_of_a_word(drop: float) -> None:
    mask = RANDOM.keep(drop, (MANY,))
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(mask, RANDOM.keep(torch.tensor(drop, dtype=torch.float64), (MANY,)))
    keep = round((1.0 - drop) * 65536) / 65536
    for quarter in mask.view(-1, 4).unbind(1):
        assert stats.binomtest(int(quarter.sum()), len(quarter), keep).pvalue > LEAST_P
    assert drop > 0.0 or bool((mask == 1.0).all())


def test_every_bit_of_a_word_is_fair_and_independent_of_the_others() -> None:
    words = draw_words(np.array([99], dtype=np.uint64), 1 << 16)[0]
    bits = ((words[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).astype(np.float64)
    assert np.abs(bits.mean(0) - 0.5).max() < 5.0 * 0.5 / math.sqrt(len(words))
    correlations = np.corrcoef(np.concatenate([bits[:-1], bits[1:]], 1).T) - np.eye(128)
    assert np.abs(correlations).max() < 5.5 / math.sqrt(len(words))


def test_neighbouring_seeds_and_names_draw_unrelated_numbers() -> None:
    sources = [
        Randomness(0).at("x"),
        Randomness(1).at("x"),
        Randomness(2).at("x"),
        Randomness(1 << 32).at("x"),
        Randomness(0).at("y"),
        Randomness(0).at("x", 0),
        Randomness(0).at("x", 1),
        Randomness(0).at(0, "x"),
    ]
    drawn = [source.uniform((MANY,), torch.float64) for source in sources]
    for place, first in enumerate(drawn):
        for second in drawn[:place]:
            assert_uncorrelated(first, second)
            assert not np.isin(first[:1000].numpy(), second.numpy()).any()


def test_kinds_of_numbers_from_one_name_are_unrelated() -> None:
    assert_uncorrelated(RANDOM.uniform((MANY,)), RANDOM.keep(0.5, (MANY,)))
    assert_uncorrelated(RANDOM.uniform((MANY,)), RANDOM.normal((MANY,)))


@pytest.mark.parametrize("n", [0, 1, 2, 7, 64, 1149])
def test_permutations_hold_every_number_once(n: int) -> None:
    assert torch.equal(RANDOM.permutation(n).sort().values, torch.arange(n))


def test_every_order_of_four_is_equally_likely() -> None:
    orders = [tuple(Randomness(seed).at("order").permutation(4).tolist()) for seed in range(12_000)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == math.factorial(4)
    assert stats.chisquare(counts).pvalue > LEAST_P


@pytest.mark.parametrize("a", [1e-5, 1e-3, 0.1, 0.4, 2.0, 50.0])
def test_beta_numbers_have_their_mean_and_variance_at_every_concentration(a: float) -> None:
    """Also where gamma variates underflow to zero, and the law is almost a fair coin."""
    drawn = RANDOM.beta(a, (MANY,), torch.float64)
    assert bool(((drawn >= 0.0) & (drawn <= 1.0)).all())
    variance = 1 / (4 * (2 * a + 1))
    assert abs(float(drawn.mean()) - 0.5) < 4.5 * math.sqrt(variance / MANY)
    # The variance of (x − ½)² is (kurtosis + 2) · variance², of the excess kurtosis −6 / (2a + 3).
    error = variance * math.sqrt((2 - 6 / (2 * a + 3)) / MANY)
    assert abs(float((drawn - 0.5).square().mean()) - variance) < 4.5 * error
    if a >= 0.1:  # below, much of the law lies nearer to 0 than the least number; near 1, numbers are coarse
        lower = drawn[drawn < 0.5].numpy()
        assert stats.kstest(lower, lambda x: 2 * stats.beta(a, a).cdf(x)).pvalue > LEAST_P


@pytest.mark.parametrize("rate", [1e-3, 0.5, 12.0, 4e3, 1e8, 1e12])
def test_poisson_numbers_have_their_rate_as_mean_and_variance(rate: float) -> None:
    drawn = RANDOM.poisson(torch.full((MANY,), rate, dtype=torch.float64))
    assert torch.equal(drawn, drawn.round()) or rate > 1e9
    assert abs(float(drawn.mean()) - rate) < 4.5 * math.sqrt(rate / MANY)
    assert abs(float(drawn.var()) - rate) < 4.5 * math.sqrt((rate + 2 * rate**2) / MANY)


@pytest.mark.parametrize("distribution", ["beta", "poisson"])
def test_keys_that_differ_in_their_upper_half_alone_draw_different_numbers(distribution: str) -> None:
    """All 64 bits of a key count: a generator that takes 32 of them would draw the same each time here."""
    count, parameter = 30_000, torch.full((4,), {"beta": 2.0, "poisson": 1e9}[distribution], dtype=torch.float64)
    keys = [(number * 0x9E3779B1 & 0xFFFFFFFF) << 32 | 5 for number in range(count)]  # all over the upper half
    drawn = {tuple(_sample_one(key, distribution, parameter).tolist()) for key in keys}
    assert len(drawn) == count


def test_a_single_number_has_no_axis() -> None:
    assert RANDOM.uniform(()).shape == RANDOM.normal(()).shape == RANDOM.keep(0.5, ()).shape == ()


def assert_uncorrelated(first: Tensor, second: Tensor) -> None:
    correlation = float(torch.corrcoef(torch.stack([first.double(), second.double()]))[0, 1])
    assert abs(correlation) < 4.5 / math.sqrt(len(first))
