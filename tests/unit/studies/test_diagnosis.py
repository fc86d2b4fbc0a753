"""The rules of a diagnosis: each on both sides of its threshold, in their order, and what is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from regbench.evidence.arrays import Floats
from regbench.studies.diagnosing import read_diagnosis
from regbench.studies.diagnosis import Holds, Name, Observed, find, measure
from regbench.studies.diagnosis_words import Wording, diagnose

POINTS = Wording(metric="accuracy", constant=0.9, reference="extra trees")
WELL = {"train": 0.05, "val": 0.07, "train_last": 0.03, "val_last": 0.08, "reference": 0.06, "halved": 0.08}


def spread(mean: float, width: float = 0.01, count: int = 12) -> Floats:
    """Figures of replicates with this mean; the half-width of their interval is 0.64 of the width."""
    steps = np.linspace(-1, 1, count)
    return mean + width * steps / steps.std(ddof=1)


def observe(
    *, width: float = 0.01, edge: float = 0.0, diverged: float = 0.0, rise: float | None = 0.0, **means: float | None
) -> Observed:
    """A network that fits well, but for the figures given; None for one that is not known."""
    arrays = {
        name: None if mean is None else spread(mean, width) for name, mean in {**WELL, "rise": rise, **means}.items()
    }
    count = 12
    shares = {"edge": edge, "diverged": diverged}
    marks = {name: (np.arange(count) < round(share * count)).astype(float) for name, share in shares.items()}
    return Observed(**arrays, **marks, regularized="looser" in means)  # type: ignore[arg-type]


def names(observed: Observed) -> list[str]:
    return [str(name) for name in diagnose(observed, POINTS).names]


MEASURED: Mapping[str, tuple[str, Observed]] = {
    "linear on spirals": (
        "underfitting",
        observe(train=0.73, val=0.75, train_last=0.72, val_last=0.75, reference=0.0, halved=0.76),
    ),
    "MLP on spirals": (
        "fits well",
        observe(train=0.0, val=0.0, train_last=0.0, val_last=0.0, rise=5.4, reference=0.0, halved=0.01),
    ),
    "MLP 512x3, noisy digits": (
        "strong overfitting",
        observe(train=0.26, val=0.32, train_last=0.0, val_last=0.41, rise=0.71, reference=0.25, halved=0.33),
    ),
    "MLP 256x2, diabetes": (
        "strong overfitting",
        observe(train=0.39, val=0.47, train_last=0.0, val_last=0.74, rise=0.61, reference=0.5, halved=0.48),
    ),
    "MLP 16, breast_cancer": (
        "fits well",
        observe(train=0.02, val=0.05, train_last=0.01, val_last=0.05, rise=0.06, reference=0.05, halved=0.06),
    ),
    "random labels": (
        "nothing to learn found",
        observe(train=0.93, val=1.09, train_last=0.0, val_last=1.0, rise=1.3, reference=1.0, halved=1.09),
    ),
    "l2 strength 3": (
        "over-regularized",
        observe(train=0.85, val=0.85, train_last=0.85, val_last=0.85, reference=0.05, looser=0.02, halved=0.86),
    ),
    "lr 1e-5": (
        "trained too briefly",
        observe(train=0.9, val=0.89, train_last=0.9, val_last=0.89, edge=1.0, reference=0.05, halved=0.9),
    ),
}


@pytest.mark.parametrize("case", MEASURED)
def test_networks_that_were_measured_get_their_names(case: str) -> None:
    name, observed = MEASURED[case]
    assert names(observed) == [name]


SIDES = [
    ("nothing to learn found", {"val": 0.99}, "reference", 0.957, 0.955),
    ("nothing to learn found", {"reference": 0.99, "train": 0.9}, "val", 0.957, 0.955),
    ("trained too briefly", {"val": 0.2, "edge": 1.0}, "train", 0.167, 0.165),
    ("over-regularized", {"train": 0.3, "val": 0.3}, "looser", 0.193, 0.195),
    ("underfitting", {"val": 0.2}, "train", 0.167, 0.165),
    ("overfitting", {"train_last": 0.0, "rise": 0.06}, "val_last", 0.107, 0.105),
    ("overfitting", {"train_last": 0.0, "val_last": 0.2}, "rise", 0.057, 0.055),
    ("strong overfitting", {"train_last": 0.0, "rise": 0.06}, "val_last", 0.257, 0.255),
    ("short of data", {}, "halved", 0.127, 0.125),
]
"""Of each rule a figure whose interval is 0.0064 to each side, just past the threshold and not; others are exact."""


@pytest.mark.parametrize(("name", "exact", "figure", "past", "short"), SIDES)
def test_a_rule_holds_when_its_bound_is_past_the_threshold(
    name: str, exact: dict[str, float], figure: str, past: float, short: float
) -> None:
    for mean, holds in ((past, True), (short, False)):
        observed = observe(width=0.0, **exact, **{figure: mean})  # type: ignore[arg-type]
        assert (names(replace(observed, **{figure: spread(mean)}))[0] == name) == holds  # type: ignore[arg-type]


def test_half_the_runs_must_end_late_to_call_a_training_brief() -> None:
    assert names(observe(width=0.0, train=0.5, val=0.5, edge=10 / 12)) == ["trained too briefly"]
    assert names(observe(width=0.0, train=0.5, val=0.5, edge=9 / 12)) == ["underfitting"]


def test_runs_that_diverge_are_unstable_whatever_else_there_is() -> None:
    assert names(observe(diverged=7 / 12, train=0.9, val=0.9)) == ["unstable"]
    assert names(observe(diverged=2 / 12)) == ["fits well"]
    gone = np.full(12, np.nan)
    lost = Observed(train=gone, val=gone, edge=gone, diverged=np.ones(12))
    found = diagnose(lost, POINTS)
    assert found.names == (Name.UNSTABLE,)
    assert found.sentence == "unstable: 12 of 12 runs diverged"
    assert "gradient_clipping" in found.advice[0]


def test_underfitting_and_overfitting_together_are_both() -> None:
    found = diagnose(observe(train=0.5, val=0.7, train_last=0.0, val_last=0.9, rise=2.0, reference=0.1), POINTS)
    assert found.names == (Name.BOTH,)
    assert found.advice[0].startswith("first capacity")


def test_a_figure_past_the_threshold_in_the_mean_alone_is_undecided_and_no_good_fit() -> None:
    exact = observe(width=0.0, halved=0.125)
    assert diagnose(exact, POINTS).names == (Name.SHORT_OF_DATA,)
    found = diagnose(replace(exact, halved=spread(0.125, 0.05)), POINTS)
    assert found.names == (Name.UNDECIDED,)
    assert found.sentence == "undecided: perhaps short of data"


def test_what_is_not_known_is_not_called_a_good_fit() -> None:
    assert "cannot tell overfitting" in diagnose(observe(train_last=None, val_last=None, rise=None), POINTS).sentence
    assert "cannot tell underfitting" in diagnose(observe(reference=None), POINTS).sentence
    assert names(observe(halved=None)) == ["fits well"]
    one = observe()
    single = Observed(**{n: v[:1] if isinstance(v, np.ndarray) else v for n, v in vars(one).items()})
    assert diagnose(single, POINTS).sentence.startswith("undecided: of one run nothing is certain")


def test_noise_in_the_training_labels_alone_is_no_underfitting() -> None:
    assert names(observe(train=0.45, val=0.1, train_last=0.4, val_last=0.12, reference=0.08, halved=0.1)) == [
        "fits well"
    ]


def test_regularization_is_not_blamed_where_there_is_none() -> None:
    assert find(observe(train=0.5, val=0.5)).holds[Name.OVER_REGULARIZED] is Holds.NO
    unknown = observe(train=0.5, val=0.5, looser=None)
    assert find(unknown).holds[Name.OVER_REGULARIZED] is Holds.UNKNOWN
    assert any("less regularization" in line for line in diagnose(unknown, POINTS).advice)


def test_a_mean_is_over_the_replicates_that_have_the_figure() -> None:
    figure = measure(np.array([0.1, np.nan, 0.3, np.inf]))
    assert figure is not None
    assert figure.mean == pytest.approx(0.2)
    assert figure.high == pytest.approx(0.2 + 12.7062 * 0.1)  # t(0.975, 1) s / sqrt(2)
    assert measure(np.array([np.nan])) is None
    assert measure(np.ones(5), share=True) == measure(np.ones(5))
    half = measure(np.array([0.0, 1.0]), share=True)
    assert half is not None
    assert (half.low, half.high) == (0.0, 1.0)


def test_the_sentence_of_overfitting_says_how_much_and_what_stopping_leaves() -> None:
    figures = observe(train=0.1, val=0.11, train_last=0.0, val_last=0.24, rise=0.7, reference=0.1, halved=0.11)
    assert diagnose(figures, POINTS).sentence == (
        "overfitting: without stopping, validation error ends 22 points above training error; early stopping leaves 0.9"
    )
    variance = Wording(metric="mse")
    assert "ends 24 % of the variance above training error; early stopping leaves 1" in (
        diagnose(figures, variance).sentence
    )


def test_a_diagnosis_is_read_back_as_it_was_written() -> None:
    found = diagnose(observe(halved=0.2), POINTS)
    assert read_diagnosis(found.to_json()) == found
