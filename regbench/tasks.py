"""Tasks that a network can learn."""

from __future__ import annotations

from enum import StrEnum


class Task(StrEnum):
    """Kind of target: one class of several, a number, or any of several labels at once."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    MULTILABEL = "multilabel"
