"""How a study was done, in about ten sentences with its own numbers."""

from __future__ import annotations

import math

from regbench.formatting import count_noun, format_seconds
from regbench.report.study_data import StudyData
from regbench.report.wording import read_list, read_mapping, read_number, read_text, write_number
from regbench.studies.arms import AUTO_COCKTAIL


def describe_protocol(study: StudyData) -> tuple[str, ...]:
    """Return the sentences."""
    sizes, cut, data = (read_mapping(study.plan, part) for part in ("sizes", "cut", "data"))
    replicates, trials = (_whole(read_number(sizes, part)) for part in ("replicates", "trials"))
    judged = _whole(read_number(study.verdict, "replicates"))
    rope, spent = (read_number(study.verdict, name) for name in ("rope", "alpha"))
    measure, base = study.measure, study.baseline.shown
    parts = [_whole(read_number(data, part)) for part in ("train", "val", "test")]
    sentences = [
        f"{count_noun(len(study.contenders), 'arm')} were compared with {base} on {judged} paired replicates"
        f"{'' if judged == replicates else f' of {replicates} planned'}.",
        f"Each replicate cut the data anew ({read_text(cut, 'text') or read_text(cut, 'method')}): {parts[0]:,} "
        f"rows to train on, {parts[1]:,} to validate with and {parts[2]:,} to test on.",
        f"In each, every arm, {base} too, searched {trials} settings, the learning rate always among them: points "
        "of one scrambled Sobol sequence, with rates, seeds and cuts the same for all arms.",
        _describe_choice(study),
        _describe_cocktail(study),
        "The winner was trained afresh with a new seed and a new training and validation cut, and scored once on the "
        "replicate's test rows, which no part of the search had in memory.",
        f"Judged is {measure.name.replace('_', ' ')}"
        f"{_because(read_text(study.plan, 'metric', 'why'))}, by the difference from {base} in each replicate.",
        _describe_intervals(study),
        f"Words account for all {len(study.contenders)} arms by step-down max-t over sign flips (Westfall and "
        f"Young) at {write_number(spent)}, what look {study.look} spends of {write_number(spent * 2**study.look)}.",
        f"No practical difference means that the 90 % interval lies within {measure.difference(-rope)} and "
        f"{measure.difference(rope)} ({measure.points}).",
        "Runs that diverged are scored by the best epoch they had or as a constant prediction, and never left out.",
        "The setting recommended is the tried point with the best mean of a Gaussian process over all of an arm's "
        "trials; it was tuned with more trials than the technique that was judged, so it is not worse in expectation.",
        _describe_time(study),
    ]
    return tuple(sentence for sentence in sentences if sentence)


def _describe_intervals(study: StudyData) -> str:
    if study.overlap:
        return (
            "Intervals are t intervals of the mean difference, its variance corrected for training rows "
            f"that replicates share (Nadeau and Bengio; {write_number(study.overlap)} test rows to one other): they "
            "are cautious."
        )
    return "Intervals are t intervals of the mean difference with a term for test rows that several replicates share."


def _describe_choice(study: StudyData) -> str:
    by = "validation loss" if study.selects_loss else f"validation {study.measure.name.replace('_', ' ')}"
    finalists = _whole(read_number(study.plan, "sizes", "finalists"))
    again = f", the best {finalists} run twice more on further cuts" if finalists else ""
    return f"The best by {by} won{again}; validation figures of winners are too good to be true and reported nowhere."


def _describe_cocktail(study: StudyData) -> str:
    if not read_list(study.plan, "cocktail"):
        return ""
    return (
        "Then the three arms whose winners were best by validation in that replicate, of those that go together, were "
        f"combined as {AUTO_COCKTAIL}, which searched as many settings as every arm and was judged as one of them; "
        "its costs are estimated from those of its arms."
    )


def _because(why: str) -> str:
    return f" ({why})" if why else ""


def _describe_time(study: StudyData) -> str:
    estimate = read_mapping(study.plan, "estimate")
    runs, workers = read_number(estimate, "runs"), read_number(estimate, "workers")
    if not math.isfinite(runs):
        return ""
    seconds = format_seconds(read_number(estimate, "seconds"))
    spread = f" on {count_noun(int(workers), 'worker')}" if math.isfinite(workers) else ""
    return f"That took {runs:,.0f} runs, estimated beforehand at {seconds}{spread}."


def _whole(number: float) -> int:
    return int(number) if math.isfinite(number) else 0
