"""Figures of runs whose saved weights are averages: norm and sparsity are those of what is saved."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from regbench.models.network import Tensors
from regbench.training.cohort_run import make_run
from tests.contract.conftest import Memory
from tests.unit.training.committed import train_committed
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split

EPOCHS, LAG = 12, 2


def make_averaged(val: int) -> Setting:
    split = make_split(*draw_classes(160, (12,), spread=1.5), val=val, test=20)
    schedule = {
        "epochs": EPOCHS,
        "batch_size": 20,
        "precision": "float64",
        "optimizer": {"name": "sgd", "lr": 0.05},
        "stop": {"name": "weight_change", "lag": LAG, "epsilon": 1e-12},
    }
    sparse = {"l1": {"strength": 0.02}, "ema": {"decay": 0.9}}
    return make_setting(split, {"name": "mlp", "widths": [24, 16]}, sparse, **schedule)


def share_of_zeros(tensors: Tensors) -> float:
    """Return the share of zeros among the weights of the layers, biases left out."""
    flat = torch.cat([value.flatten() for name, value in tensors.items() if name.endswith(".weight")])
    return float((flat == 0).double().mean())


def norm(tensors: Tensors) -> float:
    return float(torch.cat([value.flatten() for value in tensors.values()]).norm())


def averages(commit: Tensors) -> dict[str, Tensor]:
    """Return the averaged weights of a commit, by name."""
    return {name.removeprefix("state.ema."): v for name, v in commit.items() if name.startswith("state.ema.")}


@pytest.fixture(scope="module")
def runs() -> list[Memory]:
    setting = make_averaged(val=40)
    return train_committed(setting, [make_run(setting.spec, seed, Memory()) for seed in range(2)])


def test_each_row_has_norm_and_sparsity_of_the_averages(runs: list[Memory]) -> None:
    for sink in runs:
        for row, (tensors, _) in zip(sink.rows, sink.commits, strict=False):
            assert row["sparsity"] == pytest.approx(share_of_zeros(averages(tensors)), rel=1e-6)
            assert row["weight_norm"] == pytest.approx(norm(averages(tensors)), rel=1e-12)


def test_the_row_of_the_best_epoch_describes_the_weights_that_are_saved(runs: list[Memory]) -> None:
    for sink in runs:
        row = sink.rows[sink.result["best_epoch"] - 1]
        assert row["sparsity"] == pytest.approx(share_of_zeros(sink.best), rel=1e-6)
        assert row["weight_norm"] == pytest.approx(norm(sink.best), rel=1e-12)


def test_the_last_row_describes_the_last_weights_which_are_not_those_trained(runs: list[Memory]) -> None:
    for sink in runs:
        saved, trained = averages(sink.final), sink.final["weights"].flatten()
        assert 0.0 < share_of_zeros(saved) < 1.0
        assert sink.rows[-1]["sparsity"] == pytest.approx(share_of_zeros(saved), rel=1e-6)
        assert norm(saved) != pytest.approx(float(trained.norm()), rel=1e-3)


def test_the_change_of_the_weights_is_that_of_those_trained(runs: list[Memory]) -> None:
    for sink in runs:
        trained = [tensors["weights"].flatten() for tensors, _ in sink.commits[: len(sink.rows)]]
        assert len(trained) > LAG
        for epoch in range(LAG, len(trained)):
            change = trained[epoch] - trained[epoch - LAG]
            assert sink.rows[epoch]["weight_change_l2"] == pytest.approx(float(change.norm()), rel=1e-12)
            assert sink.rows[epoch]["weight_change_max"] == pytest.approx(float(change.abs().max()), rel=1e-12)
