"""Polynomial bases, and the articles' worked example in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial import legendre

from regbench.data.loading import load
from regbench.data.records import Floats
from regbench.errors import ConfigError
from regbench.models.base import DataShape
from regbench.models.layers import PolynomialBasis
from regbench.models.network import Network, Pass
from regbench.models.polynomial import Polynomial
from regbench.randomness import Randomness


def table(x: Floats) -> DataShape:
    return DataShape("regression", "table", x.shape[1:], 1, x)


def features(network: Network, x: Floats, dtype: torch.dtype = torch.float64) -> Floats:
    """Return the basis functions `[N, D * degree]` of a polynomial network."""
    (basis,) = [layer for layer in network.layers if isinstance(layer, PolynomialBasis)]
    found = basis.apply(torch.tensor(x, dtype=dtype), Pass({}, {}, lambda site, h: h, True))
    assert found.dtype == dtype
    return found.double().numpy()


def example() -> tuple[Floats, Floats, Floats, Floats]:
    split = load({"name": "polynomial"})
    return split.train.x, split.train.y, split.test.x, split.test.y


def test_the_raw_basis_is_the_powers_of_each_column() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    found = features(Polynomial(degree=4).build(table(x)), x)
    powers = np.concatenate([np.stack([x[:, d], x[:, d] ** 2, x[:, d] ** 3, x[:, d] ** 4], 1) for d in range(3)], 1)
    np.testing.assert_allclose(found, powers, rtol=1e-14)


@given(
    degree=st.integers(1, 12),
    rows=st.integers(40, 80),
    centre=st.floats(-1e3, 1e3),
    spread=st.floats(1e-2, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_orthogonal_basis_is_orthonormal_on_the_training_rows(
    degree: int, rows: int, centre: float, spread: float, seed: int
) -> None:
    x = centre + spread * np.random.default_rng(seed).uniform(-1, 1, size=(rows, 1))
    q = features(Polynomial(degree=degree, basis="orthogonal").build(table(x)), x)
    np.testing.assert_allclose(q.mean(0), 0, atol=1e-8)
    np.testing.assert_allclose(q.T @ q / rows, np.eye(degree), atol=1e-8)


def test_on_a_dense_grid_the_orthogonal_basis_is_legendres() -> None:
    # On [-1, 1], P_k has mean square 1 / (2 k + 1); the grid of midpoints approaches the integral as 1/n^2.
    x = (np.arange(4000) + 0.5)[:, None] / 2000 - 1
    q = features(Polynomial(degree=6, basis="orthogonal").build(table(x)), x)
    for k in range(1, 7):
        expected = legendre.legval(x[:, 0], np.eye(7)[k]) * np.sqrt(2 * k + 1)
        np.testing.assert_allclose(q[:, k - 1], expected, atol=1e-4)


def test_new_rows_are_mapped_by_the_training_rows_basis() -> None:
    train, _, test, _ = example()
    network = Polynomial(basis="orthogonal").build(table(train))
    both = features(network, np.concatenate([train, test]))
    np.testing.assert_allclose(both[: len(train)], features(network, train), rtol=0, atol=1e-12)
    # Each function is a polynomial of x: a fit of the right degree through the training rows gives it everywhere.
    for k in range(1, 9):
        fitted = np.polynomial.Polynomial.fit(train[:, 0], both[: len(train), k - 1], k)
        np.testing.assert_allclose(fitted(test[:, 0]), both[len(train) :, k - 1], atol=1e-8)


def test_the_orthogonal_basis_survives_single_precision() -> None:
    train = example()[0]
    network = Polynomial(basis="orthogonal").build(table(train))
    np.testing.assert_allclose(features(network, train, torch.float32), features(network, train), atol=1e-4)


def test_unpenalised_least_squares_gives_the_articles_errors_and_the_bias_is_the_mean() -> None:
    train, y, test, y_test = example()
    network = Polynomial(basis="orthogonal").build(table(train))
    q = features(network, train)
    weights = network.initial_weights(Randomness(0), torch.float64)
    # Orthonormal columns: the least-squares weights are the mean products with the target.
    weights["linear.weight"] = torch.tensor(q.T @ y / len(y))[None]
    weights["linear.bias"] = torch.tensor([y.mean()])

    def mse(x: Floats, y: Floats) -> float:
        found = network.forward(weights, {}, torch.tensor(x), lambda site, h: h, False)[0][:, 0].numpy()
        return float(np.mean((found - y) ** 2))

    assert mse(train, y) == pytest.approx(1.6713, abs=1e-4)
    assert mse(test, y_test) == pytest.approx(5.4532, abs=1e-4)


def test_ridge_on_the_raw_basis_gives_the_articles_errors() -> None:
    from sklearn.linear_model import Ridge

    train, y, test, y_test = example()
    network = Polynomial().build(table(train))
    fitted = Ridge(alpha=0.5).fit(features(network, train), y)
    weights = {
        "linear.weight": torch.tensor(fitted.coef_)[None],
        "linear.bias": torch.tensor([fitted.intercept_], dtype=torch.float64),
    }
    for x, target, expected in ((train, y, 2.9305), (test, y_test, 1.7757)):
        found = network.forward(weights, {}, torch.tensor(x), lambda site, h: h, False)[0][:, 0].numpy()
        assert np.mean((found - target) ** 2) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("basis", ["raw", "orthogonal"])
def test_stacked_runs_see_the_same_basis(basis: str) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    network = Polynomial(degree=3, basis=basis, initialisation="xavier_normal").build(table(x))
    runs = [network.initial_weights(Randomness(seed), torch.float64) for seed in range(3)]
    stacked = {name: torch.stack([weights[name] for weights in runs]) for name in runs[0]}
    batch = torch.tensor(x)
    together = torch.vmap(lambda w: network.forward(w, {}, batch, lambda site, h: h, True)[0], randomness="same")(
        stacked
    )
    for place, weights in enumerate(runs):
        alone = network.forward(weights, {}, batch, lambda site, h: h, True)[0]
        torch.testing.assert_close(together[place], alone, rtol=0, atol=1e-12)


def test_a_network_with_a_basis_has_a_weight_for_each_function() -> None:
    x = np.random.default_rng(0).normal(size=(40, 5))
    weights = Polynomial(degree=3).build(table(x)).initial_weights(Randomness(0), torch.float32)
    assert weights["linear.weight"].shape == (1, 15)
    assert weights["linear.bias"].shape == (1,)


@pytest.mark.parametrize(
    ("column", "count"),
    [
        (np.full(30, 2.5), 1),
        (np.arange(30.0) % 2, 2),
        (np.arange(30.0) % 8, 8),
    ],
)
def test_a_column_with_too_few_values_for_an_orthogonal_basis_is_refused(column: Floats, count: int) -> None:
    x = np.stack([np.linspace(0, 1, 30), column], 1)
    with pytest.raises(ConfigError, match=rf"degree = 8 .* column 2 has {count} distinct"):
        Polynomial(degree=8, basis="orthogonal").build(table(x))
    Polynomial(degree=8, basis="raw").build(table(x))


def test_fewer_rows_than_the_degree_are_refused() -> None:
    with pytest.raises(ConfigError, match="column 1 has 5 distinct"):
        Polynomial(degree=8, basis="orthogonal").build(table(np.linspace(0, 1, 5)[:, None]))
