"""Penalties on activations and logits, against closed forms, NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from torch import Tensor

from regbench.errors import ConfigError
from regbench.models.base import DataShape
from regbench.models.network import Site
from regbench.models.registry import build_model
from regbench.randomness import Randomness
from regbench.regularizers.activity import Activity
from regbench.regularizers.base import Facts, Regularizer, Rows
from regbench.regularizers.decov import DeCov
from regbench.regularizers.sparsity import Sparsity
from regbench.regularizers.spectral_decoupling import SpectralDecoupling
from regbench.tasks import Task
from tests.unit.regularizers.stacked import SITES, assert_stacked_equals_alone, make_context, make_facts

PRE, HIDDEN = SITES[1:]
MAPS = Site("conv0", "channels", (3, 4))
OUTPUT = Site("output", "output", (3,))
CONV = make_facts(sites=(SITES[0], Site("conv0.pre", "preactivation", (3, 4)), MAPS, OUTPUT))
WEIGHT = torch.tensor([1.0, 2.0, 0.0, 3.0], dtype=torch.float64)


def rows_of(weight: Tensor) -> Rows:
    return Rows(torch.zeros(len(weight), 1), torch.zeros(len(weight), 3, dtype=weight.dtype), weight)


def ones(count: int) -> Tensor:
    return torch.ones(count, dtype=torch.float64)


def penalty(regularizer: Regularizer, site: Site, h: Tensor, weight: Tensor | None = None, **facts: Any) -> Tensor:
    """Return the penalty on activations at a site."""
    batch = rows_of(ones(len(h)) if weight is None else weight)
    return torch.as_tensor(regularizer.site_penalty(site, h, h, batch, make_context(facts=make_facts(**facts))))


def draw(*shape: int) -> Tensor:
    return Randomness(4).normal(shape, torch.float64)


# -- activity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "slope"), [("l1", torch.sign), ("l2", lambda h: 2.0 * h)])
@pytest.mark.parametrize(("reduce", "units"), [("sum", 1), ("mean", 8)])
def test_the_gradient_of_one_layer_is_the_closed_form(form: str, slope: Any, reduce: str, units: int) -> None:
    h = draw(4, 8).requires_grad_()
    own = Activity(strength=0.1, form=form, reduce=reduce)
    (gradient,) = torch.autograd.grad(penalty(own, HIDDEN, h, WEIGHT), h)
    expected = 0.1 * slope(h.detach()) * (WEIGHT / 6.0).unsqueeze(1) / units
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("form", ["l1", "l2"])
def test_keras_22018_the_penalty_is_a_mean_over_the_batch(form: str) -> None:
    """Keras 3 summed over the rows, so that a batch twice as large was penalised twice as much."""
    own, h = Activity(strength=1.0, form=form), draw(5, 8)
    once, twice = penalty(own, HIDDEN, h), penalty(own, HIDDEN, torch.cat([h, h]))
    torch.testing.assert_close(once, twice)
    summed = h.abs().sum() if form == "l1" else h.square().sum()
    torch.testing.assert_close(once * 5, summed)


def test_weighted_rows_count_as_in_the_mean_loss() -> None:
    own, h = Activity(strength=1.0, layers={}), draw(4, 8)
    sizes = h.abs().sum(1)
    torch.testing.assert_close(penalty(own, HIDDEN, h, WEIGHT), (sizes * WEIGHT).sum() / 6.0)
    torch.testing.assert_close(penalty(own, HIDDEN, h, WEIGHT, weighted=True), (sizes * WEIGHT).sum() / 4.0)


@pytest.mark.parametrize(
    ("sites", "acting"),
    [("hidden", {HIDDEN, MAPS}), ("preactivation", {PRE}), ("output", {OUTPUT}), ("all", {PRE, HIDDEN, MAPS, OUTPUT})],
)
def test_it_acts_where_it_is_told_to(sites: str, acting: set[Site]) -> None:
    own = Activity(strength=1.0, sites=sites)
    found = {site for site in (PRE, HIDDEN, MAPS, OUTPUT) if float(penalty(own, site, ones(2).unsqueeze(1))) > 0}
    assert found == acting


def test_a_layer_has_its_own_strength_whatever_its_kind() -> None:
    own, h = Activity(strength=0.0, layers={"hidden0": 3.0, "output": 2.0}), ones(4).unsqueeze(1)
    assert [float(penalty(own, site, h)) for site in (PRE, HIDDEN, MAPS, OUTPUT)] == [0.0, 3.0, 0.0, 2.0]
    with pytest.raises(ConfigError, match=r"layers\.hiden0: the model has no such layer; did you mean 'hidden0'"):
        Activity(layers={"hiden0": 1.0}).check(make_facts())


def test_it_sees_activations_before_or_after_dropout() -> None:
    raw, seen, batch = ones(4).unsqueeze(1), torch.zeros(4, 1, dtype=torch.float64), rows_of(ones(4))
    values = [
        float(Activity(strength=1.0, value=value).site_penalty(HIDDEN, raw, seen, batch, make_context()))
        for value in ("raw", "seen")
    ]
    assert values == [1.0, 0.0]


def test_a_model_without_such_activations_is_refused() -> None:
    linear = make_facts(sites=(SITES[0], OUTPUT))
    with pytest.raises(ConfigError, match="needs a model with hidden layers for sites=hidden; sites=output fits any"):
        Activity().check(linear)
    Activity(sites="output").check(linear)
    Activity(layers={"output": 0.1}).check(linear)


# -- sparsity --------------------------------------------------------------------------------------------------------


def test_the_divergence_is_scipys_and_its_gradient_the_closed_form() -> None:
    h = (0.1 + 0.8 * Randomness(4).uniform((4, 8), torch.float64)).requires_grad_()
    own = penalty(Sparsity(strength=0.5, rho=0.05, squash="none"), HIDDEN, h, WEIGHT)
    active = (h.detach() * WEIGHT.unsqueeze(1)).sum(0) / 6.0
    shares = active.numpy()
    expected = 0.5 * entropy([[0.05] * 8, [0.95] * 8], np.stack([shares, 1.0 - shares])).sum()
    assert float(own.detach()) == pytest.approx(float(expected), rel=1e-12)
    slope = -0.05 / active + 0.95 / (1.0 - active)
    (gradient,) = torch.autograd.grad(own, h)
    torch.testing.assert_close(gradient, 0.5 * slope * (WEIGHT / 6.0).unsqueeze(1))


def test_it_costs_nothing_at_its_target_and_squashed_preactivations_are_activities() -> None:
    at_target = torch.full((4, 8), 0.05, dtype=torch.float64)
    assert float(penalty(Sparsity(squash="none"), HIDDEN, at_target)) == pytest.approx(0.0, abs=1e-15)
    z = draw(4, 8)
    squashed = penalty(Sparsity(strength=1.0), PRE, z)
    torch.testing.assert_close(squashed, penalty(Sparsity(strength=1.0, squash="none"), HIDDEN, z.sigmoid()))
    assert float(penalty(Sparsity(), HIDDEN, z)) == 0.0
    assert float(penalty(Sparsity(squash="none"), PRE, z)) == 0.0


def test_a_channel_is_a_unit_and_its_places_are_further_rows() -> None:
    maps = Randomness(4).uniform((5, 3, 4), torch.float64)
    as_rows = maps.permute(0, 2, 1).reshape(20, 3)
    for own in (Sparsity(squash="none"), DeCov()):
        torch.testing.assert_close(penalty(own, MAPS, maps), penalty(own, HIDDEN, as_rows))


@pytest.mark.parametrize("value", [0.0, 1.0, -1e30, 1e30])
def test_silent_and_saturated_units_have_finite_gradients(value: float) -> None:
    for squash, site in (("none", HIDDEN), ("sigmoid", PRE)):
        h = torch.full((4, 8), value, requires_grad=True)
        own = Sparsity(squash=squash).site_penalty(site, h, h, rows_of(torch.ones(4)), make_context())
        assert isinstance(own, Tensor)
        assert torch.isfinite(own)
        assert torch.isfinite(torch.autograd.grad(own, h)[0]).all()


@pytest.mark.parametrize(("name", "layer"), [("mlp", "hidden0"), ("cnn", "conv0")])
def test_activities_that_are_no_shares_are_refused(name: str, layer: str) -> None:
    shape = (13,) if name == "mlp" else (1, 8, 8)
    data = DataShape("classification", "table" if name == "mlp" else "image", shape, 3, np.zeros((4, *shape)))
    relu, sigmoid = (
        make_facts(sites=build_model({"name": name, "activation": function}).build(data).sites)
        for function in ("relu", "sigmoid")
    )
    with pytest.raises(ConfigError, match=f"those of {layer} are relu; take squash=sigmoid or model.activation=sigm"):
        Sparsity(squash="none").check(relu)
    Sparsity(squash="none").check(sigmoid)
    Sparsity().check(relu)


# -- decov -----------------------------------------------------------------------------------------------------------


def test_decov_is_numpys_covariance_without_the_variances() -> None:
    h = draw(4, 8)
    for weight, given in ((WEIGHT, WEIGHT.numpy()), (None, None)):
        covariance = np.cov(h.numpy(), rowvar=False, bias=True, aweights=given)
        expected = 0.5 * 0.3 * ((covariance**2).sum() - (np.diag(covariance) ** 2).sum())
        assert float(penalty(DeCov(strength=0.3), HIDDEN, h, weight)) == pytest.approx(expected, rel=1e-12)


def test_the_gradient_of_decov_is_the_closed_form() -> None:
    h = draw(6, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(penalty(DeCov(strength=0.3), HIDDEN, h), h)
    covariance = np.cov(h.detach().numpy(), rowvar=False, bias=True)
    centred = (h - h.mean(0)).detach().numpy()
    # d/dh_bi of ½ Σ_{i≠j} C_ij² is (2/B) Σ_{j≠i} C_ij (h_bj − μ_j)
    expected = 0.3 * 2.0 / 6.0 * centred @ (covariance - np.diag(np.diag(covariance)))
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-12, atol=1e-14)


def test_independent_units_and_a_constant_cost_nothing() -> None:
    h = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    assert float(penalty(DeCov(strength=1.0), HIDDEN, 3.0 * h + 7.0)) == pytest.approx(0.0, abs=1e-25)
    assert float(penalty(DeCov(strength=1.0), HIDDEN, h[:, :1].expand(4, 2))) == pytest.approx(1.0)


def test_decov_says_where_nothing_can_covary() -> None:
    with pytest.raises(ConfigError, match=r"needs batches of at least 2 rows, and schedule\.batch_size=1"):
        DeCov().check(make_facts(batch_size=1))
    assert DeCov().idle(make_facts(sites=(Site("h", "hidden", (1,)),))) == "every hidden layer has a single unit"
    assert DeCov().idle(CONV) is None


# -- spectral decoupling ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "labels"), [(Task.CLASSIFICATION, 1), (Task.MULTILABEL, 3)])
def test_the_squared_logits_are_added_by_half_their_strength(task: Task, labels: int) -> None:
    z = draw(4, 3).requires_grad_()
    losses = torch.zeros(4, dtype=torch.float64)
    own = SpectralDecoupling(strength=0.2).row_loss(
        losses, z, rows_of(ones(4)), make_context(facts=make_facts(task=task))
    )
    torch.testing.assert_close(own, 0.1 * z.square().sum(1) / labels)
    torch.testing.assert_close(torch.autograd.grad(own.sum(), z)[0], 0.2 * z.detach() / labels)


# -- what these have in common ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regularizer", "site"),
    [
        (Activity(), HIDDEN),
        (Activity(form="l2", reduce="mean"), MAPS),
        (Sparsity(), PRE),
        (DeCov(), HIDDEN),
        (DeCov(), MAPS),
    ],
)
def test_stacked_penalties_equal_those_alone_and_off_costs_nothing(regularizer: Regularizer, site: Site) -> None:
    h = Randomness(4).normal((6, *site.shape))

    def act(own: Regularizer, random: Randomness, h: Tensor) -> Tensor:
        return torch.as_tensor(own.site_penalty(site, h, h, rows_of(torch.ones(6)), make_context(random))).reshape(1)

    if not isinstance(regularizer, DeCov):  # whose matrix product is another one in a stack
        assert_stacked_equals_alone(regularizer, act, h, strength=(0.0, 0.1, 1.0))
    assert float(act(type(regularizer)(strength=0.0), Randomness(3), h)) == 0.0


@pytest.mark.parametrize(
    ("regularizer", "facts", "message"),
    [
        (Sparsity(), make_facts(sites=(SITES[0], OUTPUT)), "needs a model with hidden layers"),
        (DeCov(), make_facts(sites=(SITES[0], OUTPUT)), "needs a model with hidden layers"),
        (SpectralDecoupling(), make_facts(task=Task.REGRESSION, class_counts=()), "needs classes or labels"),
    ],
)
def test_what_does_not_fit_is_refused(regularizer: Regularizer, facts: Facts, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        regularizer.check(facts)
    assert "\n" not in str(refusal.value)
