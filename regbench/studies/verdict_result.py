"""The result of a study for Python: verdict and tables as they lie in the folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.studies.study_folder import CURVES, FRESH, REFERENCES, TRIALS, StudyFolder

if TYPE_CHECKING:
    from pandas import DataFrame

ARM_COLUMNS = (
    "word",
    "mean",
    "difference",
    "low",
    "high",
    "low_all",
    "high_all",
    "p_adjusted",
    "wins",
    "chance_better",
    "chance_same",
    "chance_worse",
    "relative_error_change",
    "optimism",
)
COST_COLUMNS = ("train_ratio", "inference_ratio", "tuning_runs", "tuning_seconds", "parameters", "memory_bytes")


@dataclass(frozen=True, repr=False)
class StudyVerdict:
    """What a study says: the content of verdict.json and study.json, with its tables as DataFrames.

    Differences and means are in the figure's own unit: 0.026 of accuracy are 2.6 points.
    """

    folder: Path
    plan: Mapping[str, Any]
    content: Mapping[str, Any]

    @property
    def headline(self) -> str:
        """The sentence to keep."""
        return str(self.content["headline"])

    @property
    def complete(self) -> bool:
        """Whether all replicates were judged."""
        return bool(self.content["complete"])

    @property
    def how(self) -> list[str]:
        """The overrides of the recommended setting."""
        return list(self.content["recommended"])

    @property
    def words(self) -> dict[str, str | None]:
        """The word of each arm; None with fewer than 10 replicates."""
        return {arm["name"]: arm["word"] for arm in self.content["arms"]}

    @cached_property
    def arms(self) -> DataFrame:
        """A row an arm, the best first: word, difference with its intervals, chances and costs."""
        from pandas import DataFrame

        rows = [
            {
                **{name: arm[name] for name in ARM_COLUMNS},
                **{name: arm["cost"][name] for name in COST_COLUMNS},
                "needs_replicates": (arm["needs"] or {}).get("replicates"),
            }
            for arm in self.content["arms"]
        ]
        return DataFrame(rows, index=[arm["name"] for arm in self.content["arms"]])

    @cached_property
    def trials(self) -> DataFrame:
        """trials.csv: a row a search run."""
        return self._read(TRIALS)

    @cached_property
    def fresh(self) -> DataFrame:
        """fresh.csv: a row a fresh run, with its test figures."""
        return self._read(FRESH)

    @cached_property
    def references(self) -> DataFrame:
        """references.csv: what other models reach on the same cuts; empty where they were not asked for."""
        return self._read(REFERENCES)

    @cached_property
    def curves(self) -> DataFrame:
        """curves.csv: runs of baseline and leader on fewer rows and with wrong labels; empty without `study.curves`."""
        return self._read(CURVES)

    def _read(self, name: str) -> DataFrame:
        from pandas import DataFrame

        table = StudyFolder(self.folder).read_table(name)
        return DataFrame() if table is None else table

    def __repr__(self) -> str:
        """Return the sentence to keep."""
        return f"StudyVerdict({self.headline!r})"
