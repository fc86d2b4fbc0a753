"""The diagnosis of a study's baseline, from the tables of its fresh runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.studies.diagnosis import Diagnosis, Observed
from regbench.studies.diagnosis_figures import LATE, LEAST_LOSS
from regbench.studies.diagnosis_words import Wording, diagnose
from regbench.studies.scoring import error_of

if TYPE_CHECKING:
    from pandas import DataFrame, Index

UNSTOPPED, HALVED = "unstopped", "halved"


def diagnose_study(
    fresh: DataFrame, references: DataFrame | None, metric: str, baseline: str, limit: int, *, regularized: bool = False
) -> Diagnosis | None:
    """Return the diagnosis of the baseline's fresh runs; None without reference models, which give errors their scale.

    Args:
        fresh: a row a fresh run, as `fresh.csv` has them, with those of the baseline trained on to the limit, and if
            there are any, those on half the training rows.
        references: a row a replicate and reference model, as `references.csv` has them.
        metric: the judged figure.
        baseline: its arm.
        limit: epochs of the schedule.
        regularized: whether the baseline has regularizers of its own.
    """
    own = fresh[fresh["arm"] == baseline].set_index("replicate")
    if references is None or references.empty or own.empty:
        return None
    own = own[own["status"] != "failed"]
    last, half = (fresh[fresh["arm"] == arm].set_index("replicate").reindex(own.index) for arm in (UNSTOPPED, HALVED))
    names = references.groupby("reference")["val_error"].mean()
    best = str(names.idxmin())
    chosen = references[references["reference"] == best].set_index("replicate").reindex(own.index)
    constant = _find_constants(references, metric, own.index)
    diverged = np.asarray(own["status"] == "diverged", dtype=np.float64)

    def errors(frame: DataFrame, column: str) -> Floats:
        found = np.array([error_of(metric, score) for score in frame[column].to_numpy(np.float64)])
        return np.where(frame["status"] == "diverged", np.nan, found / constant)

    observed = Observed(
        train=errors(own, f"train_{metric}"),
        val=errors(own, f"val_{metric}"),
        edge=np.where(diverged > 0, np.nan, own["best_epoch"].to_numpy(np.float64) > LATE * limit),
        diverged=diverged,
        train_last=errors(last, f"last_train_{metric}"),
        val_last=errors(last, f"last_val_{metric}"),
        rise=_measure_rises(last),
        reference=chosen["val_error"].to_numpy(np.float64),
        halved=errors(half, f"val_{metric}"),
        regularized=regularized,
    )
    return diagnose(observed, Wording(metric=metric, constant=float(constant.mean()), reference=best, compared=True))


def _find_constants(references: DataFrame, metric: str, replicates: Index[Any]) -> Floats:
    """Return the constant prediction's error of each replicate: that of the worst reference over the share that it is.

    The best may have no error at all, which says nothing. A replicate without any takes the mean of the others.
    """
    worst = references.loc[references.groupby("replicate")["val_error"].idxmax()].set_index("replicate")
    scores, shares = (
        worst[column].reindex(replicates).to_numpy(np.float64) for column in (f"val_{metric}", "val_error")
    )
    errors = np.array([error_of(metric, score) for score in scores])
    found = np.divide(errors, shares, out=np.full(len(errors), np.nan), where=shares > 0)
    known = found[np.isfinite(found)]
    filled: Floats = np.where(np.isfinite(found), found, known.mean() if len(known) else 1.0)
    return filled


def _measure_rises(last: DataFrame) -> Floats:
    """Return by how much the validation loss rose since the best epoch, as a share of it."""
    best, end = (last[column].to_numpy(np.float64) for column in ("val_loss", "last_val_loss"))
    found: Floats = np.where(last["status"] == "diverged", np.nan, (end - best) / np.maximum(best, LEAST_LOSS))
    return found
