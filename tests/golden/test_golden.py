"""The metrics.csv of runs recorded before the protocol was rebuilt: that changed no byte but those of `CHANGED`.

On a processor that rounds sums otherwise, or with another torch, the figures are compared: see `describe_processor`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regbench.cli.main import main
from tests.golden.cases import ALONE, CHANGED, STACKED, Main, train_alone, train_stacked
from tests.golden.record import HERE, PROCESSOR, describe_processor

SAME_PROCESSOR = json.loads((HERE / PROCESSOR).read_text()) == describe_processor()

CASES = [("alone", name, train_alone) for name in ALONE] + [("stacked", name, train_stacked) for name in STACKED]


@pytest.mark.matrix(cases=30)
@pytest.mark.parametrize(("kind", "name", "train"), CASES, ids=[f"{kind}-{name}" for kind, name, _ in CASES])
def test_metrics_are_those_recorded(
    kind: str, name: str, train: Callable[[Main, str, Path], bytes], tmp_path: Path
) -> None:
    recorded = (HERE / kind / f"{name}.csv").read_bytes()
    found = train(main, name, tmp_path)
    if SAME_PROCESSOR:
        assert found == recorded
        return
    ours, theirs = (pd.read_csv(io.BytesIO(table)) for table in (found, recorded))
    assert list(ours.columns) == list(theirs.columns)
    np.testing.assert_allclose(ours.to_numpy(float), theirs.to_numpy(float), rtol=0.02, atol=0.02)


def test_only_known_cases_were_recorded_anew_each_for_a_reason() -> None:
    assert set(CHANGED) <= set(ALONE)
    assert all(CHANGED.values())
