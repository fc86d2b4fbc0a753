"""A diagnosis in words: one sentence that says what is wrong and by how much, and advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from regbench.evidence.arrays import Floats
from regbench.formatting import join_words
from regbench.metrics import METRICS
from regbench.studies.diagnosis import Diagnosis, Figure, Findings, Holds, Name, Observed, choose_names, find

OF_VARIANCE = ("mse", "r2")
IMPLIED = {
    Name.BOTH: (Name.UNDERFITTING, Name.OVERFITTING, Name.STRONG_OVERFITTING),
    Name.STRONG_OVERFITTING: (Name.OVERFITTING,),
    Name.TOO_BRIEF: (Name.UNDERFITTING, Name.OVER_REGULARIZED),
    Name.OVER_REGULARIZED: (Name.UNDERFITTING,),
}
"""Names that say nothing new once another stands."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How errors are written: `metric` names the figure, `constant` is the error of the constant prediction.

    `reference` names the best reference model. `compared` says that techniques were compared, so that the arms of the
    same study are the advice.
    """

    metric: str
    constant: float = 1.0
    reference: str = ""
    compared: bool = False

    @property
    def unit(self) -> str:
        """What follows an amount."""
        if self.metric in OF_VARIANCE:
            return "% of the variance"
        return "points" if _is_share(self.metric) else "% of a constant prediction's error"

    @property
    def scale(self) -> float:
        """What a share of the constant prediction's error is multiplied with."""
        return 100 * self.constant if _is_share(self.metric) else 100.0

    def number(self, share: float) -> str:
        """Write an amount without its unit: whole, and below 1 with a decimal.

        >>> Wording(metric="accuracy", constant=0.9).number(0.25)
        '22'
        """
        value = self.scale * share
        text = f"{value:.1f}" if abs(value) < 0.95 else f"{value:.0f}"
        return "0" if float(text) == 0 else text

    def amount(self, share: float) -> str:
        """Write an amount with its unit."""
        number, unit = self.number(share), self.unit
        return f"{number} {'point' if unit == 'points' and number == '1' else unit}"


def diagnose(observed: Observed, wording: Wording) -> Diagnosis:
    """Return what is wrong with the fit of a network, by its figures over replicates."""
    findings = find(observed)
    names = choose_names(findings)
    sentences = [_say(name, findings, observed, wording) for name in names]
    advice = [line for name in names for line in _advise(name, findings, observed, wording)]
    return Diagnosis(names, "; ".join(sentences), (*advice, *_list_doubts(names, findings)), findings.figures)


def _is_share(metric: str) -> bool:
    return METRICS[metric].unit == "" and metric not in OF_VARIANCE


def _say(name: Name, findings: Findings, observed: Observed, wording: Wording) -> str:
    """Return the sentence of one name."""
    figures, reference = findings.figures, wording.reference or "the best reference model"
    mean = {key: figure.mean for key, figure in figures.items()}
    if name is Name.UNSTABLE:
        return f"{name}: {_count(observed.diverged)} runs diverged"
    if name is Name.NOTHING_TO_LEARN:
        return (
            f"{name}: validation error is {100 * mean['e_val']:.0f} % of that of a constant prediction, "
            f"and that of {reference} {100 * mean['e_ref']:.0f} %"
        )
    if name is Name.FITS_WELL:
        return f"{name}: {_describe_fit(mean, wording)}"
    if name is Name.UNDECIDED:
        return f"{name}: {_describe_doubt(findings, mean, wording)}"
    if name is Name.SHORT_OF_DATA:
        return f"{name}: half the training rows raise validation error by {wording.amount(mean['halved'])}"
    above = ""
    if name in (Name.TOO_BRIEF, Name.OVER_REGULARIZED, Name.UNDERFITTING, Name.BOTH):
        above = f"training error is {wording.amount(mean['excess'])} above the validation error of {reference}"
    if name is Name.TOO_BRIEF:
        return f"{name}: {above}, and the best epoch is among the last in {_count(observed.edge)} runs"
    if name is Name.OVER_REGULARIZED:
        return f"{name}: {above}; less regularization lowers it by {wording.number(mean['loosened'])}"
    if name is Name.UNDERFITTING:
        return f"{name}: {above}"
    apart = _describe_gap(mean, observed.stopped, wording)
    return f"{name}: {above}, and {apart}" if above else f"{name}: {apart}"


