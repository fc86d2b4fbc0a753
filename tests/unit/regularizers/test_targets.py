"""Targets that are changed in training: label smoothing by what is kept, and DisturbLabel."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.config.fields import build, hyper_fields
from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.base import Facts, Rows
from regbench.regularizers.disturb_label import DisturbLabel
from regbench.regularizers.idle import is_off
from regbench.regularizers.label_smoothing import LabelSmoothing
from regbench.schedules.ramps import Ramp, check_ramps, ramp_regularizers
from regbench.tasks import Task
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context, make_facts, make_rows

LABELS = make_facts(task=Task.MULTILABEL, class_counts=())
REGRESSION = make_facts(task=Task.REGRESSION, class_counts=())
RANDOM = Randomness(3)

# -- label smoothing by what is kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [make_facts(), LABELS])
@pytest.mark.parametrize("kept", [0.51, 0.6, 0.7, 0.9, 0.95, 0.999, 1.0])
def test_keeping_a_share_is_the_form_others_with_the_rest_bit_for_bit(facts: Facts, kept: float) -> None:
    batch, ctx = make_rows(20, 6), make_context(facts=facts)
    own = LabelSmoothing(form="kept", epsilon=kept).batch(batch, ctx).y
    assert torch.equal(own, LabelSmoothing(form="others", epsilon=1.0 - kept).batch(batch, ctx).y)


def test_the_label_keeps_epsilon_and_the_others_share_the_rest() -> None:
    batch = Rows(torch.zeros(1, 1), torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.ones(1))
    kept = LabelSmoothing(form="kept", epsilon=0.7).batch(batch, make_context()).y
    torch.testing.assert_close(kept, torch.tensor([[0.1, 0.7, 0.1, 0.1]]))


def test_stacked_keeping_has_the_bits_of_runs_alone_and_one_is_off() -> None:
    batch = make_rows(7, 6)
    assert_stacked_equals_alone(
        LabelSmoothing(form="kept"),
        lambda t, r, y: t.batch(batch._replace(y=y), make_context(r)).y,
        batch.y,
        epsilon=(1.0, 0.9, 0.4),
    )
    assert torch.equal(LabelSmoothing(form="kept", epsilon=1.0).batch(batch, make_context()).y, batch.y)


@pytest.mark.parametrize(
    ("facts", "kept", "least"),
    [(make_facts(), 0.1, "1/3"), (make_facts(), 1 / 3, "1/3"), (LABELS, 0.5, "1/2"), (make_facts(), 0.0001, "1/3")],
)
def test_keeping_no_more_than_an_even_share_is_refused_with_what_was_meant(
    facts: Facts, kept: float, least: str
) -> None:
    with pytest.raises(ConfigError, match=f"keeps with form=kept.*more than {least}.*form=others takes") as refusal:
        LabelSmoothing(form="kept", epsilon=kept).check(facts)
    assert "\n" not in str(refusal.value)
    LabelSmoothing(form="kept", epsilon=0.51).check(facts)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"form": "kept", "epsilon": 0.0}, r"epsilon=0.0 is not allowed; it takes a number in \(0, 1\]"),
        ({"form": "kept", "epsilon": 1.1}, r"epsilon=1.1 is not allowed; it takes a number in \(0, 1\]"),
        ({"form": "others", "epsilon": 1.0}, r"epsilon=1.0 is not allowed; it takes a number in \[0, 1\)"),
        ({"epsilon": 1.0}, r"epsilon=1.0 is not allowed; it takes a number in \[0, 1\)"),
    ],
)
def test_what_is_allowed_depends_on_the_form(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(LabelSmoothing, settings, "regularizer.label_smoothing")
    assert build(LabelSmoothing, {"form": "kept", "epsilon": 1.0}, "").epsilon == 1.0


def test_the_value_that_switches_it_off_and_the_tuned_range_depend_on_the_form() -> None:
    taken, kept = (hyper_fields(LabelSmoothing, {"form": form})["epsilon"] for form in ("others", "kept"))
    assert (taken.off, taken.search) == (0.0, (0.01, 0.4))
    assert kept.off == 1.0
    assert kept.search == pytest.approx([1.0 - end for end in reversed(taken.search)])
    assert is_off(LabelSmoothing(form="kept", epsilon=1.0))
    assert is_off(LabelSmoothing(epsilon=0.0))
    assert not is_off(LabelSmoothing(form="kept", epsilon=0.9))


def test_a_ramp_of_what_is_kept_falls_from_one() -> None:
    regularizers, ramps = {"label_smoothing": LabelSmoothing(form="kept", epsilon=0.8)}, {"epsilon": Ramp()}
    check_ramps({"label_smoothing": ramps}, regularizers)
    at = [ramp_regularizers(regularizers, {"label_smoothing": ramps}, p)["label_smoothing"] for p in (0.0, 0.5, 1.0)]
    assert [vars(own)["epsilon"] for own in at] == pytest.approx([1.0, 0.9, 0.8])


# -- DisturbLabel ----------------------------------------------------------------------------------------------------


def disturb(alpha: float, rows: int, classes: int = 10) -> tuple[Tensor, Tensor, float]:
    """Return the labels of rows before and after, and the share that the technique says it changed."""
    effects: dict[str, Tensor] = {}
    batch = make_rows(rows, 1, classes=classes)
    disturbed = DisturbLabel(alpha=alpha).batch(batch, make_context(RANDOM, effects)).y
    assert torch.equal(disturbed.sum(1), torch.ones(rows))
    assert torch.equal(disturbed, disturbed.round())
    return batch.y.argmax(1), disturbed.argmax(1), float(effects["changed"])


@pytest.mark.parametrize(("alpha", "kept"), [(0.2, 0.82), (0.1, 0.91), (1.0, 0.1)])
def test_a_label_is_kept_with_the_papers_probability(alpha: float, kept: float) -> None:
    before, after, changed = disturb(alpha, 200_000)
    share = float((before == after).double().mean())
    assert abs(share - kept) <= 3 * math.sqrt(kept * (1 - kept) / 200_000)
    assert changed == pytest.approx(1 - share, abs=1e-6)


def test_the_other_labels_are_equally_likely() -> None:
    before, after, _ = disturb(0.5, 200_000, classes=5)
    moved = torch.bincount((after - before) % 5, minlength=5).double() / 200_000
    expected = torch.tensor([0.6, 0.1, 0.1, 0.1, 0.1], dtype=torch.float64)
    assert ((moved - expected).abs() <= 3 * (expected * (1 - expected) / 200_000).sqrt()).all()


def test_labels_are_drawn_anew_at_every_step_and_average_to_uniform_smoothing() -> None:
    batch = make_rows(40, 1, classes=4, dtype=torch.float64)
    steps = [DisturbLabel(alpha=0.3).batch(batch, make_context(RANDOM.at(step))).y for step in range(4_000)]
    assert not torch.equal(steps[0], steps[1])
    smoothed = LabelSmoothing(epsilon=0.3).batch(batch, make_context()).y
    error = (smoothed * (1 - smoothed) / 4_000).sqrt()
    # 160 means: one in 370 lies beyond 3 errors by chance, none beyond 4.5 (once in 900 repetitions of the test).
    beyond = ((torch.stack(steps).mean(0) - smoothed).abs() / error).flatten()
    assert int((beyond > 3).sum()) <= 3
    assert float(beyond.max()) < 4.5


def test_stacked_drawing_has_the_bits_of_runs_alone_and_zero_is_off() -> None:
    batch = make_rows(30, 6)
    assert_stacked_equals_alone(
        DisturbLabel(),
        lambda t, r, y: t.batch(batch._replace(y=y), make_context(r)).y,
        batch.y,
        alpha=(0.0, 0.3, 1.0),
    )
    off = DisturbLabel(alpha=0.0).batch(batch, make_context(RANDOM))
    assert all(torch.equal(new, old) for new, old in zip(off, batch, strict=True))


@pytest.mark.parametrize("facts", [LABELS, REGRESSION, make_facts(class_counts=(40,))])
def test_drawing_needs_classes(facts: Facts) -> None:
    with pytest.raises(ConfigError, match="regularizer disturb_label: needs classification"):
        DisturbLabel().check(facts)
