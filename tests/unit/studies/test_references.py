"""Reference models: on the rows of a split, in the judged figure, the same every time."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.preprocessing import Preprocessing
from regbench.data.reading import Reading
from regbench.data.records import Floats, Labels, Part, Split
from regbench.errors import ConfigError
from regbench.studies import references
from regbench.studies.references import Reference, choose_reference, measure_references, note_limits
from regbench.studies.scoring import measure_constant, measure_error, predict_constant, score_outputs

CLASS_FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "auc", "log_loss", "brier", "loss")


def make_split(
    parts: list[tuple[Floats, Labels]],
    task: str = "classification",
    *,
    weights: Floats | None = None,
    scale: float = 1.0,
    classes: int = 2,
    layout: str = "table",
) -> Split:
    """A split of these parts; `weights` are those of the training rows."""
    train, val, test = (Part(x, y) for x, y in parts)
    reading = Reading(
        origin="made", task=task, classes=0, outputs=(), rows={}, columns=(), left_out={}, shape=(1,), notes=()
    )
    outputs = 1 if train.y.ndim == 1 else train.y.shape[1]
    return Split(
        task=task,
        layout=layout,
        train=Part(train.x, train.y, weights),
        val=val if weights is None else Part(val.x, val.y, np.ones(len(val.y))),
        test=test if weights is None else Part(test.x, test.y, np.ones(len(test.y))),
        classes=tuple(map(str, range(classes))) if task == "classification" else (),
        features=(),
        target_scale=(scale,) * outputs if task == "regression" else (),
        target_mean=(0.0,) * outputs if task == "regression" else (),
        checksum="",
        preprocessing=Preprocessing(
            task=task, layout=layout, shape=train.x.shape[1:], classes=(), outputs=(), columns=(), ignored=(),
            missing=(), text_form={},
        ),
        reading=reading,
        rows_checksum="",
    )  # fmt: skip


def line(count: int, seed: int) -> tuple[Floats, Floats]:
    """Rows whose first number is the target."""
    x = np.random.default_rng(seed).normal(size=(count, 3))
    return x, x[:, 0].copy()


def sides(count: int, seed: int) -> tuple[Floats, Labels]:
    """Rows whose class is the sign of their first number."""
    x, y = line(count, seed)
    return x, (y > 0).astype(np.int64)


def test_a_line_is_learned_by_the_linear_model_to_the_last_digit() -> None:
    split = make_split([line(200, 0), line(100, 1), line(50, 2)], "regression", scale=3.0)
    found = {own.name: own for own in measure_references(split, "mse", 0)}
    assert list(found) == ["boosting", "extra trees", "linear"]
    assert found["linear"].error < 1e-3  # ridge shrinks by 1 of 200 rows
    assert 0.0 < found["extra trees"].error < 0.5
    assert found["linear"].test is not None


def test_errors_are_in_the_unit_of_the_target_and_shares_of_the_constant() -> None:
    parts = [line(200, 0), line(100, 1), line(50, 2)]
    small, large = (measure_references(make_split(parts, "regression", scale=s), "mse", 0)[0] for s in (1.0, 3.0))
    assert large.val == pytest.approx(9 * small.val)
    assert large.error == pytest.approx(small.error)
    r2 = measure_references(make_split(parts, "regression"), "r2", 0)[0]
    assert 1 - r2.val == pytest.approx(r2.error * (1 - r2_of_constant(make_split(parts, "regression"))))


def r2_of_constant(split: Split) -> float:
    return score_outputs(split, split.val, "r2", predict_constant(split, split.val))


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("metric", CLASS_FIGURES)
def test_every_figure_of_classes_tells_what_can_be_learned_from_what_cannot(metric: str) -> None:
    parts = [sides(150, 0), sides(100, 1), sides(40, 2)]
    for own in measure_references(make_split(parts), metric, 0):
        assert own.error < 0.5, own
    rng = np.random.default_rng(3)
    random = [(x, rng.integers(0, 2, size=len(y))) for x, y in parts]
    assert all(own.error > 0.8 for own in measure_references(make_split(random), metric, 0))


def test_the_constant_prediction_is_the_largest_class_and_the_mean() -> None:
    x = np.zeros((10, 1))
    y = np.array([0, 1, 2, 2, 2, 2, 1, 2, 2, 2])
    split = make_split([(x, y), (x, y), (x, y)], classes=3)
    outputs = predict_constant(split, split.val)
    assert measure_error(split, split.val, "accuracy", outputs) == pytest.approx(0.3)
    assert measure_constant(split, split.val, "macro_f1") == pytest.approx(2 / 3)
    assert measure_error(split, split.val, "balanced_accuracy", outputs) == pytest.approx(2 / 3)
    shares = np.array([0.1, 0.2, 0.7])
    assert measure_error(split, split.val, "log_loss", outputs) == pytest.approx(-(shares * np.log(shares)).sum())
    numbers = np.array([1.0, 2.0, 6.0] + [3.0] * 7)
    regression = make_split([(x, numbers)] * 3, "regression")
    found = measure_error(regression, regression.val, "mse", predict_constant(regression, regression.val))
    assert found == pytest.approx(numbers.var())


def test_rows_count_as_much_as_they_weigh() -> None:
    x = np.zeros((4, 1))
    y = np.array([0.0, 0.0, 0.0, 1.0])
    split = make_split([(x, y)] * 3, "regression", weights=np.array([1.0, 1.0, 1.0, 9.0]))
    assert predict_constant(split, split.val)[0, 0] == pytest.approx(0.75)
    doubled = make_split([(x, y)] * 3, "regression", weights=np.array([0.0, 0.0, 0.0, 4.0]))
    scores = {own.name: own.val for own in measure_references(doubled, "mse", 0)}
    assert scores["extra trees"] == pytest.approx(0.75)  # all predict 1


def test_labels_have_trees_and_a_linear_model_and_a_constant_label_does_no_harm() -> None:
    def labels(seed: int) -> tuple[Floats, Floats]:
        x, y = line(120, seed)
        return x, np.stack([y > 0, x[:, 1] > 0, np.ones(len(y))], axis=1).astype(np.float64)

    split = make_split([labels(0), labels(1), labels(2)], "multilabel")
    found = measure_references(split, "label_accuracy", 0)
    assert [own.name for own in found] == ["extra trees", "linear"]
    assert all(own.val > 0.9 for own in found)


def test_tokens_count_and_their_order_does_not() -> None:
    rng = np.random.default_rng(0)

    def texts(count: int) -> tuple[Floats, Labels]:
        x = rng.integers(4, 12, size=(count, 9)).astype(np.float64)
        y = rng.integers(0, 2, size=count)
        x[np.arange(count), rng.integers(0, 9, size=count)] = 2 + y
        return x, y

    split = make_split([texts(150), texts(80), texts(20)], layout="tokens")
    wide = measure_with_width(split, 12)
    assert max(own.val for own in wide) > 0.9


def measure_with_width(split: Split, width: int) -> list[Reference]:
    """References of a split whose vocabulary has this many words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Preprocessing, "width", property(lambda self: width))
        return measure_references(split, "accuracy", 0)


