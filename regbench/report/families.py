"""Families of techniques: where they act. With many arms, figures of one panel an arm are paged by them."""

from __future__ import annotations

from dataclasses import replace

from regbench.config.catalogue import find_source, stages_of_source
from regbench.report.picture import MOST_ARMS, Fold, Panel, Picture
from regbench.report.study_data import ArmFacts, StudyData

FAMILIES = {
    "data and batches": ("training data", "order of rows", "batch"),
    "inside the network": ("architecture", "forward weights", "activations", "penalty at sites"),
    "loss and penalties": ("loss per row", "loss of the batch", "penalty"),
    "gradients": ("gradient rule", "gradients"),
    "weights after the update": ("after the update", "averaging", "ensemble"),
}
"""Stages of each family; a technique belongs to that of the first stage at which it acts."""

NO_TECHNIQUE, OTHER = "no technique", "other techniques"


def name_family(arm: ArmFacts) -> str:
    """Return the family of an arm; a combination is in one of its own, named after its first technique's."""
    if not arm.members:
        return NO_TECHNIQUE
    source = find_source("regularizer", arm.members[0])
    first = next(iter(stages_of_source(source)), None) if source else None
    family = next((name for name, stages in FAMILIES.items() if first in stages), OTHER)
    return f"{family}, combined" if len(arm.members) > 1 else family


def page_by_family(picture: Picture, study: StudyData) -> Picture:
    """Return a figure folded by family where its panels are about more than 30 arms, else the figure itself.

    The families of the baseline and of the leader are open.
    """
    if len({panel.arm for panel in picture.panels}) <= MOST_ARMS:
        return picture
    order = [NO_TECHNIQUE, *(name for family in FAMILIES for name in (family, f"{family}, combined"))]
    found: dict[str, list[Panel]] = {name: [] for name in order}
    for panel in picture.panels:
        found.setdefault(OTHER if panel.arm is None else name_family(study.arms[panel.arm]), []).append(panel)
    shown = {0, study.leader.number if study.leader else 0}
    folds = tuple(
        Fold(name, tuple(panels), not shown.isdisjoint(panel.arm for panel in panels))
        for name, panels in found.items()
        if panels
    )
    return replace(picture, folds=folds)
