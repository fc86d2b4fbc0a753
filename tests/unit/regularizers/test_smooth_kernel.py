"""The penalty on rough kernels against graph Laplacians, SciPy's filters and a Gaussian process's covariance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import linalg, ndimage, sparse
from scipy.sparse import csgraph
from sklearn.gaussian_process.kernels import RBF
from torch import Tensor

from regbench.errors import ConfigError
from regbench.models.base import DataShape
from regbench.models.registry import build_model
from regbench.regularizers.base import Facts, Params
from regbench.regularizers.smooth_kernel import SmoothKernel
from tests.contract.conftest import make_setting
from tests.unit.regularizers.stacked import make_context, make_facts

FORMS = ("difference", "laplacian", "tv", "covariance")
SIDES = [(5,), (3,), (3, 3), (4, 5)]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cost_and_gradient(regularizer: SmoothKernel, weights: Params) -> tuple[Tensor, Params]:
    leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
    cost = torch.as_tensor(regularizer.penalty(leaves, make_context()))
    gradients = torch.autograd.grad(cost, list(leaves.values()), materialize_grads=True)
    return cost.detach(), dict(zip(leaves, gradients, strict=True))


def cost_of(w: Tensor, **settings: Any) -> float:
    return cost_and_gradient(SmoothKernel(strength=1.0, **settings), {"conv0.weight": w})[0].item()


def grid_laplacian(sides: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the Laplacian of the graph of a kernel's places, neighbours along an axis being joined."""
    places = np.array(list(np.ndindex(*sides)))
    joined = np.abs(places[:, None] - places).sum(2) == 1
    dense: NDArray[np.float64] = csgraph.laplacian(sparse.csr_array(joined.astype(float))).toarray()
    return dense


@pytest.mark.parametrize("sides", SIDES)
def test_difference_is_the_quadratic_form_of_scipys_graph_laplacian(sides: tuple[int, ...]) -> None:
    w = draw(4, 3, *sides)
    kernels = w.flatten(2).flatten(0, 1).numpy()
    expected = np.einsum("ni,ij,nj->", kernels, grid_laplacian(sides), kernels)
    assert cost_of(w) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sides", SIDES)
def test_laplacian_is_scipys_filter_at_the_places_whose_neighbours_all_lie_within(sides: tuple[int, ...]) -> None:
    w = draw(4, 3, *sides)
    inner = tuple(slice(1, -1) for _ in sides)
    filtered = [ndimage.laplace(kernel)[inner] for kernel in w.flatten(0, 1).numpy()]
    assert cost_of(w, form="laplacian") == pytest.approx(np.square(filtered).sum(), rel=1e-12)


@pytest.mark.parametrize("sides", SIDES)
def test_total_variation_is_the_sum_of_absolute_differences(sides: tuple[int, ...]) -> None:
    w = draw(4, 3, *sides)
    axes = range(2, 2 + len(sides))
    expected = sum(np.abs(np.diff(w.numpy(), axis=axis)).sum() for axis in axes)
    count = sum(np.diff(w.numpy(), axis=axis).size for axis in axes)
    assert 0 <= expected - cost_of(w, form="tv") <= 1e-6 * count


@pytest.mark.parametrize("length", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("sides", SIDES)
def test_covariance_is_that_of_a_gaussian_process_over_the_places(sides: tuple[int, ...], length: float) -> None:
    w = draw(4, 3, *sides)
    places = np.array(list(np.ndindex(*sides)), dtype=float)
    factor = linalg.cho_factor(RBF(length)(places) + 1e-6 * np.eye(len(places)))
    kernels = w.flatten(2).flatten(0, 1).numpy()
    expected = np.sum(kernels.T * linalg.cho_solve(factor, kernels.T))
    assert cost_of(w, form="covariance", length=length) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("normalise", ["none", "energy"])
@pytest.mark.parametrize("form", FORMS[:3])
@pytest.mark.parametrize("sides", SIDES)
def test_a_constant_kernel_costs_nothing_for_zeros_around_it_do_not_count(
    sides: tuple[int, ...], form: str, normalise: str, dtype: torch.dtype
) -> None:
    w = torch.full((2, 3, *sides), 0.7, dtype=dtype)
    cost, gradients = cost_and_gradient(SmoothKernel(form=form, normalise=normalise), {"conv0.weight": w})
    assert cost == 0.0
    assert gradients["conv0.weight"].count_nonzero() == 0


def test_a_ramp_has_no_curvature_and_the_difference_of_its_steps() -> None:
    ramp = torch.arange(5.0, dtype=torch.float64).view(1, 1, 5)
    assert cost_of(ramp, form="laplacian") == 0.0
    assert cost_of(ramp) == 4.0
    assert cost_of(ramp, form="tv") == pytest.approx(4.0, rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_energy_makes_the_cost_blind_to_the_size_of_the_kernels(form: str) -> None:
    w = draw(4, 3, 3, 3)
    assert cost_of(10 * w, form=form, normalise="energy") == pytest.approx(
        cost_of(w, form=form, normalise="energy"), rel=1e-5
    )
    size = math.sqrt(float(w.square().sum())) if form == "tv" else float(w.square().sum())
    assert cost_of(w, form=form, normalise="energy") == pytest.approx(cost_of(w, form=form) / size, rel=1e-9)


@pytest.mark.parametrize("normalise", ["none", "energy"])
@pytest.mark.parametrize("form", FORMS)
def test_only_kernels_with_neighbours_are_penalised_and_gradients_are_finite_at_zero(form: str, normalise: str) -> None:
    shapes = {"conv0.weight": (2, 1, 3, 3), "one.weight": (2, 2, 1, 1), "conv0.bias": (2,), "output.weight": (3, 8)}
    regularizer = SmoothKernel(strength=1.0, form=form, normalise=normalise)
    cost, gradients = cost_and_gradient(regularizer, {name: draw(*shape) for name, shape in shapes.items()})
    assert cost > 0
    assert [name for name, g in gradients.items() if g.any()] == ["conv0.weight"]
    _, at_zero = cost_and_gradient(regularizer, {name: torch.zeros(shape) for name, shape in shapes.items()})
    assert all(g.isfinite().all() for g in at_zero.values())
    off, gradients = cost_and_gradient(
        SmoothKernel(strength=0.0, form=form, normalise=normalise), {n: draw(*s) for n, s in shapes.items()}
    )
    assert off == 0.0
    assert all(g.count_nonzero() == 0 for g in gradients.values())


def facts_of(kernel: int) -> Facts:
    shape = DataShape("classification", "image", (1, 8, 8), 3, np.empty((0, 1, 8, 8)))
    network = build_model({"name": "cnn", "kernel": kernel}).build(shape)
    return make_facts(layout="image", shape=(1, 8, 8), layers=network.layers)


def test_kernels_of_one_point_and_networks_without_kernels_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs convolutions of at least 2 points along an axis; the largest has 1$"):
        SmoothKernel().check(facts_of(1))
    with pytest.raises(ConfigError, match=r"needs convolutions of at least 3 points .*; the network has none$"):
        make_setting({"smooth_kernel": SmoothKernel(form="laplacian")}, "table")
    SmoothKernel(form="laplacian").check(facts_of(3))


def test_a_length_that_nothing_uses_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^regularizer smooth_kernel: length=2 acts with form=covariance alone$"):
        SmoothKernel(length=2.0).check(facts_of(3))
    SmoothKernel(length=2.0, form="covariance").check(facts_of(3))
