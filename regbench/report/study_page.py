"""The page of a study."""

from __future__ import annotations

import math
import shlex
from pathlib import Path

from regbench.errors import escape
from regbench.formatting import format_seconds
from regbench.report.families import page_by_family
from regbench.report.figures.augmented import draw_augmented
from regbench.report.figures.balls import draw_balls
from regbench.report.figures.boundary import draw_study_boundaries
from regbench.report.figures.decomposition import draw_decomposition
from regbench.report.figures.expected_best import draw_expected_best
from regbench.report.figures.forest import draw_forest
from regbench.report.figures.gradient_noise import draw_gradient_noise
from regbench.report.figures.interactions import draw_interactions
from regbench.report.figures.loss_panels import draw_study_losses
from regbench.report.figures.pareto import draw_pareto
from regbench.report.figures.reliability import draw_reliability
from regbench.report.figures.response import draw_responses
from regbench.report.figures.sensitivity import draw_sensitivity
from regbench.report.figures.weights import draw_study_weights
from regbench.report.leaderboard import describe_cost, make_leaderboard
from regbench.report.page import ArmDetails, Card, Page
from regbench.report.papers import CORRECTED, STATISTICS, list_references
from regbench.report.picture import Picture
from regbench.report.protocol import describe_protocol
from regbench.report.study_data import ArmFacts, StudyData, read_study
from regbench.report.wording import read_list, read_mapping, read_number, read_text, short_key, write_number
from regbench.studies.sentences import list_warnings

FILES = (
    ("study.json", "the plan, written before anything was trained"),
    ("verdict.json", "all figures of this page that are judged"),
    ("trials.csv", "every run of the search"),
    ("fresh.csv", "the runs that were scored on test rows"),
    ("curves.csv", "baseline and leader on fewer rows and with wrong labels"),
    ("references.csv", "models of scikit-learn on the same cuts"),
    ("choices.json", "the winners, written before test rows were read"),
    ("rows", "what each fresh run said of each test row"),
)


def make_study_page(folder: Path) -> Page:
    """Return the page of a study.

    Raises:
        ConfigError: it has no verdict yet, or is of a later schema.
        RegbenchError: a file is damaged.
    """
    study = read_study(folder)
    network, data = read_text(study.plan, "network", "name"), read_text(study.plan, "data", "name")
    members = [name for arm in study.arms for name in arm.members]
    mark = read_text(study.plan, "hash") or read_text(study.verdict, "study_hash")
    return Page(
        title=f"Which regularization does {network} need on {data}?",
        mark=f"regbench study {read_text(study.plan, 'name')}, {mark[:12]}",
        headline=read_text(study.verdict, "headline"),
        command=make_command(study, read_text(study.verdict, "how")),
        final=_write_final(study),
        citation=_cite(study, mark),
        banner=_describe_gaps(study),
        diagnosis=read_text(study.verdict, "diagnosis", "sentence"),
        advice=_texts(study, "diagnosis", "advice"),
        warnings=_list_warnings(study),
        notes=_list_notes(study),
        cards=(_data_card(study), _plan_card(study), *_diagnosis_card(study)),
        leaderboard=make_leaderboard(study),
        figures=draw_figures(study),
        details=tuple(_describe_arm(arm, study) for arm in study.arms),
        protocol=describe_protocol(study),
        files=tuple((name, told) for name, told in FILES if (folder / name).exists()),
        versions=tuple((str(name), str(text)) for name, text in sorted(read_mapping(study.plan, "versions").items())),
        references=(*list_references(members), *STATISTICS, *(CORRECTED if study.overlap else ())),
    )


def draw_figures(study: StudyData) -> tuple[Picture, ...]:
    """Return all figures for which the study has something to show, in the order of the page."""
    members = [name for arm in study.arms for name in arm.members]
    drawn = (
        draw_forest(study),
        draw_expected_best(study),
        draw_pareto(study),
        draw_decomposition(study),
        draw_interactions(study),
        draw_reliability(study),
        draw_responses(study),
        draw_study_losses(study),
        draw_sensitivity(study),
        draw_study_weights(study),
        draw_study_boundaries(study),
        draw_balls(members),
        draw_gradient_noise(study),
        draw_augmented(study),
    )
    return tuple(page_by_family(picture, study) for picture in drawn if picture is not None)


def make_command(study: StudyData, how: str) -> str:
    """Return the command that trains one run with some overrides: what was typed, without the study's own settings."""
    if not how:
        return ""
    typed = [str(word) for word in read_list(study.plan, "command")]
    kept = [word for word in typed if "=" in word and not word.lstrip("+~").startswith(("study", "name=", "resume="))]
    taken = {word.partition("=")[0] for word in shlex.split(how)}
    own = [shlex.quote(word) for word in kept if word.partition("=")[0].lstrip("+") not in taken]
    return escape(" ".join(["regbench run", *own, how]))


def _write_final(study: StudyData) -> str:
    """Return the command that trains the recommended network on all rows; empty where the verdict has none."""
    words = [str(word) for word in read_list(study.verdict, "final")]
    return escape(" ".join(["regbench run", *map(shlex.quote, words)])) if words else ""


def _describe_gaps(study: StudyData) -> str:
    if study.verdict.get("complete") is not False:
        return ""
    judged, planned = read_number(study.verdict, "replicates"), read_number(study.plan, "sizes", "replicates")
    if judged >= planned:
        return "Incomplete: some runs failed or are left. Give the study's command again to go on from there."
    return (
        f"Incomplete: {write_number(judged)} of {write_number(planned)} replicates are judged here. Give the study's "
        "command again to go on from there."
    )


