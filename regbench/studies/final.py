"""The command that trains the recommended setting once more, on all rows, as a model to use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regbench.compose.study_arms import split_words
from regbench.studies.judging import Judged, choose_arm
from regbench.studies.verdict_notes import find_hopeless

REPLACED = ("regularizer", "schedule/stop", "schedule.epochs", "name", "quiet", "resume")
"""Keys that the command sets itself, or that are no part of a model."""

BELOW = ("schedule.stop.", "dataset.split.")
ROLES = ("dataset.split.groups", "dataset.split.time", "dataset.split.column")
"""Columns that say how rows are cut: they are no inputs of the network, whatever the cut."""


def list_final_words(judged: Judged, command: Sequence[str]) -> list[str]:
    """Return the overrides for `regbench run`; none where the baseline never trained.

    There are no validation rows to stop on: it trains as many epochs as the arm's fresh runs took to their best, in the
    median.

    Args:
        judged: the study.
        command: the words that were typed after `regbench bench`.
    """
    if judged.verdict.baseline in find_hopeless(judged):
        return []
    arm, recommended = judged.plan.arm(choose_arm(judged)), judged.recommended[choose_arm(judged)]
    _, _, typed = split_words(command)
    set_here = {_key(word) for word in recommended.overrides}
    kept = [word for word in typed if _key(word) in ROLES or not _is_replaced(_key(word), set_here)]
    fresh = judged.evidence.fresh
    best = fresh.loc[fresh["arm"] == arm.name, "best_epoch"].dropna().to_numpy(float)
    epochs = max(1, round(float(np.median(best)))) if len(best) else 1
    return [
        *kept,
        *recommended.overrides,
        "schedule/stop=none",
        f"schedule.epochs={epochs}",
        "dataset.split.method=all",
        f"name={judged.plan.name[:94]}-final",
    ]


def _is_replaced(key: str, set_here: set[str]) -> bool:
    return key in {*REPLACED, *set_here} or key.startswith(BELOW)


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0]
