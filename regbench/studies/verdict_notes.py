"""Sentences beside a verdict: what was left out, what diverged, and what makes it say less than it seems to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from regbench.errors import escape
from regbench.formatting import count_noun, join_words
from regbench.studies.arms import AS_TYPED
from regbench.studies.cocktail_plan import describe_cocktails
from regbench.studies.judging import Judged
from regbench.studies.row_values import find_values
from regbench.studies.sentences import describe_few_rows, describe_lost_tuning, describe_repeats, show_figure
from regbench.studies.study_scores import score_study
from regbench.studies.warnings import FEW_ROWS

CHANGES_COST = ("schedule.batch_size", "model.")
"""Settings whose choices change what a step costs."""


def find_hopeless(judged: Judged) -> list[str]:
    """Return the arms of which every fresh run failed to train at all: there is nothing to compare."""
    constant, replicates = judged.scores.constant, judged.scores.replicates
    return [arm.name for arm in judged.plan.arms if set(constant.get(arm.name, ())) >= set(replicates)]


def describe_hopeless(judged: Judged) -> str | None:
    """Return what to say where the baseline never trained, so that no arm can be compared with it; else None."""
    if judged.plan.baseline not in find_hopeless(judged):
        return None
    return (
        f"Nothing can be compared: every fresh run of {escape(judged.plan.baseline)} diverged before its first epoch "
        "ended; try lower rates, as in study.search={schedule.optimizer.lr: [1e-4, 1e-2]}."
    )


def list_losses(dropped: Sequence[int], constant: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Yield a sentence for the replicates that were left out, and for each arm with runs that diverged."""
    if dropped:
        yield (
            f"{count_noun(len(dropped), 'replicate')} left out for all arms, because a fresh run failed there: "
            f"{join_words([str(number) for number in dropped])}"
        )
    for name, numbers in constant.items():
        if numbers:
            runs = f"{escape(name)}: {count_noun(len(numbers), 'fresh run')} diverged"
            yield f"{runs} and count as a constant guess, or as the worst arm if the figure is no mean over rows"


def _list_guessing(judged: Judged) -> list[str]:
    """Say so where the baseline is no better than a prediction that looks at no input."""
    plan, name = judged.plan, judged.plan.baseline
    kept = [part for part in judged.evidence.outputs if part.replicate in judged.scores.replicates]
    if find_values(plan.metric, judged.evidence.task) is None or name in find_hopeless(judged):
        return []
    blind = [replace(part, outputs={name: None}) for part in kept]
    guess = float(score_study(plan.metric, judged.evidence.task, [name], blind, {name: {}}).matrix.mean())
    mean = float(judged.scores.of(name).mean())
    if not guess >= mean - plan.settings.rope:
        return []
    shown = [show_figure(judged.metric, judged.sign * value) for value in (mean, guess)]
    return [
        f"{escape(name)} is no better than a guess that looks at no input ({shown[0]} against {shown[1]}): that no arm "
        "differs from it says little; train longer, or try other rates"
    ]


def list_notes(judged: Judged) -> Sequence[str]:
    """Return all sentences beside a verdict."""
    plan, scores = judged.plan, judged.scores
    notes = list(list_losses(judged.dropped, scores.constant))
    notes += describe_cocktails(plan, judged.evidence.trials)
    notes += _list_guessing(judged)
    typed = scores.compare(AS_TYPED, plan.baseline)
    hopeless = plan.baseline in find_hopeless(judged)
    if not hopeless and typed.mean > plan.settings.rope / 2 and typed.interval().low > 0:
        notes.append(describe_lost_tuning(plan.trials, typed.mean, judged.metric))
    rows = min(len(part.rows) for part in judged.evidence.outputs)
    if rows < FEW_ROWS:
        notes.append(describe_few_rows(rows, judged.metric))
    varied = sorted({key for arm in plan.arms for key, _ in arm.space.groups if key.startswith(CHANGES_COST)})
    if varied:
        notes.append(
            f"the study varies {join_words(varied)}: the seconds of a step behind 'x train' are those of the settings "
            "as typed"
        )
    if len({len(part.rows) for part in judged.evidence.outputs}) > 1:
        notes.append(
            "replicates test unequal numbers of rows: rows/ holds the truth alone, and there is no calibration and no "
            "bias and variance"
        )
    if plan.rule.method == "forward":
        notes.append(
            "folds are stretches of one time and each counts once, so the intervals hold for the time that was tested: "
            "what changes after it, and swings longer than a fold, are not in them"
        )
    repeats = next((part.repeats for part in judged.evidence.outputs if part.repeats is not None), None)
    notes += [] if repeats is None else [describe_repeats(repeats)]
    if scores.overlap:
        notes.append(
            f"intervals are corrected for training rows that replicates share ({scores.overlap:.2f} test rows to one "
            "other; Nadeau and Bengio): they find large differences only"
        )
    if plan.rule.fixed:
        notes.append("the validation rows are the same in every replicate, so the intervals lack the noise of that cut")
    return notes
