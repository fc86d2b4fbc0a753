"""The orthogonality penalty against its closed forms, NumPy's singular values and Keras' formula."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.base import Params
from regbench.regularizers.orthogonal import Orthogonal, average_cosine, spectral_distance
from tests.contract.conftest import make_setting
from tests.unit.regularizers.stacked import make_context, make_facts
from tests.unit.training import small_runs

FORMS = ("soft", "double", "offdiagonal", "cosine", "srip")


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


WEIGHTS = {
    "conv0.weight": draw(4, 3, 2, 2, seed=1),
    "conv0.bias": draw(4, seed=2),
    "hidden0.weight": draw(7, 3, seed=3),
    "norm0.scale": draw(7, seed=4),
    "output.weight": draw(2, 7, seed=5),
}


def cost_and_gradient(regularizer: Orthogonal, weights: Params) -> tuple[Tensor, Params]:
    leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
    cost = torch.as_tensor(regularizer.penalty(leaves, make_context(Randomness(5))))
    gradients = torch.autograd.grad(cost, list(leaves.values()), materialize_grads=True)
    return cost.detach(), dict(zip(leaves, gradients, strict=True))


def shorter_first(w: Tensor) -> Tensor:
    m = w.reshape(len(w), -1)
    return m if len(m) <= m.shape[1] else m.T


def orthogonal_weights(scale: float) -> Params:
    """Return a wide, a high, a square matrix and a kernel whose shorter sides are orthogonal, of this length."""
    basis = torch.from_numpy(ortho_group.rvs(8, random_state=3)) * scale
    return {
        "wide.weight": basis[:3],
        "high.weight": basis[:, :5],
        "square.weight": basis,
        "kernel.weight": basis[:4].reshape(4, 2, 2, 2),
    }


def test_the_cost_is_the_squared_distance_of_the_smaller_gram_matrix_from_the_identity() -> None:
    cost, gradients = cost_and_gradient(Orthogonal(strength=0.3, scale=1.5), WEIGHTS)
    expected = 0.0
    for name in ("conv0.weight", "hidden0.weight"):
        singular = np.linalg.svd(WEIGHTS[name].flatten(1).numpy(), compute_uv=False)
        expected += 0.3 * ((singular**2 - 1.5**2) ** 2).sum()
    assert cost.item() == pytest.approx(expected, rel=1e-12)
    for name in ("conv0.weight", "hidden0.weight"):
        m = shorter_first(WEIGHTS[name])
        gradient = 4 * 0.3 * (m @ m.T - 1.5**2 * torch.eye(len(m), dtype=m.dtype)) @ m
        torch.testing.assert_close(shorter_first(gradients[name]), gradient, rtol=1e-12, atol=1e-12)
    assert all(gradients[name].count_nonzero() == 0 for name in ("conv0.bias", "norm0.scale", "output.weight"))


def test_the_last_layer_is_penalised_if_asked() -> None:
    _, gradients = cost_and_gradient(Orthogonal(last="yes"), WEIGHTS)
    assert [name for name, g in gradients.items() if g.any()] == ["conv0.weight", "hidden0.weight", "output.weight"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_orthogonal_weights_of_the_right_length_cost_nothing(form: str, scale: float) -> None:
    weights = orthogonal_weights(scale)
    if form == "double":
        weights = {"square.weight": weights["square.weight"]}
    cost, gradients = cost_and_gradient(Orthogonal(strength=1.0, form=form, scale=scale, last="yes"), weights)
    assert abs(cost.item()) < 1e-12
    if form not in ("cosine", "srip"):  # these two have a kink there
        assert all(g.abs().max() < 1e-12 for g in gradients.values())
    assert all(g.isfinite().all() for g in gradients.values())


def test_double_adds_the_distance_of_the_larger_gram_matrix() -> None:
    cost, gradients = cost_and_gradient(Orthogonal(strength=0.3, form="double", scale=1.5), WEIGHTS)
    leaves = {name: WEIGHTS[name].clone().requires_grad_() for name in ("conv0.weight", "hidden0.weight")}
    expected = torch.zeros((), dtype=torch.float64)
    for w in leaves.values():
        for m in (w.flatten(1), w.flatten(1).T):
            identity = torch.eye(len(m), dtype=m.dtype)
            expected = expected + 0.3 * torch.linalg.matrix_norm(m @ m.T - 1.5**2 * identity).square()
    assert cost.item() == pytest.approx(expected.item(), rel=1e-12)
    for name, gradient in zip(leaves, torch.autograd.grad(expected, list(leaves.values())), strict=True):
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-10, atol=1e-10)


def test_offdiagonal_is_the_sum_of_squared_products_of_different_rows_whatever_their_length() -> None:
    cost, _ = cost_and_gradient(Orthogonal(strength=0.3, form="offdiagonal", scale=9.0), WEIGHTS)
    expected = 0.0
    for name in ("conv0.weight", "hidden0.weight"):
        rows = shorter_first(WEIGHTS[name]).numpy()
        expected += 0.3 * 2 * sum((a @ b) ** 2 for a, b in combinations(rows, 2))
    assert cost.item() == pytest.approx(expected, rel=1e-12)


def test_cosine_is_keras_mean_over_pairs_of_rows_and_reads_kernels_too() -> None:
    cost, _ = cost_and_gradient(Orthogonal(strength=0.3, form="cosine"), WEIGHTS)
    expected = 0.0
    for name in ("conv0.weight", "hidden0.weight"):
        rows = shorter_first(WEIGHTS[name]).numpy()
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        expected += 0.3 * np.mean([abs(a @ b) for a, b in combinations(rows, 2)])
    assert cost.item() == pytest.approx(expected, rel=1e-12)
    # Two rows at 60 degrees, whatever their length.
    rows = torch.tensor([[2.0, 0.0], [5.0, 5.0 * 3**0.5]], dtype=torch.float64)
    assert average_cosine(rows).item() == pytest.approx(0.5, rel=1e-12)
    assert average_cosine(rows[:1]).item() == 0.0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_srip_after_twenty_steps_is_the_largest_distance_of_the_singular_values(seed: int, scale: float) -> None:
    # The second largest distance is 0.6 of the largest, so that twenty steps are enough, on either side of s².
    generator = np.random.default_rng(seed)
    distances = np.array([1.0, 0.6, 0.5, 0.1, -0.3]) * (scale**2 if seed % 2 else -0.99 * scale**2)
    left, right = ortho_group.rvs(5, random_state=seed), ortho_group.rvs(9, random_state=seed + 100)[:5]
    m = torch.from_numpy(left @ np.diag(np.sqrt(scale**2 + distances)) @ right)
    exact = (torch.linalg.svdvals(m).square() - scale**2).abs().max().item()
    square, start = torch.tensor(scale**2, dtype=torch.float64), torch.from_numpy(generator.standard_normal(5))
    found = [spectral_distance(m, square, start, steps).item() for steps in (2, 20)]
    assert found[1] == pytest.approx(exact, rel=1e-3)
    assert 0.0 < found[0] <= found[1] <= exact * (1 + 1e-12), "two steps find at most that"


def test_srip_draws_a_vector_of_its_own_for_each_layer_and_has_the_gradient_of_its_value() -> None:
    twice = {"a.weight": draw(4, 6), "b.weight": draw(4, 6), "output.weight": draw(2, 4)}
    regularizer = Orthogonal(strength=1.0, form="srip")
    alone = [
        regularizer.penalty({name: twice[name], "output.weight": twice["output.weight"]}, make_context(Randomness(5)))
        for name in ("a.weight", "b.weight")
    ]
    assert alone[0] != alone[1]
    direction = {name: draw(*w.shape, seed=8) for name, w in twice.items()}
    _, gradients = cost_and_gradient(regularizer, twice)
    slope = sum((gradients[name] * direction[name]).sum().item() for name in twice)
    ends = [
        cost_and_gradient(regularizer, {name: w + step * direction[name] for name, w in twice.items()})[0].item()
        for step in (1e-6, -1e-6)
    ]
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_finite_at_zero_weights_and_strength_zero_adds_nothing(form: str) -> None:
    zeros = {name: torch.zeros_like(w) for name, w in WEIGHTS.items()}
    _, gradients = cost_and_gradient(Orthogonal(strength=1.0, form=form), zeros)
    assert all(g.isfinite().all() for g in gradients.values())
    cost, gradients = cost_and_gradient(Orthogonal(strength=0.0, form=form), WEIGHTS)
    assert cost == 0.0
    assert all(g.count_nonzero() == 0 for g in gradients.values())


def test_it_says_where_it_has_nothing_to_act_on() -> None:
    split = small_runs.make_split(*small_runs.draw_classes(30, (1,)))
    one = small_runs.make_setting(split, {"name": "linear"}).spec.facts
    assert "last=yes" in (Orthogonal().idle(one) or "")
    assert "two rows" in (Orthogonal(form="cosine", last="yes").idle(one) or ""), "the only layer has one input"
    assert Orthogonal(last="yes").idle(one) is None
    narrow = small_runs.make_setting(split, {"name": "mlp", "widths": [5]}).spec.facts
    assert "two rows" in (Orthogonal(form="offdiagonal").idle(narrow) or "")
    assert Orthogonal(form="offdiagonal", last="yes").idle(narrow) is None
    assert Orthogonal().idle(make_setting({}, "image")[0].facts) is None
    assert Orthogonal().idle(make_facts()) is None, "of which no layers are known"


def test_training_makes_hidden_weights_orthogonal() -> None:
    split = small_runs.make_split(*small_runs.draw_classes(60, (6,)), val=12, test=12)
    schedule = {"epochs": 60, "optimizer": {"name": "adam", "lr": 0.02}, "precision": "float64"}
    for own, low, high in (({"orthogonal": {"strength": 10.0}}, 0.95, 1.05), ({}, 0.0, 0.9)):
        setting = small_runs.make_setting(split, {"name": "mlp", "widths": [8, 5]}, own, **schedule)
        weights = small_runs.train_alone(setting).best
        singular = torch.cat([torch.linalg.svdvals(weights[f"hidden{k}.weight"]) for k in (0, 1)])
        assert low < singular.min() < high
