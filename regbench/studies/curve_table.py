"""curves.csv: a row for each run of a study's curves, the fresh runs on all rows among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from regbench.metrics import PARTS
from regbench.store.run_files import read_result
from regbench.studies.curve_runs import CurveRun, is_kept
from regbench.studies.fresh_table import read_figure, read_state
from regbench.studies.kept import NOTHING, Kept, Row
from regbench.studies.study_folder import CURVES, StudyFolder
from regbench.studies.testing import is_missing


def write_curves(folder: StudyFolder, rows: Iterable[Row]) -> pd.DataFrame:
    """Write the table, and return it as it is read again."""
    folder.write_table(CURVES, pd.DataFrame(list(rows)))
    written = folder.read_table(CURVES)
    assert written is not None
    return written


def describe_curve_runs(runs: Sequence[CurveRun], metric: str, kept: Kept = NOTHING) -> dict[tuple[str, str], Row]:
    """Return a row for each run that has ended, by arm and run id: arm by arm, point by point, then by replicate."""
    ended = [made for made in runs if is_kept(made, kept) or not is_missing(made.run.config)]
    ended.sort(key=lambda made: (made.point.label_noise, made.point.share))
    arms = list(dict.fromkeys(made.run.arm for made in runs))
    placed = {(arm, made.run.config.run_id()): made for arm in arms for made in ended if made.run.arm == arm}
    return {place: kept.curves.get(place) or _describe(made, metric) for place, made in placed.items()}


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
