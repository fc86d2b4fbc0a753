"""The bundled and computed data sets against published numbers, closed forms and reference libraries."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import PolynomialFeatures

from regbench.data import load
from regbench.data.mnist1d import generate, normalize_strokes
from regbench.data.records import Split


def collect(split: Split) -> np.ndarray:
    """Return all rows of a split, x and y side by side, in a fixed order."""
    parts = (split.train, split.val, split.test)
    table = np.concatenate(
        [np.column_stack([part.x.reshape(len(part.x), math.prod(part.x.shape[1:])), part.y]) for part in parts]
    )
    return table[np.lexsort(table.T)]


@pytest.mark.parametrize(
    ("name", "rows", "columns", "classes", "task"),
    [
        ("digits", 1797, 64, 10, "classification"),
        ("breast_cancer", 569, 30, 2, "classification"),
        ("wine", 178, 13, 3, "classification"),
        ("iris", 150, 4, 3, "classification"),
        ("diabetes", 442, 10, 0, "regression"),
    ],
)
def test_bundled_sets_hold_the_rows_of_scikit_learn(
    name: str, rows: int, columns: int, classes: int, task: str
) -> None:
    options = {"standardize_target": False} if task == "regression" else {}
    split = load({"name": name, "standardize": False, **options})
    scaling = {"scaled": False} if name == "diabetes" else {}
    found = getattr(datasets, f"load_{name}")(**scaling)
    expected = np.column_stack([found.data / (16.0 if name == "digits" else 1.0), found.target])
    assert np.array_equal(collect(split), expected[np.lexsort(expected.T)])
    assert (split.task, split.layout, len(split.classes), len(split.features)) == (task, "table", classes, columns)
    assert split.features == tuple(found.feature_names)
    assert split.classes == tuple(map(str, getattr(found, "target_names", ())))
    assert expected.shape == (rows, columns + 1)
    assert split.train.x.dtype == np.float64
    assert split.train.y.dtype == (np.int64 if classes else np.float64)


def test_digits_as_images_are_the_same_pixels() -> None:
    table, image = load({"name": "digits"}), load({"name": "digits", "layout": "image"})
    assert image.layout == "image"
    assert image.features == ()
    assert np.array_equal(image.test.x.reshape(-1, 64), table.test.x)
    assert (image.train.x.min(), image.train.x.max()) == (0.0, 1.0)


class TestPolynomial:
    def test_gives_the_published_split(self) -> None:
        np.random.seed(42)
        x = np.linspace(0, 1, 30)
        y = 20 * x**3 - 15 * x**2 + 10 * x + 5 + 2 * np.random.randn(30)
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
        split = load({"name": "polynomial"})
        assert set(split.train.x.ravel()) == set(x_train)
        assert set(split.test.x.ravel()) == set(x_test)
        np.testing.assert_allclose(np.sort(split.train.y), np.sort(y_train), rtol=1e-14)
        np.testing.assert_allclose(np.sort(split.test.y), np.sort(y_test), rtol=1e-14)
        assert (len(split.train.y), len(split.val.y), len(split.test.y)) == (24, 0, 6)

    @pytest.mark.parametrize(
        ("model", "train", "test"), [(LinearRegression(), 1.6713, 5.4532), (Ridge(alpha=0.5), 2.9305, 1.7757)]
    )
    def test_gives_the_published_errors(self, model: LinearRegression | Ridge, train: float, test: float) -> None:
        split = load({"name": "polynomial"})
        expand = PolynomialFeatures(8)
        model.fit(expand.fit_transform(split.train.x), split.train.y)
        errors = [
            mean_squared_error(part.y, model.predict(expand.transform(part.x))) for part in (split.train, split.test)
        ]
        assert errors == pytest.approx([train, test], abs=6e-5)

    def test_without_noise_is_the_cubic_itself(self) -> None:
        split = load({"name": "polynomial", "noise": 0.0, "coefficients": [2, 0, 1], "n": 11})
        rows = collect(split)
        np.testing.assert_allclose(rows[:, 1], 2.0 * rows[:, 0] ** 2 + 1.0, rtol=1e-14)
        np.testing.assert_allclose(rows[:, 0], np.arange(11) / 10)


class TestToys:
    def test_moons_without_noise_lie_on_their_half_circles(self) -> None:
        rows = collect(load({"name": "moons", "noise": 0.0, "standardize": False}))
        centres = np.where(rows[:, 2:] == 0, [[0.0, 0.0]], [[1.0, 0.5]])
        np.testing.assert_allclose(np.linalg.norm(rows[:, :2] - centres, axis=1), 1.0)

    def test_circles_without_noise_have_radius_one_and_a_half(self) -> None:
        rows = collect(load({"name": "circles", "noise": 0.0, "standardize": False}))
        np.testing.assert_allclose(np.linalg.norm(rows[:, :2], axis=1), np.where(rows[:, 2] == 0, 1.0, 0.5))

    @pytest.mark.parametrize("arms", [2, 3, 5])
    def test_spirals_without_noise_follow_their_arms(self, arms: int) -> None:
        rows = collect(load({"name": "spirals", "noise": 0.0, "standardize": False, "arms": arms, "n": 300}))
        radius = np.linalg.norm(rows[:, :2], axis=1)
        along = (radius - 0.1) / 0.9
        turned = np.exp(2j * np.pi * (1.5 * along + rows[:, 2] / arms))
        np.testing.assert_allclose(rows[:, 0] + 1j * rows[:, 1], radius * turned, atol=1e-12)
        assert np.array_equal(np.bincount(rows[:, 2].astype(int)), [300 // arms] * arms)

    def test_noise_has_the_deviation_that_was_asked_for(self) -> None:
        clean, noisy = (
            load({"name": "spirals", "n": 20_000, "noise": noise, "standardize": False}) for noise in (0.0, 0.25)
        )
        assert (noisy.train.x - clean.train.x).std() == pytest.approx(0.25, rel=0.03)

    @pytest.mark.parametrize("name", ["moons", "circles", "spirals"])
    def test_the_seed_decides_the_points(self, name: str) -> None:
        sums = [load({"name": name, "seed": seed}).checksum for seed in (0, 0, 1)]
        assert sums[0] == sums[1] != sums[2]


class TestMnist1d:
    """Expected numbers are those of the published package, mnist1d 0.0.2.post1, at its default arguments."""

    def test_labels_are_the_published_ones_in_the_published_order(self) -> None:
        _, digits = generate(42)
        assert digits[:12].tolist() == [2, 6, 4, 5, 6, 6, 6, 0, 3, 1, 6, 9]
        packed = hashlib.sha256(digits.astype("<i8").tobytes()).hexdigest()
        assert packed == "6feec4a017698c7fe237c8854cbd2e338c6dd5c16240f6fa79daefaaa129e169"

    def test_signals_are_the_published_ones(self) -> None:
        x, _ = generate(42)
        first = [-0.332005667369, -0.471910365656, -0.778697076293, -1.009740826537, -0.882352565405]
        last = [-0.098646092585, 0.447232885143, 0.659875647089, 0.877734349753, 1.193151836835]
        np.testing.assert_allclose(x[0, :5], first, rtol=1e-11)
        np.testing.assert_allclose(x[-1, -5:], last, rtol=1e-10)
        assert (x**3).sum() == pytest.approx(-13126.103828802175, rel=1e-10)
        assert np.abs(x).sum() == pytest.approx(148316.17264806535, rel=1e-10)
        assert (x.mean(), x.std()) == pytest.approx((0.0, 1.0), abs=1e-12)

    def test_keeps_the_published_test_part(self) -> None:
        x, digits = generate(42)
        split = load({"name": "mnist1d", "split": {"val": 0.0}})
        assert split.layout == "series"
        assert np.array_equal(split.train.x, x[:4000, None])
        assert np.array_equal(split.test.x, x[4000:, None])
        assert np.array_equal(split.test.y, digits[4000:])
        assert len(load({"name": "mnist1d"}).val.y) == 400

    def test_logistic_regression_scores_the_published_third(self) -> None:
        split = load({"name": "mnist1d", "split": {"val": 0.0}})
        model = LogisticRegression(max_iter=300).fit(split.train.x[:, 0], split.train.y)
        assert model.score(split.test.x[:, 0], split.test.y) == pytest.approx(0.32, abs=0.025)

    def test_strokes_start_at_zero_with_deviation_a_sixth(self) -> None:
        strokes = normalize_strokes()
        assert np.all(strokes[:, 0] == 0.0)
        np.testing.assert_allclose(strokes.std(axis=1), 1 / 6)

    def test_another_seed_is_another_draw(self) -> None:
        assert not np.array_equal(generate(1)[0], generate(42)[0])
