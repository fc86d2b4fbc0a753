"""Polynomial regression: the articles' worked example of overfitting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regbench.config.fields import choice, integer
from regbench.data.records import Floats
from regbench.errors import ConfigError
from regbench.models.base import DataShape, Model, refuse
from regbench.models.blocks import entrance
from regbench.models.layers import CONVEX_INITIALISATIONS, Linear, OrthogonalPolynomial, PolynomialBasis
from regbench.models.network import Network

SINGULAR = 1e-10


@dataclass(frozen=True, kw_only=True)
class Polynomial(Model):
    """Linear or logistic regression on polynomials of degree 1 .. `degree` of each column, without products of columns.

    Basis `raw`: x, x^2, ..., whose weights a penalty is usually stated for, and whose unpenalised fit gradient descent
    hardly reaches: at degree 8 on [0, 1] the condition number is about 1e11.
    Basis `orthogonal`: the same functions of x, but polynomials that have mean 0, mean square 1 and mean products 0
    over the training rows of each column. With one column the unpenalised problem then has condition number 1 and
    the bias that minimises the squared error is the targets' mean.

    Source of the orthogonal basis: Forsythe (1957), Generation and use of orthogonal polynomials for data-fitting with
    a digital computer; computed here by QR of the powers instead of his recurrence.
    """

    degree: int = integer(8, low=1, high=20, help="highest power")
    basis: str = choice("raw", "orthogonal", help="powers, or polynomials orthogonal on the training rows")
    initialisation: str = choice(*CONVEX_INITIALISATIONS, help="weights before training")

    @property
    def reads_inputs(self) -> bool:
        """Whether the basis is fitted to the training inputs."""
        return self.basis == "orthogonal"

    def build(self, data: DataShape) -> Network:
        """Return a network of a fixed basis and the one layer `linear`, with D * degree weights per output."""
        if data.layout != "table":
            raise refuse("polynomial", "a table", data, "linear or mlp")
        columns: tuple[OrthogonalPolynomial, ...] = ()
        if self.basis == "orthogonal":
            columns = tuple(self._orthogonalise(data.inputs[:, place], place) for place in range(data.shape[0]))
        basis = PolynomialBasis("basis", self.degree, columns)
        linear = Linear("linear", data.shape[0] * self.degree, data.outputs, self.initialisation)
        return Network((*entrance(data.shape), basis, linear), data.shape, data.outputs)

    def _orthogonalise(self, x: Floats, place: int) -> OrthogonalPolynomial:
        """Return the polynomials orthogonal over the values `[N]` of one column, by QR of its powers."""
        centre, half = float(x.max() + x.min()) / 2, float(x.max() - x.min()) / 2
        z = (x - centre) / (half or 1.0)  # powers of values in [-1, 1] are far better conditioned than of raw ones
        powers = z[:, None] ** np.arange(self.degree + 1)
        r = np.linalg.qr(powers, mode="r")
        pivots = np.abs(np.diagonal(r))
        if len(pivots) <= self.degree or pivots.min() < SINGULAR * pivots.max():
            raise ConfigError(
                f"model.basis=orthogonal needs more than degree = {self.degree} well-spread training values in each "
                f"column; column {place + 1} has {len(np.unique(x))} distinct (lower model.degree or use raw)"
            )
        change = np.linalg.inv(r) * np.sign(np.diagonal(r)) * np.sqrt(len(x))
        return OrthogonalPolynomial(centre, half, tuple(tuple(row) for row in change.T[1:].tolist()))
