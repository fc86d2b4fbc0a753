"""Small settings for regularizers that only a test knows, and a cohort of them against runs alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regbench.training.cohort_run import CohortRun, make_run
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split, train_alone, train_seeds

TRAIN, BATCH, EPOCHS = 60, 12, 3
STEPS = TRAIN // BATCH


def make_toy_setting(*, inputs: int = 5, widths: tuple[int, ...] = (24, 6), **changes: Any) -> Setting:
    """Return a small setting; `changes` are regularizers by name, and settings of the schedule as `schedule`."""
    split = make_split(*draw_classes(TRAIN + 20, (inputs,)), val=10, test=10)
    schedule = {"epochs": EPOCHS, "batch_size": BATCH, **changes.pop("schedule", {})}
    return make_setting(split, {"name": "mlp", "widths": list(widths)}, changes, **schedule)


def runs_of(setting: Setting, seeds: int = 3) -> list[CohortRun]:
    return [make_run(setting.spec, seed, Memory()) for seed in range(seeds)]


def assert_cohort_equals_alone(setting: Setting, tolerance: float = 1e-10) -> list[Memory]:
    """Require that three runs side by side leave what they leave alone, and return what they left together."""
    together = train_seeds(setting, [0, 1, 2])
    for seed, sink in enumerate(together):
        alone = train_alone(setting, seed)
        assert sink.final.keys() == alone.final.keys()
        for name, tensor in alone.final.items():
            torch.testing.assert_close(sink.final[name], tensor, rtol=tolerance, atol=tolerance, msg=name)
        for row, own in zip(sink.rows, alone.rows, strict=True):
            for column, value in own.items():
                assert row[column] == (None if value is None else pytest.approx(value, rel=1e-8, abs=1e-8)), column
    return together
