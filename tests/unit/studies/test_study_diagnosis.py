"""The diagnosis of a study's baseline from its tables."""

from __future__ import annotations

import numpy as np
import pytest
from pandas import DataFrame, concat

from regbench.studies.diagnosis import Name
from regbench.studies.study_diagnosis import diagnose_study


def runs(arm: str, train: float, val: float, last: float, *, diverged: int = 0) -> DataFrame:
    """Fresh runs of ten replicates: accuracy at the best epoch, and on validation rows at the last."""
    steps = 0.001 * np.arange(10)
    return DataFrame(
        {
            "arm": arm,
            "replicate": range(10),
            "status": ["diverged"] * diverged + ["complete"] * (10 - diverged),
            "best_epoch": 7,
            "train_accuracy": train,
            "val_accuracy": val + steps,
            "val_loss": 0.5,
            "last_train_accuracy": 1.0,
            "last_val_accuracy": last + steps,
            "last_val_loss": 0.8,
        }
    )


REFERENCES = DataFrame(
    {
        "replicate": [*range(10)] * 2,
        "reference": ["extra trees"] * 10 + ["linear"] * 10,
        "val_accuracy": [0.82] * 10 + [0.7] * 10,
        "val_error": [0.2] * 10 + [0.3 / 0.9] * 10,
    }
)


def test_the_baseline_is_diagnosed_by_its_runs_and_those_to_the_limit() -> None:
    fresh = concat([runs("none", 0.9, 0.85, 0.85), runs("l2", 0.1, 0.1, 0.1), runs("unstopped", 0.9, 0.85, 0.7)])
    found = diagnose_study(fresh, REFERENCES, "accuracy", "none", 60)
    assert found is not None
    assert found.names == (Name.STRONG_OVERFITTING,)
    assert "ends 30 points above training error; early stopping leaves 5" in found.sentence
    assert found.figures["e_ref"].mean == pytest.approx(0.2)
    assert found.figures["e_val"].mean == pytest.approx((1 - 0.8545) / 0.9)  # accuracy over the constant's error
    assert "the arms above" in found.advice[0]


def test_a_study_without_runs_to_the_limit_or_references_says_less() -> None:
    alone = diagnose_study(runs("none", 0.9, 0.85, 0.85), REFERENCES, "accuracy", "none", 60)
    assert alone is not None
    assert alone.names == (Name.UNDECIDED,)
    assert diagnose_study(runs("none", 0.9, 0.85, 0.85), None, "accuracy", "none", 60) is None


def test_diverged_runs_count_as_such_and_in_no_mean() -> None:
    fresh = concat([runs("none", 0.9, 0.85, 0.85, diverged=9), runs("unstopped", 0.9, 0.85, 0.85, diverged=9)])
    found = diagnose_study(fresh, REFERENCES, "accuracy", "none", 60)
    assert found is not None
    assert found.names == (Name.UNSTABLE,)
