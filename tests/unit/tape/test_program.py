"""A recorded computation played back: its bits, its memory, and what is done only once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.base import Moment
from regbench.tape.tapes import Tapes
from regbench.training.stacked_runs import stack_runs
from regbench.training.train_step import train_step
from tests.contract.conftest import make_setting


class Given(NamedTuple):
    """A start of plain tensors."""

    slow: list[Tensor]
    fast: list[Tensor]
    random: Randomness = Randomness(0)
    whole: Sequence[int] = ()

    def settings(self) -> list[Tensor]:
        return self.slow

    def inputs(self) -> list[Tensor]:
        return self.fast

    def counts(self) -> list[int]:
        return list(self.whole)

    def moved(self, tensors: Sequence[Tensor], random: Randomness) -> Given:
        first = len(self.slow)
        last = first + len(self.fast)
        return Given(list(tensors[:first]), list(tensors[first:last]), random, tensors[last:])  # type: ignore[arg-type]


def repeat(compute: Callable[[Given], Tensor], starts: Sequence[Given]) -> tuple[list[Tensor], Tapes]:
    """Return what a computation leaves of each start, played back from the third on."""
    tapes = Tapes(on=True)
    return [tapes.follow(("it",), start, compute).clone() for start in starts], tapes


def numbers(place: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(place))


def test_played_back_it_sees_new_inputs_settings_draws_and_counts() -> None:
    def compute(start: Given) -> Tensor:
        mask = start.random.at("mask").keep(0.5, (4, 3))
        (weight,), (x,), (count,) = start.settings(), start.inputs(), start.whole
        return (x * mask) @ weight + torch.as_tensor(count)

    starts = [Given([numbers(k // 2, 3, 2)], [numbers(50 + k, 4, 3)], Randomness(7).at(k), (k,)) for k in range(8)]
    done, tapes = repeat(compute, starts)
    assert tapes.refused == {}
    for start, found in zip(starts, done, strict=True):
        assert torch.equal(found, compute(start))


@pytest.mark.parametrize(
    "compute",
    [
        lambda start: torch.cumsum(start.fast[0], 1).sort(1).values,
        lambda start: start.fast[0].t().contiguous().softmax(0).mT,
        lambda start: torch.linalg.qr(start.fast[0])[1],
        lambda start: torch.cat([start.fast[0][:, :1], start.fast[0].exp()[:, 1:]], 1).relu(),
        lambda start: start.fast[0].new_zeros(4, 3).index_add(0, torch.tensor([1, 1, 0, 2]), start.fast[0]),
        lambda start: torch.where(start.fast[0] > 0, start.fast[0], torch.nan),
        lambda start: start.fast[0].to(torch.float64).var(0),
    ],
    ids=["cumsum", "softmax", "qr", "cat", "index_add", "nan", "double"],
)
def test_operations_of_every_kind_leave_the_same_bits(compute: Callable[[Given], Tensor]) -> None:
    starts = [Given([], [numbers(k, 4, 3)]) for k in range(5)]
    done, tapes = repeat(compute, starts)
    assert tapes.refused == {}
    for start, found in zip(starts, done, strict=True):
        torch.testing.assert_close(found, compute(start), rtol=0, atol=0, equal_nan=True)


@torch.library.custom_op("tests::halve", mutates_args=())
def halve(x: Tensor) -> Tensor:
    """An installed operation, which cannot write into memory that it is given."""
    return x / 2


def test_an_installed_operation_is_repeated() -> None:
    done, tapes = repeat(lambda start: halve(start.fast[0]) + 1, [Given([], [numbers(k, 5)]) for k in range(4)])
    assert tapes.refused == {}
    assert torch.equal(done[3], numbers(3, 5) / 2 + 1)


def test_changing_what_is_given_is_refused() -> None:
    def compute(start: Given) -> Tensor:
        return start.fast[0].add_(0.0) + 1.0

    _, tapes = repeat(compute, [Given([], [numbers(k, 5)]) for k in range(3)])
    assert tapes.refused == {("it",): "a tensor that is given is changed in place"}


def test_what_is_made_on_the_way_may_be_changed_in_place() -> None:
    def compute(start: Given) -> Tensor:
        total = torch.zeros(5)
        for _ in range(3):
            total += start.fast[0]
        return total

    done, tapes = repeat(compute, [Given([], [numbers(k, 5)]) for k in range(5)])
    assert tapes.refused == {}
    assert torch.equal(done[4], compute(Given([], [numbers(4, 5)])))


def test_a_shape_that_depends_on_numbers_is_refused() -> None:
    _, tapes = repeat(
        lambda start: start.fast[0][start.fast[0] > 0].sum(), [Given([], [numbers(k, 9)]) for k in (1, 2)]
    )
    assert "shape that depends on numbers" in tapes.refused["it",]


def test_results_lie_in_the_same_memory_each_time() -> None:
    tapes = Tapes(on=True)
    places = set()
    for k in range(6):
        found = tapes.follow(("it",), Given([], [numbers(k, 4, 3)]), lambda start: start.fast[0].exp() * 2)
        if k > 1:
            places.add(found.data_ptr())
    assert len(places) == 1


def test_patience_comes_before_recording() -> None:
    tapes = Tapes(on=True, patience=3)
    calls = []

    def compute(start: Given) -> Tensor:
        calls.append(1)
        return start.fast[0] + 1

    for k in range(8):
        tapes.follow(("it",), Given([], [numbers(k, 2)]), compute)
    assert len(calls) == 3 + 2 * 2, "three plainly, then twice plainly and recorded"


def test_a_step_of_a_perceptron_has_at_most_fifty_operations_in_little_memory() -> None:
    spec, data = make_setting({})
    from regbench.training.cohort_run import make_run
    from tests.contract.conftest import Memory

    cohort = stack_runs(spec, [make_run(spec, seed, Memory()) for seed in range(8)], [data], None)
    rates = torch.full((8,), 0.01, dtype=torch.float64)
    with torch.no_grad():
        for step in range(3):
            chosen = torch.stack([torch.randperm(70)[:16] for _ in range(8)])
            train_step(cohort, chosen, Moment(1, step, step, False, 100), rates)
    (tape,) = cohort.tapes._tapes.values()
    program = tape.program
    assert program is not None
    assert len(program.each) <= 50
    # Weights and gradients, and of every row the inputs and about twice the activations and outputs.
    parameters, values = cohort.layout.total, 12 + 10 + 2 * (24 + 6 + 3)
    assert program.bytes <= 4 * 8 * (3 * parameters + 3 * 16 * values)
