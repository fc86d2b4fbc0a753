"""A study as the page reads it: the plan, the verdict and the tables, from the files of its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.errors import ConfigError, escape
from regbench.report.picture import MOST_ARMS
from regbench.report.wording import Measure, read_list, read_mapping, read_number, read_text
from regbench.studies.cocktail import spell_combined
from regbench.studies.study_folder import StudyFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

PLAN, VERDICT = "study.json", "verdict.json"
SCHEMA = 1
BASELINE = "baseline"
MOST_NAMED = 10


@dataclass(frozen=True)
class ArmFacts:
    """An arm as the verdict and the plan have it; `number` is its place on the page, 0 for the baseline."""

    number: int
    name: str
    word: str | None
    facts: Mapping[str, object]
    plan: Mapping[str, object]

    @property
    def is_baseline(self) -> bool:
        """Whether the others are compared with it."""
        return self.word == BASELINE

    @property
    def shown(self) -> str:
        """Its name as one printable line."""
        return escape(self.name)

    @property
    def combined(self) -> tuple[str, ...]:
        """Of a cocktail: the arms of its most frequent combination, for which its recommended settings are."""
        return _read_combined(self.facts)

    @property
    def members(self) -> tuple[str, ...]:
        """Names of its regularizers."""
        return tuple(str(name) for name in read_list(self.plan, "members"))

    def number_of(self, *keys: str) -> float:
        """Return a number of the verdict on it; NaN where there is none."""
        return read_number(self.facts, *keys)


@dataclass(frozen=True)
class StudyData:
    """All that a page says of a study. Tables that are not there yet have no rows."""

    folder: Path
    plan: Mapping[str, object]
    verdict: Mapping[str, object]
    trials: DataFrame
    fresh: DataFrame

    @cached_property
    def arms(self) -> tuple[ArmFacts, ...]:
        """The baseline, then all arms from the largest difference to the smallest."""
        plans = {str(read_mapping({"a": a}, "a").get("name")): a for a in read_list(self.plan, "arms")}
        base = read_mapping(self.verdict, "baseline")
        judged = [read_mapping({"a": a}, "a") for a in read_list(self.verdict, "arms")]
        judged.sort(key=lambda facts: (-_or_least(read_number(facts, "difference")), str(facts.get("name"))))
        arms: list[tuple[str, str | None, Mapping[str, object]]] = [(str(base.get("name")), BASELINE, base)]
        arms += [(str(facts.get("name")), read_text(facts, "word") or None, facts) for facts in judged]
        return tuple(
            ArmFacts(number, name, word, facts, _read_plan(plans, name, facts))
            for number, (name, word, facts) in enumerate(arms)
        )

    @property
    def baseline(self) -> ArmFacts:
        """The arm that the others are compared with."""
        return self.arms[0]

    @property
    def contenders(self) -> tuple[ArmFacts, ...]:
        """All arms besides the baseline, the largest difference first."""
        return self.arms[1:]

    @cached_property
    def by_name(self) -> Mapping[str, ArmFacts]:
        """The arms by name."""
        return {arm.name: arm for arm in self.arms}

    @property
    def leader(self) -> ArmFacts | None:
        """The best arm as the verdict has it."""
        return self.by_name.get(str(self.verdict.get("leader")))

    @property
    def named(self) -> tuple[ArmFacts, ...]:
        """The arms that drawings have room to name: all, or of more than 30 the baseline, the leader and the best."""
        if len(self.arms) <= MOST_ARMS:
            return self.arms
        return tuple(arm for arm in self.arms if arm.number <= MOST_NAMED or arm is self.leader)

    def setting(self, name: str) -> object:
        """Return a setting `study.NAME` as the plan records it; None where it does not."""
        identity = read_mapping(self.plan, "identity", "study")
        places = (read_mapping(self.plan, "settings"), self.plan, identity)
        return next((place[name] for place in places if name in place), None)

    @property
    def selects_loss(self) -> bool:
        """Whether trials were chosen by the validation loss, not by the judged metric."""
        return self.setting("select") == "val_loss"

    @property
    def look(self) -> int:
        """Number of times that the study has been judged with ever more replicates, this one included."""
        look = read_number(self.verdict, "look")
        return int(look) if look >= 1 else 1

    @property
    def overlap(self) -> float:
        """n_test/n_train where intervals are corrected by it, else 0."""
        overlap = read_number(self.verdict, "interval", "overlap")
        return 0.0 if math.isnan(overlap) else overlap

    @cached_property
    def measure(self) -> Measure:
        """The judged metric."""
        higher = self.verdict.get("higher_is_better", True)
        return Measure(str(self.verdict.get("metric")), read_text(self.verdict, "unit"), bool(higher))

    def chosen_trials(self, arm: str) -> DataFrame:
        """Return the winners of an arm's searches, one row a replicate."""
        own = self.trials_of(arm)
        return own[own["chosen"] == 1] if "chosen" in own else own

    def alike_trials(self, arm: ArmFacts) -> DataFrame:
        """Return the rows of trials.csv of one arm; of a cocktail those of its most frequent combination."""
        own = self.trials_of(arm.name)
        if not arm.combined or "combined" not in own:
            return own
        return own[own["combined"] == spell_combined(arm.combined)]

    def trials_of(self, arm: str) -> DataFrame:
        """Return the rows of trials.csv of one arm, the first run of each trial only."""
        if "arm" not in self.trials:
            return self.trials
        own = self.trials[self.trials["arm"] == arm]
        return own[own["repeat"] == 0] if "repeat" in own else own

    def fresh_of(self, arm: str) -> DataFrame:
        """Return the rows of fresh.csv of one arm."""
        return self.fresh[self.fresh["arm"] == arm] if "arm" in self.fresh else self.fresh

    def median_fresh(self, arm: str) -> Mapping[str, Any] | None:
        """Return the row of the fresh run whose test figure is the median of its arm's; None without any."""
        own, column = self.fresh_of(arm), f"test_{self.measure.name}"
        if column not in own:
            return None
        known = own[own[column].notna()].sort_values([column, "replicate"], kind="stable")
        return dict(known.iloc[(len(known) - 1) // 2]) if len(known) else None

    def median_folder(self, arm: str) -> Path | None:
        """Return the folder of that run; None where it is not there."""
        row = self.median_fresh(arm)
        name = row.get("run") if row else None
        path = self.folder / name if isinstance(name, str) and name and "/" not in name else None
        return path if path is not None and path.is_dir() else None

    def curve(self, arm: str, replicate: int, trial: int) -> NDArray[np.float32] | None:
        """Return the curves `[4, E]` of one trial: training loss and metric, validation loss and metric."""
        return self._curves(arm).get((replicate, trial))

    @cached_property
    def _generations(self) -> Mapping[str, list[Path]]:
        """The files of curves by arm."""
        found: dict[str, list[Path]] = {}
        for path in sorted((self.folder / "generations").glob("*.npz")):
            found.setdefault(_arm_of(path), []).append(path)
        return found

    def _curves(self, arm: str) -> dict[tuple[int, int], NDArray[np.float32]]:
        import numpy as np

        found: dict[tuple[int, int], NDArray[np.float32]] = {}
        for path in self._generations.get(arm, []):
            try:
                with np.load(path, allow_pickle=False) as stored:
                    index = zip(stored["replicate"], stored["trial"], stored["repeat"], stored["curves"], strict=True)
                    found.update({(int(r), int(t)): curves for r, t, repeat, curves in index if repeat == 0})
            except (OSError, ValueError, KeyError):
                continue  # a damaged picture of training takes nothing from the verdict
        return found


def _read_combined(facts: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(name) for name in read_list(read_mapping(facts, "recommended"), "combined"))


def _read_plan(plans: Mapping[str, object], name: str, facts: Mapping[str, object]) -> Mapping[str, object]:
    """Return an arm as planned; of a cocktail, what was planned for the arms of its most frequent combination."""
    own, combined = read_mapping(plans, name), _read_combined(facts)
    if not combined:
        return own
    parts = [read_mapping(plans, part) for part in combined]
    joined = {key: [item for part in parts for item in read_list(part, key)] for key in ("members", "space")}
    return {**own, "members": joined["members"], "space": list({str(item): item for item in joined["space"]}.values())}


def read_study(folder: Path) -> StudyData:
    """Read a study from its folder.

    Raises:
        ConfigError: it has no verdict yet, or is of a later schema.
        RegbenchError: a file is damaged.
    """
    plan, verdict = _read_json(folder / PLAN), _read_json(folder / VERDICT)
    if plan is None:
        raise ConfigError(f"{escape(str(folder))} holds no study: there is no {PLAN}")
    if verdict is None:
        raise ConfigError(f"{escape(str(folder))}: the study has no verdict yet; give its command again")
    return StudyData(folder, plan, verdict, read_table(folder / "trials.csv"), read_table(folder / "fresh.csv"))


def read_table(path: Path) -> DataFrame:
    """Return a table; one without rows where there is none.

    Raises:
        RegbenchError: it cannot be read as a table.
    """
    import pandas as pd

    table = StudyFolder(path.parent).read_table(path.name)
    return pd.DataFrame() if table is None else table


def _read_json(path: Path) -> dict[str, object] | None:
    found = StudyFolder(path.parent).read_json(path.name)
    if found is None:
        return None
    if found.get("schema") != SCHEMA:
        raise ConfigError(f"{escape(str(path))} has schema {found.get('schema')!r}, this regbench has {SCHEMA}")
    return found


def _arm_of(path: Path) -> str:
    """Return the arm whose curves a file holds: as its table has it, or as the file is called."""
    table = read_table(path.with_suffix(".csv"))
    return str(table["arm"].iloc[0]) if len(table) and "arm" in table else path.stem.rpartition("-")[0]


def _or_least(number: float) -> float:
    return -math.inf if math.isnan(number) else number