def _describe_gap(mean: Mapping[str, float], stopped: bool, wording: Wording) -> str:
    last, left = wording.amount(mean["gap_last"]), wording.number(max(0.0, mean["gap"]))
    if stopped:
        return f"without stopping, validation error ends {last} above training error; early stopping leaves {left}"
    return f"validation error ends {last} above training error; the best epoch has {left}"


def _describe_doubt(findings: Findings, mean: Mapping[str, float], wording: Wording) -> str:
    """Say what may be wrong; where nothing may, why it is not certain that nothing is."""
    doubts = _join(_list_perhaps((), findings))
    if doubts:
        return f"perhaps {doubts}"
    if not findings.certain:
        return f"of one run nothing is certain; {_describe_fit(mean, wording)}"
    return f"these runs cannot tell {_join(findings.untold)}; {_describe_fit(mean, wording)}"


def _describe_fit(mean: Mapping[str, float], wording: Wording) -> str:
    if "e_train" not in mean or "e_val" not in mean:
        return "no run has figures"
    described = f"training error {wording.number(mean['e_train'])}, validation error {wording.amount(mean['e_val'])}"
    if "e_ref" in mean:
        described += f" ({wording.reference or 'reference'} {wording.number(mean['e_ref'])})"
    return described


def _advise(name: Name, findings: Findings, observed: Observed, wording: Wording) -> Iterator[str]:
    """Yield what to do about one name."""
    if name is Name.UNSTABLE:
        yield "lower the learning rate (schedule.optimizer.lr), or add regularizer=gradient_clipping"
    elif name is Name.NOTHING_TO_LEARN:
        yield "look at features and labels, or get more rows; no regularizer will help"
    elif name is Name.TOO_BRIEF:
        yield "train longer (schedule.epochs) or at a higher rate (schedule.optimizer.lr)"
    elif name is Name.OVER_REGULARIZED:
        yield "weaken the regularization; regbench bench searches its strength"
    elif name is Name.UNDERFITTING:
        yield "take a wider or deeper network, or other features"
        if findings.holds[Name.OVER_REGULARIZED] is Holds.UNKNOWN:
            yield "or less regularization: whether it lowers the training error is not known"
    elif name is Name.BOTH:
        yield "first capacity: a wider, deeper or other network, or other features; then regularization"
    elif name in (Name.OVERFITTING, Name.STRONG_OVERFITTING):
        yield _advise_regularization(findings.figures, observed, wording)
    elif name is Name.SHORT_OF_DATA:
        yield "more rows beat any technique here"


def _advise_regularization(figures: Mapping[str, Figure], observed: Observed, wording: Wording) -> str:
    last, gap = figures["gap_last"].mean, max(0.0, figures["gap"].mean)
    which = "the arms above say which technique helps" if wording.compared else "regbench bench says which one helps"
    how = "early stopping" if observed.stopped else "returning to the best epoch"
    return f"regularize ({which}); {how} removes {wording.number(last - gap)} of {wording.amount(last)}"


def _list_doubts(names: tuple[Name, ...], findings: Findings) -> list[str]:
    """Return what may be wrong besides, and what would tell."""
    doubts = _list_perhaps(names, findings)
    if Name.UNDECIDED in names:
        return [f"more replicates would tell: {_join(doubts)}"] if doubts else []
    return [f"perhaps also {doubt}: its figure is past the threshold, its interval is not" for doubt in doubts]


def _list_perhaps(names: tuple[Name, ...], findings: Findings) -> list[Name]:
    """Return the rules that may hold, without those that say nothing new."""
    if names in ((Name.UNSTABLE,), (Name.NOTHING_TO_LEARN,)):
        return []
    doubts = [name for name in findings.those(Holds.PERHAPS) if name is not Name.BOTH]
    if Name.OVERFITTING in names:
        doubts = [name for name in doubts if name is not Name.STRONG_OVERFITTING]
    standing = [*names, *doubts]
    return [name for name in doubts if not any(name in IMPLIED.get(other, ()) for other in standing)]


def _join(names: Sequence[Name]) -> str:
    return join_words([str(name) for name in names])


def _count(values: Floats) -> str:
    return f"{int((values > 0).sum())} of {int((values >= 0).sum())}"
