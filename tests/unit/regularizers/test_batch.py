"""Mixup, label smoothing, cutout and the confidence penalty, against their formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.base import Regularizer, Rows
from regbench.regularizers.confidence_penalty import ConfidencePenalty
from regbench.regularizers.cutout import Cutout
from regbench.regularizers.label_smoothing import LabelSmoothing
from regbench.regularizers.mixup import Mixup
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context, make_facts, make_rows

RANDOM = Randomness(3).at("batch")


def numbered(rows: int) -> Rows:
    """Return rows whose input and regression target are 2^i, so that a mixed pair can be read off."""
    x = 2.0 ** torch.arange(rows, dtype=torch.float64).unsqueeze(1)
    return Rows(x, x.clone(), torch.ones(rows, dtype=torch.float64))


# -- mixup -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("per", ["row", "batch"])
def test_mixup_mixes_inputs_and_targets_alike_and_each_row_is_partner_once(per: str) -> None:
    batch = numbered(8)
    mixed = Mixup(alpha=1.0, per=per).batch(batch, make_context(RANDOM))
    assert torch.equal(mixed.x, mixed.y)
    assert not torch.equal(mixed.x, batch.x)
    if per == "batch":
        # Everyone is once itself and once a partner, with λ and 1 − λ: the total stays.
        torch.testing.assert_close(mixed.x.sum(), batch.x.sum())


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 3.0])
def test_mixup_draws_lambda_from_its_beta_law(alpha: float) -> None:
    # Half of the rows hold 1 and half 0; a row of 1 mixed with one of 0 shows its λ.
    x = torch.arange(20_000, dtype=torch.float64).remainder(2).unsqueeze(1)
    batch = Rows(x, x, torch.ones(len(x), dtype=torch.float64))
    mixed = Mixup(alpha=alpha).batch(batch, make_context(RANDOM))
    partner = RANDOM.at("partner").permutation(len(x))
    shares = mixed.x[(x == 1).squeeze(1) & (x[partner] == 0).squeeze(1)].squeeze(1)
    assert len(shares) > 4000
    assert stats.kstest(shares.numpy(), stats.beta(alpha, alpha).cdf).pvalue > 1e-3


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("per", ["row", "batch"])
@pytest.mark.parametrize("alpha", [1e-5, 1e-3, 0.1, 2.0])
def test_the_mean_lambda_is_a_half_at_every_alpha(alpha: float, per: str) -> None:
    steps, rows = (1, 40_000) if per == "row" else (4_000, 2)
    notes: dict[str, Tensor] = {}
    batch, means = make_rows(rows, 1), []
    for step in range(steps):
        Mixup(alpha=alpha, per=per).batch(batch, make_context(RANDOM.at(step), notes))
        means.append(float(notes["lambda"]))
    count = steps if per == "batch" else rows
    error = math.sqrt(1 / (4 * (2 * alpha + 1)) / count)
    assert 4 * error < 0.04
    assert abs(sum(means) / steps - 0.5) < 4 * error


def test_mixup_per_batch_has_one_lambda() -> None:
    x = torch.arange(64, dtype=torch.float64).remainder(2).unsqueeze(1)
    mixed = Mixup(alpha=1.0, per="batch").batch(Rows(x, x, torch.ones(64)), make_context(RANDOM))
    assert len(mixed.x.unique()) == 4  # 0 with 0, 0 with 1, 1 with 0, 1 with 1


def test_mixup_keeps_targets_that_sum_to_one_and_notes_lambda() -> None:
    notes: dict[str, Tensor] = {}
    mixed = Mixup(alpha=1.0).batch(make_rows(200, 1, 4, 4), make_context(RANDOM, notes))
    assert mixed.x.shape == (200, 1, 4, 4)
    torch.testing.assert_close(mixed.y.sum(1), torch.ones(200))
    assert ((mixed.y > 0).sum(1) <= 2).all()
    assert notes.keys() == set(Mixup.effects)
    assert abs(notes["lambda"] - 0.5) < 4 * math.sqrt(1 / 12 / 200)


def test_mixup_weighs_pairs_like_a_data_set_with_copied_rows() -> None:
    batch = numbered(8)._replace(weight=torch.tensor([0.0, 1, 2, 0, 1, 3, 1, 0], dtype=torch.float64))
    mixed = Mixup(alpha=1.0).batch(batch, make_context(RANDOM))
    partner = RANDOM.at("partner").permutation(8)
    assert torch.equal(mixed.weight, batch.weight * batch.weight[partner])


@pytest.mark.parametrize("per", ["row", "batch"])
def test_stacked_mixup_has_the_bits_of_runs_alone_and_alpha_zero_is_off(per: str) -> None:
    batch = make_rows(7, 2, 3)._replace(weight=torch.arange(7.0))
    regularizer = Mixup(per=per)
    assert_stacked_equals_alone(
        regularizer,
        lambda t, r, x: tuple(t.batch(batch._replace(x=x), make_context(r))),
        batch.x,
        alpha=(0.0, 0.2, 4.0),
    )
    off = Mixup(alpha=0.0, per=per).batch(batch, make_context(RANDOM))
    assert all(torch.equal(new, old) for new, old in zip(off, batch, strict=True))


# -- label smoothing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.7])
def test_uniform_smoothing_equals_torchs_loss(epsilon: float) -> None:
    batch = make_rows(20, 6, classes=5, dtype=torch.float64)
    logits = Randomness(8).normal((20, 5), torch.float64)
    smoothed = LabelSmoothing(epsilon=epsilon).batch(batch, make_context(RANDOM))
    expected = F.cross_entropy(logits, batch.y.argmax(1), label_smoothing=epsilon)
    torch.testing.assert_close(F.cross_entropy(logits, smoothed.y), expected, rtol=1e-12, atol=1e-12)


def test_smoothing_by_hand() -> None:
    batch = Rows(torch.zeros(1, 1), torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.ones(1))
    uniform = LabelSmoothing(epsilon=0.2).batch(batch, make_context(RANDOM)).y
    others = LabelSmoothing(epsilon=0.3, form="others").batch(batch, make_context(RANDOM)).y
    torch.testing.assert_close(uniform, torch.tensor([[0.05, 0.85, 0.05, 0.05]]))
    torch.testing.assert_close(others, torch.tensor([[0.1, 0.7, 0.1, 0.1]]))


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_form_others_is_the_uniform_one_with_more_smoothing_on_soft_targets_too(classes: int) -> None:
    soft = torch.softmax(Randomness(2).normal((30, classes), torch.float64), 1)
    batch = make_rows(30, 6, classes=classes, dtype=torch.float64)._replace(y=soft)
    others = LabelSmoothing(epsilon=0.2, form="others").batch(batch, make_context(RANDOM)).y
    uniform = LabelSmoothing(epsilon=0.2 * classes / (classes - 1)).batch(batch, make_context(RANDOM)).y
    torch.testing.assert_close(others, uniform)
    torch.testing.assert_close(others.sum(1), torch.ones(30, dtype=torch.float64))


@pytest.mark.parametrize("form", ["uniform", "others"])
def test_stacked_smoothing_has_the_bits_of_runs_alone_and_zero_is_off(form: str) -> None:
    batch = make_rows(7, 6)
    assert_stacked_equals_alone(
        LabelSmoothing(form=form),
        lambda t, r, y: t.batch(batch._replace(y=y), make_context(r)).y,
        batch.y,
        epsilon=(0.0, 0.1, 0.6),
    )
    assert torch.equal(LabelSmoothing(epsilon=0.0, form=form).batch(batch, make_context(RANDOM)).y, batch.y)


# -- cutout ----------------------------------------------------------------------------------------------------------


def expected_cover(size: int, length: int) -> float:
    """Return the mean share of `size` places that a segment of `length` covers, its centre uniform, clipped."""
    covered = [len({k for k in range(c - length // 2, c - length // 2 + length) if 0 <= k < size}) for c in range(size)]
    return sum(covered) / size**2


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(20,), (3, 20), (3, 20, 12)])
def test_cutout_erases_one_clipped_box_per_row(shape: tuple[int, ...], fraction: float) -> None:
    x = make_rows(4000, *shape).x + 1.0
    erased = Cutout(fraction=fraction).batch(make_rows(4000, *shape)._replace(x=x), make_context(RANDOM)).x
    hole = erased == 0
    assert torch.equal(erased[~hole], x[~hole])
    if len(shape) > 1:
        assert torch.equal(hole, hole[:, :1].expand_as(hole))
        hole = hole[:, 0]
    sides = shape if len(shape) == 1 else shape[1:]
    cover = [expected_cover(side, round(fraction * side)) for side in sides]
    shares = hole.double().flatten(1).mean(1)
    assert abs(shares.mean() - math.prod(cover)) <= 5 * shares.std() / math.sqrt(4000)
    for axis, side in enumerate(sides):
        others = [other + 1 for other in range(len(sides)) if other != axis]
        touched = hole.amax(others) if others else hole
        starts = (touched.int().diff(prepend=torch.zeros(4000, 1, dtype=torch.int32), dim=1) == 1).sum(1)
        assert (starts <= 1).all()
        assert (touched.sum(1) <= round(fraction * side)).all()
        if 0 < fraction < 1:
            assert touched.sum(1).max() == round(fraction * side)


def test_cutout_of_half_the_side_erases_a_fifth_of_the_image_not_a_quarter() -> None:
    notes: dict[str, Tensor] = {}
    batch = make_rows(3000, 1, 32, 32)
    Cutout(fraction=0.5).batch(batch, make_context(RANDOM, notes))
    assert expected_cover(32, 16) ** 2 == pytest.approx(0.1914, abs=1e-4)
    assert notes.keys() == set(Cutout.effects)
    assert abs(notes["erased_fraction"] - 0.1914) < 0.005


@pytest.mark.parametrize("shape", [(9,), (2, 9), (2, 9, 6)])
def test_stacked_cutout_has_the_bits_of_runs_alone_and_zero_is_off(shape: tuple[int, ...]) -> None:
    batch = make_rows(6, *shape)
    assert_stacked_equals_alone(
        Cutout(), lambda t, r, x: t.batch(batch._replace(x=x), make_context(r)).x, batch.x, fraction=(0.0, 0.3, 0.8)
    )
    assert torch.equal(Cutout(fraction=0.0).batch(batch, make_context(RANDOM)).x, batch.x)


# -- confidence penalty ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "threshold"), [("plain", 0.5), ("hinge", 0.5), ("hinge", 1.2)])
def test_the_confidence_penalty_follows_its_formula(form: str, threshold: float) -> None:
    batch, outputs = make_rows(30, 6, dtype=torch.float64), 3.0 * Randomness(4).normal((30, 3), torch.float64)
    losses = torch.zeros(30, dtype=torch.float64)
    entropy = torch.from_numpy(stats.entropy(torch.softmax(outputs, 1).numpy(), axis=1))
    expected = -0.3 * entropy if form == "plain" else 0.3 * (threshold - entropy).clamp_min(0.0)
    regularizer = ConfidencePenalty(strength=0.3, form=form, threshold=threshold)
    torch.testing.assert_close(regularizer.row_loss(losses, outputs, batch, make_context()), expected)


@pytest.mark.parametrize("form", ["plain", "hinge"])
def test_a_confident_prediction_costs_more_than_an_undecided_one(form: str) -> None:
    outputs = torch.tensor([[9.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    losses = ConfidencePenalty(form=form).row_loss(torch.zeros(2), outputs, make_rows(2, 6), make_context())
    assert losses[0] > losses[1]


@pytest.mark.parametrize("form", ["plain", "hinge"])
def test_the_gradient_of_an_extreme_prediction_is_finite(form: str) -> None:
    outputs = torch.tensor([[1000.0, -1000.0, 0.0]], requires_grad=True)
    loss = ConfidencePenalty(form=form).row_loss(torch.zeros(1), outputs, make_rows(1, 6), make_context()).sum()
    assert torch.isfinite(torch.autograd.grad(loss, outputs)[0]).all()


@pytest.mark.parametrize("form", ["plain", "hinge"])
def test_a_stacked_penalty_has_the_bits_of_runs_alone_and_zero_is_off(form: str) -> None:
    batch, losses = make_rows(7, 6), Randomness(1).uniform((7,))
    outputs = Randomness(4).normal((7, 3))
    assert_stacked_equals_alone(
        ConfidencePenalty(form=form),
        lambda t, _, o: t.row_loss(losses, o, batch, make_context()),
        outputs,
        strength=(0.0, 0.1, 2.0),
        threshold=(0.5, 0.0, 1.0),
    )
    assert torch.equal(
        ConfidencePenalty(form=form, strength=0.0).row_loss(losses, outputs, batch, make_context()), losses
    )


# -- refusals --------------------------------------------------------------------------------------------------------

REGRESSION: dict[str, Any] = {"task": "regression", "class_counts": ()}


@pytest.mark.parametrize(
    ("regularizer", "facts"),
    [
        (LabelSmoothing(), REGRESSION),
        (LabelSmoothing(), {"class_counts": (40,)}),
        (ConfidencePenalty(), REGRESSION),
        (Mixup(), {"class_counts": (40,)}),
        (Mixup(), {"class_counts": (40, 0)}),
        (Mixup(), {"batch_size": 1}),
        (Mixup(), {**REGRESSION, "batch_size": 1}),
    ],
)
def test_unfit_data_are_refused_in_one_line(regularizer: Regularizer, facts: dict[str, Any]) -> None:
    regularizer.check(make_facts())
    with pytest.raises(ConfigError, match=r"^regularizer \w+: [^\n]+$"):
        regularizer.check(make_facts(**facts))


def test_mixup_takes_regression() -> None:
    Mixup().check(make_facts(**REGRESSION))
