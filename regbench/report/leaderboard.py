"""Figure 2: the leaderboard of a study, one row an arm."""

from __future__ import annotations

import math

from regbench.errors import escape
from regbench.report.page import Cell, Leaderboard, Row
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.wording import read_list, read_mapping, read_number, write_number

KINDS = {"better": "better", "worse": "worse", "undecided": "undecided", "no practical difference": "none"}


def make_leaderboard(study: StudyData) -> Leaderboard:
    """Return the table of all arms, the baseline where its mean belongs."""
    measure = study.measure
    columns = (
        ("arm", "what is compared"),
        (measure.label, "mean over test rows of all replicates"),
        ("difference", f"mean difference from {study.baseline.shown}, larger is better"),
        ("95 % interval", "of this arm alone"),
        ("all together", "the interval that holds for all arms at once"),
        ("word", "what the study says"),
        ("x train", "training time as a multiple of the baseline's"),
        ("x predict", "prediction time as a multiple of the baseline's"),
        ("wins", "replicates in which it was better than the baseline; ties count half"),
        ("chance better", "probability that the true difference lies above no practical difference"),
        ("optimism", "validation minus test figure of the fresh runs"),
        ("note", "warnings"),
    )
    order = sorted(study.arms, key=lambda arm: (-_difference(arm), not arm.is_baseline))
    return Leaderboard(
        columns=columns,
        rows=tuple(_make_row(arm, study) for arm in order),
        scale=tuple(_list_scale(study)),
        caption=(
            f"Mean test {measure.name.replace('_', ' ')} of fresh runs over "
            f"{int(read_number(study.verdict, 'replicates'))} replicates. Validation figures are no part of it. A "
            "click on a column's name sorts by it."
        ),
    )


def _difference(arm: ArmFacts) -> float:
    value = 0.0 if arm.is_baseline else arm.number_of("difference")
    return -math.inf if math.isnan(value) else value


def _make_row(arm: ArmFacts, study: StudyData) -> Row:
    measure = study.measure
    mean = Cell(measure.value(arm.number_of("mean")), _sortable(arm.number_of("mean")))
    costs = [_number(arm.number_of("cost", f"{kind}_ratio"), "{:.2g}") for kind in ("train", "inference")]
    if arm.is_baseline:
        costs = [Cell("1", 1.0) if cell.value is None else cell for cell in costs]
        middle = [Cell(""), Cell(""), Cell(""), Cell("baseline", "baseline", "baseline")]
        last = [Cell(""), Cell(""), Cell(""), Cell("")]
    else:
        low, high, all_low, all_high = (arm.number_of(key) for key in ("low", "high", "low_all", "high_all"))
        middle = [
            Cell(measure.difference(arm.number_of("difference")), _sortable(arm.number_of("difference"))),
            Cell(measure.interval(low, high), _sortable(low)),
            Cell(measure.interval(all_low, all_high), _sortable(all_low)),
            Cell(_say(arm), arm.word or "", KINDS.get(arm.word or "", "none")),
        ]
        chance = arm.number_of("chance_better")
        notes = ", ".join(escape(str(note)).replace("regularizer.", "") for note in read_list(arm.facts, "warnings"))
        last = [
            _wins(arm, study),
            Cell("-" if math.isnan(chance) else f"{100 * chance:.0f} %", _sortable(chance)),
            Cell(measure.difference(arm.number_of("optimism")), _sortable(arm.number_of("optimism"))),
            Cell(notes, notes, "warn"),
        ]
    return Row((Cell(arm.shown), mean, *middle, *costs, *last), arm.number, arm.shown, f"arm{arm.number}")


def _say(arm: ArmFacts) -> str:
    """Return the word of an arm, with what would decide it."""
    needs = read_mapping(arm.facts, "needs")
    replicates, rows = read_number(needs, "replicates"), read_number(needs, "rows")
    if arm.word == "undecided" and math.isfinite(replicates):
        return f"undecided, +{replicates:.0f}"
    if arm.word == "undecided" and math.isfinite(rows):
        return f"undecided, takes {rows:,.0f} rows"
    return arm.word or "-"


def _wins(arm: ArmFacts, study: StudyData) -> Cell:
    won = arm.number_of("wins")  # with ties as half
    if math.isnan(won):
        return Cell("-")
    return Cell(f"{won:g}/{int(read_number(study.verdict, 'replicates'))}", won)


def _number(value: float, form: str) -> Cell:
    return Cell("-") if math.isnan(value) else Cell(form.format(value), value)


def _sortable(value: float) -> float | None:
    return None if math.isnan(value) else value


def _list_scale(study: StudyData) -> list[tuple[str, str]]:
    """Return the baseline as typed and other libraries' models."""
    measure, found = study.measure, []
    typed = read_number(study.verdict, "as_typed", "mean")
    if math.isfinite(typed):
        found.append((f"{study.baseline.shown} with the settings as typed", measure.value(typed)))
    for name, facts in sorted(read_mapping(study.verdict, "references").items()):
        mean = read_number(facts, "mean")
        if math.isfinite(mean):
            told = {"linear": "linear model"}.get(name, name)
            found.append((f"scikit-learn's {told}", measure.value(mean)))
    return found


def describe_cost(arm: ArmFacts) -> list[tuple[str, str]]:
    """Return what an arm costs, in words."""
    cost = read_mapping(arm.facts, "cost")
    low, high = (read_number(cost, f"train_{end}") for end in ("low", "high"))
    ratio = read_number(cost, "train_ratio")
    found = []
    if math.isfinite(ratio):
        band = f" ({write_number(low)} to {write_number(high)})" if math.isfinite(low) else ""
        found.append(("training time", f"{write_number(ratio)} x the baseline's{band}"))
    epochs = [read_number(cost, f"epochs_{name}") for name in ("median", "low", "high")]
    if math.isfinite(epochs[0]):
        found.append(("epochs to the best", "{:g} (quartiles {:g} and {:g})".format(*epochs)))
    runs, seconds = read_number(cost, "tuning_runs"), read_number(cost, "tuning_seconds")
    if math.isfinite(runs):
        spent = f", {write_number(seconds)} s of processor time" if math.isfinite(seconds) else ""
        found.append(("tuning", f"{runs:,.0f} runs{spent}"))
    parameters, memory = read_number(cost, "parameters"), read_number(cost, "memory_bytes")
    if math.isfinite(parameters):
        found.append(("parameters", f"{parameters:,.0f}"))
    if math.isfinite(memory):
        found.append(("memory", f"{memory / 2**20:.1f} MiB in training, estimated"))
    return found