def _cite(study: StudyData, mark: str) -> str:
    version = read_text(study.plan, "versions", "regbench")
    looked = write_number(read_number(study.verdict, "replicates"))
    name = read_text(study.plan, "name")
    return f"regbench {version}, study {name} ({mark[:12]}), {looked} replicates: {study.measure.name}"


def _texts(study: StudyData, *keys: str) -> tuple[str, ...]:
    return tuple(escape(str(line)) for line in read_list(study.verdict, *keys))


def _list_warnings(study: StudyData) -> tuple[str, ...]:
    """Return a sentence for each kind of warning, as the terminal has it."""
    own = {study.baseline.name: _texts(study, "warnings")}
    own |= {arm.name: tuple(map(str, read_list(arm.facts, "warnings"))) for arm in study.contenders}
    return tuple(list_warnings(own))


def _list_notes(study: StudyData) -> tuple[str, ...]:
    surer = read_text(study.verdict, "surer")
    return (*_texts(study, "notes"), *([f"To be surer: {surer}"] if surer else []))


def _data_card(study: StudyData) -> Card:
    data = read_mapping(study.plan, "data")
    classes = read_list(data, "classes")
    parts = [read_number(data, part) for part in ("train", "val", "test")]
    facts = [
        ("data", read_text(data, "name")),
        ("rows", f"{read_number(data, 'rows'):,.0f}"),
        ("inputs", read_text(data, "inputs")),
        ("task", read_text(data, "task") + (f", {len(classes)} classes" if classes else "")),
        ("a replicate", "{:,.0f} training, {:,.0f} validation, {:,.0f} test rows".format(*parts)),
        ("checksum", read_text(data, "checksum")[:16]),
    ]
    lines = tuple(escape(str(line)) for key in ("lines", "notes") for line in read_list(data, key))
    return Card("the data", tuple((name, text) for name, text in facts if text), lines)


def _plan_card(study: StudyData) -> Card:
    sizes, estimate = read_mapping(study.plan, "sizes"), read_mapping(study.plan, "estimate")
    skipped = [f"{read_text(each, 'name')}: {read_text(each, 'reason')}" for each in read_list(study.plan, "skipped")]
    size = "{:g} replicates x ({:g} trials + 1 fresh run)".format(
        *(read_number(sizes, k) for k in ("replicates", "trials"))
    )
    facts = [
        ("network", read_text(study.plan, "network", "text")),
        ("parameters", f"{read_number(study.plan, 'network', 'parameters'):,.0f}"),
        ("arms", f"{len(study.contenders)} against {study.baseline.shown}"),
        ("plan", size),
        ("cuts", read_text(study.plan, "cut", "text")),
        ("judged by", study.measure.label),
        ("estimate", format_seconds(read_number(estimate, "seconds"))),
        ("typed", escape(f"regbench bench {shlex.join(map(str, read_list(study.plan, 'command')))}")),
    ]
    return Card("the plan", tuple((name, text) for name, text in facts if text), tuple(f"skipped {s}" for s in skipped))


def _diagnosis_card(study: StudyData) -> tuple[Card, ...]:
    figures = read_mapping(study.verdict, "diagnosis", "figures")
    facts = tuple(
        (
            escape(str(name)),
            f"{write_number(read_number(own, 'mean'))} "
            f"[{write_number(read_number(own, 'low'))}, {write_number(read_number(own, 'high'))}]",
        )
        for name, own in figures.items()
    )
    told = "Errors as shares of the error of a constant prediction; e_ref is that of the best reference model."
    return (Card("figures of the diagnosis", facts, (told,)),) if facts else ()


def _describe_arm(arm: ArmFacts, study: StudyData) -> ArmDetails:
    measure, recommended = study.measure, read_mapping(arm.facts, "recommended")
    overrides = [str(word) for word in read_list(recommended, "overrides")]
    values = [
        (
            short_key(str(key)),
            escape(value) if isinstance(value, str) else write_number(read_number({"v": value}, "v"), 4),
        )
        for key, value in read_mapping(recommended, "values").items()
    ]
    edges = [short_key(str(key)) for key in read_list(recommended, "at_edge")]
    facts = [
        (f"recommended {key}", f"{text}{', at the edge of its range' if key in edges else ''}") for key, text in values
    ]
    change, size = arm.number_of("relative_error_change"), arm.number_of("s")
    if math.isfinite(change):
        facts.append(("change of error", f"{100 * change:+.1f} %"))
    if math.isfinite(size) and size > 0:
        facts.append(("difference / deviation", write_number(arm.number_of("difference") / size)))
    share = [arm.number_of(f"chance_{name}") for name in ("better", "same", "worse")]
    if all(map(math.isfinite, share)):
        facts.append(("chances", "better {:.0%}, no practical difference {:.0%}, worse {:.0%}".format(*share)))
    diverged = read_list(arm.facts, "diverged")
    if len(diverged) == 2:
        facts.append(("diverged", f"{diverged[0]} of {diverged[1]} runs"))
    facts += describe_cost(arm)
    facts += [(f"paper of {name}", text) for name, text in list_references(arm.members)]
    judged = f"{measure.difference(arm.number_of('difference'))}, {arm.word or 'no word'}"
    return ArmDetails(
        arm=arm.number,
        name=arm.shown,
        summary="baseline" if arm.is_baseline else judged,
        command=make_command(study, " ".join(shlex.quote(word) for word in overrides)),
        facts=tuple(facts),
    )