def test_equal_rows_and_seeds_give_equal_figures_without_a_warning() -> None:
    dataset = build_dataset({"name": "breast_cancer", "standardize": False})
    split = prepare(dataset, dataset.read())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, other = (measure_references(split, "accuracy", 4) for _ in range(2))
    assert one == other
    assert all(own.error < 0.4 for own in one)


def test_the_threads_of_the_process_are_as_they_were() -> None:
    threads = torch.get_num_threads()
    measure_references(make_split([sides(30, 0), sides(20, 1), sides(10, 2)]), "accuracy", 0)
    assert torch.get_num_threads() == threads


def test_many_rows_and_columns_are_limited_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    split = make_split([sides(300, 0), sides(100, 1), sides(40, 2)])
    assert note_limits(split) == []
    monkeypatch.setattr(references, "MOST_ROWS", 100)
    monkeypatch.setattr(references, "MOST_COLUMNS", 2)
    assert [own.name for own in measure_references(split, "accuracy", 0)] == ["extra trees", "linear"]
    rows, boosting = note_limits(split)
    assert "100 of 300 training rows" in rows
    assert "no boosting" in boosting


def test_the_reference_is_the_best_in_the_mean_and_not_of_each_replicate() -> None:
    measured = [
        [Reference("boosting", 0.9, None, error), Reference("linear", 0.9, None, other)]
        for error, other in ((0.1, 0.3), (0.3, 0.2), (0.2, 0.3))
    ]
    name, errors = choose_reference(measured)
    assert name == "boosting"
    assert errors.tolist() == [0.1, 0.3, 0.2]


def test_without_validation_rows_there_is_no_reference() -> None:
    x, y = sides(20, 0)
    split = make_split([(x, y), (x[:0], y[:0]), (x, y)])
    with pytest.raises(ConfigError, match="validation rows"):
        measure_references(split, "accuracy", 0)
