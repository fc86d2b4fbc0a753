"""curves.csv: a row for each run of a study's curves, the fresh runs on all rows among them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from regbench.metrics import PARTS
from regbench.store.run_files import read_result
from regbench.studies.curve_runs import CurveRun, Curves
from regbench.studies.fresh_table import read_figure, read_state
from regbench.studies.study_folder import CURVES, StudyFolder
from regbench.studies.testing import is_missing


def write_curves(folder: StudyFolder, curves: Curves, metric: str) -> pd.DataFrame:
    """Write the table, and return it as it is read again."""
    folder.write_table(CURVES, tabulate_curves(curves.runs, metric))
    written = folder.read_table(CURVES)
    assert written is not None
    return written


def tabulate_curves(runs: Sequence[CurveRun], metric: str) -> pd.DataFrame:
    """Return the table, of runs that have ended: arm by arm, point by point, replicate by replicate."""
    ended = [made for made in runs if not is_missing(made.run.config)]
    ended.sort(key=lambda made: (made.point.label_noise, made.point.share))
    arms = list(dict.fromkeys(made.run.arm for made in runs))
    return pd.DataFrame([_describe(made, metric) for arm in arms for made in ended if made.run.arm == arm])


def _describe(made: CurveRun, metric: str) -> dict[str, object]:
    run, point = made.run, made.point
    result = read_result(run.config.folder() / "result.json") or {}
    row: dict[str, object] = {
        "arm": run.arm,
        "replicate": run.replicate,
        "seed": run.seed,
        "share": point.share,
        "train_rows": read_figure(result, "rows", "train"),
        "label_noise": point.label_noise,
        "anew": int(made.anew),
        **read_state(result),
    }
    names = list(dict.fromkeys(("loss", metric)))
    row |= {f"{part}_{name}": read_figure(result, "best", part, name) for part in PARTS for name in names}
    row["run"] = run.config.run_id()
    return row
