"""Small versions of the simulators of `make evidence`, with wide bounds, and what their figures rest on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.evidence import coverage, false_alarms, looks, needs
from benchmarks.evidence.__main__ import main
from benchmarks.evidence.figures import Figure, summarise
from benchmarks.evidence.networks import Stack, loss_of
from benchmarks.evidence.readouts import Settings, read_out
from benchmarks.evidence.tables import Metric, Task, draw_cuts, draw_table, estimate_truth, score_fresh, score_rows


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("method", ["kfold", "locked"])
def test_cuts_are_those_of_a_study(method: str) -> None:
    cuts = draw_cuts(method, 50, 10, np.random.default_rng(0))
    for replicate in range(10):
        for stage in range(2):
            parts = [cuts.train[stage, replicate], cuts.val[stage, replicate], cuts.test[replicate]]
            assert [len(part) for part in parts] == [30, 10, 10]
            assert sorted(np.concatenate(parts)) == list(range(50))
        assert set(cuts.train[0, replicate]) != set(cuts.train[1, replicate])
    times = cuts.tested(50).sum(axis=0)
    assert set(times) == ({2} if method == "kfold" else {0, 10})


@pytest.mark.parametrize(("task", "metric"), [(Task.CLASSIFICATION, Metric.ACCURACY), (Task.REGRESSION, Metric.R2)])
def test_the_expected_score_is_the_mean_over_targets(task: Task, metric: Metric) -> None:
    """Fresh rows have no targets; on rows that have them, the mean of the scored rows is near the expected score."""
    rng = np.random.default_rng(1)
    table = draw_table(task, rng, rows=60_000, fresh=60_000)
    weights = rng.normal(size=table.inputs.shape[1]).astype(np.float32) / 4
    scored = score_rows(table, metric, table.inputs @ weights, np.arange(60_000)).mean()
    assert score_fresh(table, metric, table.fresh @ weights) == pytest.approx(scored, abs=0.03)
    best = table.signal - 0.5 if task is Task.CLASSIFICATION else table.signal
    assert 0.75 < score_fresh(table, metric, best) < 0.9


def test_the_truth_is_as_far_from_the_mean_judged_as_the_truth_itself() -> None:
    rng = np.random.default_rng(2)
    for others in (5, 40):
        values = rng.normal(size=(4000, 10 + others))
        distances = [own[:10].mean() - estimate_truth(own[:10], own[10:]) for own in values]
        assert np.var(distances) == pytest.approx(1 / 10, rel=0.08)


@pytest.mark.parametrize("task", list(Task))
def test_the_gradient_of_the_stack_is_autograds(task: Task) -> None:
    generator = torch.Generator().manual_seed(3)
    stack = Stack(3, 5, generator)
    inputs, target = torch.randn(3, 7, 5, generator=generator), torch.rand(3, 7, generator=generator).round()
    gradient = stack.gradient(inputs, target, torch.ones(3, 7, 24), task)
    weights = stack.weights.clone().requires_grad_()
    loss_of(stack.outputs(weights, inputs), target, task).sum().backward()
    scale = 1.0 if task is Task.CLASSIFICATION else 0.5
    assert weights.grad is not None
    torch.testing.assert_close(gradient, scale * weights.grad)


def test_a_weak_penalty_fits_and_a_strong_one_gives_the_mean() -> None:
    rng = np.random.default_rng(4)
    table = draw_table(Task.REGRESSION, rng, rows=30, fresh=1)
    train = np.arange(30)[None]
    settings = Settings(np.ones(2, dtype=np.float32), np.array([1e-5, 1e6], dtype=np.float32))
    (outputs,) = read_out(table, train, settings, 60, [table.inputs[train]], rng)
    assert np.abs(outputs[0] - table.target).max() < 0.05
    assert outputs[1] == pytest.approx(np.full(30, table.target.mean()), abs=1e-3)


def test_figures_know_their_bounds() -> None:
    share = summarise("", [1.0] * 9 + [0.0], low=0.95)
    assert (share.value, share.verdict) == (0.9, "within 2 s.e.")
    assert share.error == pytest.approx(0.1)
    assert summarise("", [1.0] * 900 + [0.0] * 100, low=0.95).verdict == "MISSED"
    assert summarise("", [0.0] * 10, high=0.05).verdict == "reached"
    assert summarise("", [1.0] * 10, 0.91, 0.98).verdict == "within 2 s.e."


def values(figures: list[Figure], words: str) -> list[float]:
    found = [figure.value for figure in figures if words in figure.what]
    assert found
    return found


def test_intervals_hold_the_truth() -> None:
    figures = list(coverage.measure(2, 0))
    assert 0.8 <= values(figures, "mean of the cells")[0] <= 1
    assert np.mean(values(figures, "as a study")) >= 0.8
    assert 0.005 < values(figures, "true effect, accuracy")[0] < 0.03
    assert 0.005 < values(figures, "true effect, R2")[0] < 0.03


def test_nulls_are_rarely_called_different() -> None:
    layout = false_alarms.Layout("", "kfold", 200, 10, 4, 5, True, 1.0)
    figures = list(false_alarms.measure_layout(Task.REGRESSION, layout, 25, [0]))
    assert values(figures, "some null called different")[0] <= 0.1
    assert values(figures, "misses a null's 0")[0] <= 0.1
    assert values(figures, "together, intervals hold")[0] >= 0.9
    assert values(figures, "planted arms' intervals hold")[0] >= 0.85


def test_looks_and_needs_answer_for_both_tasks() -> None:
    found = list(looks.measure(2, 0))
    assert max(figure.value for figure in found if figure.high is not None) <= 0.5
    decided = [needs.decide(Task.REGRESSION, (40, 44, 56), [1, number]) for number in range(2)]
    for answers in decided:
        for need, answer in answers.values():
            assert (answer is None) == (need.replicates is None or need.replicates > needs.MOST)


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["luck"]) == 2
    assert "no part 'luck'" in capsys.readouterr().err
