"""The verdict on runs that exist already, and what a study would have ensured that these runs do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regbench.errors import ConfigError, escape, suggest
from regbench.evidence.verdict import Rules, Verdict, judge
from regbench.evidence.words import FEWEST
from regbench.formatting import count_noun, join_words
from regbench.metrics import METRICS, Metric
from regbench.studies.existing import Arm, Field

NONE = "none"
ROPE, ALPHA = 0.01, 0.05


@dataclass(frozen=True)
class Comparison:
    """What can be said of the arms of one data set.

    `verdict` judges the arms that lost no run, with scores of which larger is better; None where fewer than two
    replicates or no arm besides the baseline is left. `lost` are the arms that lost runs: an arm that diverges is never
    better by omission, so it gets no word.
    """

    field: Field
    baseline: str
    verdict: Verdict | None
    lost: tuple[Arm, ...]
    notes: tuple[str, ...]

    @property
    def metric(self) -> Metric:
        """The figure that is judged."""
        return METRICS[self.field.metric]


def compare_arms(field: Field, baseline: str | None, rope: float | None) -> Comparison:
    """Judge the arms of one data set against a baseline.

    Args:
        field: the arms and their runs.
        baseline: the arm to compare with; None takes `none`, or the only arm with the fewest regularizers.
        rope: half the width of no practical difference in the figure's unit; None takes 0.01.

    Raises:
        ConfigError: there is no such arm, none to take, or the baseline itself lost runs.
    """
    base = _find_baseline(field, baseline)
    if base.lost:
        raise ConfigError(
            f"the baseline {escape(base.name)} lost {base.lost} of {len(base.runs)} runs (diverged, failed or without "
            f"{field.metric}), so nothing can be compared with it; choose another: --baseline ARM"
        )
    kept = [place for place, arm in enumerate(field.arms) if not arm.lost]
    names = [field.arms[place].name for place in kept]
    metric = METRICS[field.metric]
    sign = 1.0 if metric.higher_is_better else -1.0
    rules = Rules(
        rope=ROPE if rope is None else rope,
        alpha=ALPHA,
        folds=len({draw.fold for draw in field.replicates}),
        perfect=1.0 if metric.higher_is_better else 0.0,
    )
    judged = len(names) > 1 and len(field.replicates) > 1
    return Comparison(
        field=field,
        baseline=base.name,
        verdict=judge(sign * field.scores()[kept], names, base.name, rules) if judged else None,
        lost=tuple(arm for arm in field.arms if arm.lost),
        notes=tuple(_list_notes(field, rope)),
    )


def _find_baseline(field: Field, asked: str | None) -> Arm:
    arms = {arm.name: arm for arm in field.arms}
    if asked is not None:
        if asked not in arms:
            raise ConfigError(f"--baseline {escape(asked)}: no such arm; {suggest(asked, list(arms))}")
        return arms[asked]
    plain = [arm for arm in field.arms if arm.name.split()[0] == NONE]
    if len(plain) != 1:
        raise ConfigError(
            f"{count_noun(len(plain), 'arm')} without a regularizer, so the baseline must be named: --baseline ARM, "
            f"one of {', '.join(escape(name) for name in arms)}"
        )
    return plain[0]


def _list_notes(field: Field, rope: float | None) -> Iterator[str]:
    """Yield what a study would have ensured, and what was left out."""
    replicates = len(field.replicates)
    if replicates < FEWEST:
        yield (
            f"{count_noun(replicates, 'replicate')} that all arms have: words are given from {FEWEST} on; train every "
            "arm with more seeds or folds"
        )
    counts = [arm.settings for arm in field.arms]
    if max(counts) > 1:
        told = f"of the settings of an arm, the one with the best mean validation {field.metric} is judged"
        had = join_words([f"{escape(arm.name)} had {arm.settings}" for arm in field.arms])
        unequal = len(set(counts)) > 1
        yield f"{told}; {had}{f': the best of {max(counts)} has an advantage' if unequal else ''}"
    if all(len(arm.rates) == 1 for arm in field.arms):
        rates = sorted({str(rate) for arm in field.arms for rate in arm.rates})
        yield f"lr not tuned: {'every arm has' if len(rates) == 1 else 'each arm has one of'} {', '.join(rates)}"
    yield _describe_cuts(field)
    if rope is None and METRICS[field.metric].unit:
        yield f"no practical difference is taken as {ROPE} of {field.metric} ({METRICS[field.metric].unit}): --rope X"
    if field.left_out:
        yield f"{count_noun(field.left_out, 'run')} of seeds or splits that not all arms have left out"
    if field.unended:
        yield f"{count_noun(field.unended, 'run')} not ended, and left out"


def _describe_cuts(field: Field) -> str:
    """Say which noise the intervals hold."""
    draws = field.replicates
    cuts, seeds = {draw.cut for draw in draws}, {draw.seed for draw in draws}
    over = f"{count_noun(len(cuts), 'split')} x {count_noun(len(seeds), 'seed')}"
    if len(cuts) == 1:
        return f"{over}: one test part for all, so the intervals hold the noise of training and not that of test rows"
    if len({draw.cut_seed for draw in draws}) > 1 or len({draw.fold for draw in draws}) != len(cuts):
        return f"{over}: rows that several splits test count as new each time, so the intervals are a little narrow"
    if len(seeds) > 1:
        return f"{over}: seeds of one fold share its rows, which the intervals do not account for"
    return f"{over}: every row is tested once"


def mean_of(arm: Arm, field: Field) -> float:
    """Return the mean test figure of the runs that have one; NaN where none has."""
    row = field.scores()[[other.name for other in field.arms].index(arm.name)]
    known = row[np.isfinite(row)]
    return float(known.mean()) if len(known) else float("nan")
