"""Several numbers to predict, and labels: against scikit-learn, formulas, and the same runs alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from regbench.losses import row_losses
from regbench.randomness import Randomness
from regbench.regularizers.bagging import Bagging
from regbench.tasks import Task
from regbench.training.evaluation import score
from regbench.training.training_set import Labelled
from tests.unit.regularizers.stacked import make_facts
from tests.unit.training.small_runs import make_setting, make_split, train_alone
from tests.unit.training.test_convex import SCHEDULE, assert_close
from tests.unit.training.toys import assert_cohort_equals_alone

ROWS, OUTPUTS = 60, 3
LABELS = make_facts(task=Task.MULTILABEL, class_counts=())


def draw(seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw inputs, and numbers of different sizes that depend on them."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((ROWS + 20, 5))
    y = x @ generator.standard_normal((5, OUTPUTS)) + generator.standard_normal((len(x), OUTPUTS))
    return x, y * [1.0, 3.0, 0.1] + [0.0, 5.0, 1.0]


@pytest.mark.parametrize("seed", [1, 2])
def test_ridge_of_several_numbers_is_scikit_learns(seed: int) -> None:
    x, y = draw(seed)
    reference = Ridge(alpha=6.0).fit(x[:ROWS], y[:ROWS])
    # The loss is the mean over the outputs, so that the penalty of each is shared by them.
    strength = 2 * 6.0 / ROWS / OUTPUTS
    setting = make_setting(make_split(x, y, test=20), {"name": "linear"}, {"l2": {"strength": strength}}, **SCHEDULE)
    best = train_alone(setting).best
    assert_close((best["linear.weight"].numpy(), best["linear.bias"].numpy()), reference.coef_, reference.intercept_)


def test_logistic_regression_of_labels_is_scikit_learns_of_each() -> None:
    x, numbers = draw()
    y = numbers > [0.0, 5.0, 1.0]
    strength = 0.02
    setting = make_setting(make_split(x, y, test=20), {"name": "linear"}, {"l2": {"strength": strength}}, **SCHEDULE)
    best = train_alone(setting).best
    for label in range(OUTPUTS):
        alone = LogisticRegression(C=1 / (strength * ROWS * OUTPUTS), tol=1e-10, max_iter=10_000)
        alone.fit(x[:ROWS], y[:ROWS, label])
        found = best["linear.weight"].numpy()[label : label + 1], best["linear.bias"].numpy()[label : label + 1]
        assert_close(found, alone.coef_, alone.intercept_)


@pytest.mark.matrix(cases=4)
@pytest.mark.parametrize(
    "regularizers", [{}, {"mixup": {}}, {"bagging": {"members": 2}}, {"batch_norm": {}, "ema": {}}]
)
@pytest.mark.parametrize("task", ["numbers", "labels"])
def test_a_cohort_equals_its_runs_alone(task: str, regularizers: dict[str, Any]) -> None:
    x, numbers = draw()
    split = make_split(x, numbers if task == "numbers" else numbers > 1.0, val=10, test=10)
    schedule = {"epochs": 3, "batch_size": 16, "precision": "float64"}
    optimizer = {"name": "adam", "lr": 0.01, "eps": 1e-4}
    model = {"name": "mlp", "widths": [8]}
    assert_cohort_equals_alone(make_setting(split, model, regularizers, optimizer=optimizer, **schedule))


def test_the_error_of_several_numbers_is_the_mean_of_those_in_their_own_units() -> None:
    outputs, y = Randomness(1).normal((2, 7, 3), torch.float64), Randomness(2).normal((7, 3), torch.float64)
    scale = torch.tensor([2.0, 10.0, 0.5], dtype=torch.float64)
    losses, errors = score(Task.REGRESSION, outputs, Labelled(torch.zeros(7, 1), y, torch.ones(7), scale.square()))
    torch.testing.assert_close(losses, (outputs - y).square().mean(-1))
    torch.testing.assert_close(errors, (outputs * scale - y * scale).square().mean(-1))


def test_label_accuracy_is_the_share_of_right_labels_and_nan_where_outputs_are() -> None:
    outputs = torch.tensor([[[2.0, -1.0], [0.0, 3.0], [torch.nan, 3.0]]])
    y = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    losses, right = score(Task.MULTILABEL, outputs, Labelled(torch.zeros(3, 1), y, torch.ones(3), torch.zeros(0)))
    assert right[0, :2].tolist() == [0.5, 1.0]
    assert losses[0, 2].isnan()
    assert right[0, 2].isnan()


def test_a_result_has_the_figure_of_each_number_and_label() -> None:
    x, numbers = draw()
    for y, metric in ((numbers, "mse"), (numbers > 1.0, "label_accuracy")):
        weights = np.random.default_rng(2).uniform(0.5, 2.0, len(x))
        split = make_split(x, y, val=10, test=10, weights=weights / weights[:ROWS].mean())
        sink = train_alone(make_setting(split, {"name": "linear"}, epochs=3, batch_size=16, precision="float64"))
        outputs = x @ sink.best["linear.weight"].numpy().T + sink.best["linear.bias"].numpy()
        scores = (outputs > 0) == y if y.dtype == bool else (outputs - y) ** 2
        expected = np.average(scores[-10:], axis=0, weights=weights[-10:])
        told = sink.result["targets"]
        assert [told[f"y{place}"]["test"][metric] for place in range(OUTPUTS)] == pytest.approx(expected, rel=1e-9)
        assert sink.result["best"]["test"][metric] == pytest.approx(expected.mean(), rel=1e-9)


class TestEnsembleOfLabels:
    logits = 3.0 * Randomness(1).normal((4, 7, 3), torch.float64)

    def test_the_mean_is_that_of_the_probabilities(self) -> None:
        found = Bagging().combine(self.logits, LABELS)
        torch.testing.assert_close(found.sigmoid(), self.logits.sigmoid().mean(0), rtol=1e-12, atol=1e-12)

    def test_votes_are_counted_label_by_label(self) -> None:
        found = Bagging(combination="vote").combine(self.logits, LABELS)
        votes = (self.logits > 0).to(torch.float64).sum(0)
        torch.testing.assert_close(found.sigmoid(), (votes + 0.5) / 5.0, rtol=1e-12, atol=1e-12)
        assert torch.all(Bagging(combination="vote").combine(torch.zeros(4, 2, 3), LABELS) < 0), "a tie is no vote"

    def test_confident_errors_stay_finite(self) -> None:
        found = Bagging().combine(torch.full((4, 2, 3), -1000.0), LABELS)
        assert torch.all(found == -1000.0)
        assert torch.isfinite(row_losses("multilabel", found, torch.ones(2, 3))).all()
