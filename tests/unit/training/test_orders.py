"""Orders of the training rows: as drawn run by run, in half the memory, and counted where a cohort's size is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from regbench.randomness import Randomness
from regbench.regularizers.base import Moment
from regbench.training.cohort_run import make_run
from regbench.training.ordering import number_type, order_rows
from regbench.training.stacked_runs import stack_runs
from regbench.training.timing import NoSink, draw_batch, estimate_bytes, time_step
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split


@pytest.fixture
def setting() -> Setting:
    return make_setting(make_split(*draw_classes(90, (6,)), test=10), {"name": "mlp"}, epochs=3, batch_size=16)


def test_each_run_sees_the_rows_in_the_order_of_its_own_seed(setting: Setting) -> None:
    runs = [make_run(setting.spec, seed, NoSink()) for seed in (3, 0, 8)]
    cohort = stack_runs(setting.spec, runs, [setting.data])
    orders = order_rows(cohort, Moment(2, 0, 1, last_of_epoch=False, updates=3))
    assert orders.dtype == torch.int32
    for seed, order in zip((3, 0, 8), orders, strict=True):
        assert torch.equal(order.long(), Randomness(seed).at("order", 2).permutation(80))


def test_row_numbers_are_kept_in_a_type_that_holds_them() -> None:
    assert number_type(2**31 - 1) == torch.int32
    assert number_type(2**31) == torch.int64


def test_a_row_more_takes_its_place_in_the_order_of_each_network(setting: Setting) -> None:
    """4 bytes, where the batch and what is watched stay as they are."""
    rows = setting.data.rows
    more = replace(setting.data, rows=rows._replace(weight=torch.ones(len(rows.weight) + 1000)))
    assert estimate_bytes(setting.spec, more) - estimate_bytes(setting.spec, setting.data) == 4000


@pytest.mark.parametrize(("rows", "size"), [(1000, 64), (1000, 999), (64, 64), (129, 64), (7, 1)])
def test_the_batch_of_a_trial_has_different_rows_from_all_over_the_set(rows: int, size: int) -> None:
    batch = draw_batch(Randomness(5).at("trial"), rows, size)
    assert batch.dtype == torch.int64
    assert len(batch.unique()) == size
    assert 0 <= batch.min() <= rows // size
    assert batch.max() < rows
    assert batch.max() >= rows - rows % size - rows // size


def test_a_trial_of_many_rows_orders_no_more_than_a_batch(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered: list[int] = []
    permutation = Randomness.permutation
    monkeypatch.setattr(Randomness, "permutation", lambda own, n: ordered.append(n) or permutation(own, n))
    assert time_step(setting.spec, [make_run(setting.spec, seed, NoSink()) for seed in (0, 1)], setting.data) > 0.0
    assert ordered == [16, 16]
