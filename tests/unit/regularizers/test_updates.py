"""Weight decay, max-norm and the moving average against torch's own and against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from regbench.regularizers.base import Params, Regularizer, Update
from regbench.regularizers.ema import EMA
from regbench.regularizers.max_norm import MaxNorm
from regbench.regularizers.weight_decay import WeightDecay
from tests.unit.regularizers.stacked import make_context, make_rows


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def after(regularizer: Regularizer, weights: Params, previous: Params | None = None, rate: float = 0.1) -> Params:
    new, _ = regularizer.after_update(Update(weights, previous or weights, torch.tensor(rate), {}), make_context())
    return new


# -- weight decay --------------------------------------------------------------------------------------------------


def test_adam_with_weight_decay_takes_the_steps_of_torch_adamw() -> None:
    torch_weight = torch.nn.Parameter(random_tensor(6, 5))
    reference = torch.optim.AdamW([torch_weight], lr=1.0, weight_decay=0.3)
    w = torch_weight.detach().clone()
    mean, square = torch.zeros_like(w), torch.zeros_like(w)
    for step in range(1, 41):
        rate, gradient = 0.05 / step**0.5, random_tensor(6, 5, seed=step)
        reference.param_groups[0]["lr"] = rate
        torch_weight.grad = gradient.clone()
        reference.step()
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        delta = mean / (1 - 0.9**step) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
        w = after(WeightDecay(strength=0.3), {"a.weight": w - rate * delta}, {"a.weight": w}, rate)["a.weight"]
        torch.testing.assert_close(w, torch_weight.detach(), rtol=1e-5, atol=1e-6)


def test_sgd_with_weight_decay_is_the_papers_sgdw_with_lambda_of_rate_times_strength() -> None:
    """Loshchilov & Hutter, algorithm 1: m ← β m + α g; w ← w − m − λ w; here λ = α · strength."""
    w, momentum, heavy = random_tensor(4), torch.zeros(4), torch.zeros(4)
    ours = w.clone()
    for step in range(30):
        gradient = random_tensor(4, seed=step + 1)
        momentum = 0.9 * momentum + 0.1 * gradient
        w = w - momentum - 0.1 * 0.2 * w
        heavy = 0.9 * heavy + gradient
        ours = after(WeightDecay(strength=0.2), {"a.weight": ours - 0.1 * heavy}, {"a.weight": ours})["a.weight"]
    torch.testing.assert_close(ours, w)


def test_weight_decay_leaves_biases_alone_unless_all_parameters_decay() -> None:
    weights = {"a.weight": torch.ones(2, 2), "a.bias": torch.ones(2), "norm0.scale": torch.ones(2)}
    decayed = after(WeightDecay(strength=0.5), weights)
    assert {name: w.unique().item() for name, w in decayed.items()} == pytest.approx(
        {"a.weight": 0.95, "a.bias": 1.0, "norm0.scale": 1.0}
    )
    assert all(
        w.unique().item() == pytest.approx(0.95)
        for w in after(WeightDecay(strength=0.5, scope="all"), weights).values()
    )


# -- max-norm ------------------------------------------------------------------------------------------------------


def test_max_norm_on_the_worked_example() -> None:
    w = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]])
    projected = after(MaxNorm(radius=6.0), {"a.weight": w})["a.weight"]
    assert projected.norm().item() == pytest.approx(6.0, rel=1e-6)
    torch.testing.assert_close(projected, w * 6.0 / math.sqrt(55.0))


@given(seed=st.integers(0, 10**6), radius=st.floats(0.1, 10.0), scope=st.sampled_from(["unit", "layer"]))
def test_max_norm_keeps_what_is_inside_bit_for_bit_and_brings_the_rest_onto_the_sphere(
    seed: int, radius: float, scope: str
) -> None:
    w = random_tensor(7, 6, seed=seed)
    projected = after(MaxNorm(radius=radius, scope=scope), {"a.weight": w})["a.weight"]
    rows, new_rows = (w, projected) if scope == "unit" else (w.reshape(1, -1), projected.reshape(1, -1))
    for row, new in zip(rows, new_rows, strict=True):
        norm = row.double().norm().item()
        if norm < radius * (1 - 1e-6):
            assert torch.equal(new, row)
        elif norm > radius * (1 + 1e-6):
            assert new.double().norm().item() == pytest.approx(radius, rel=1e-6)
            torch.testing.assert_close(new * norm, row * radius, rtol=1e-5, atol=1e-5)


def test_a_unit_of_a_convolution_is_a_whole_kernel() -> None:
    w = random_tensor(3, 2, 5, 5)
    projected = after(MaxNorm(radius=1.0), {"conv0.weight": w})["conv0.weight"]
    torch.testing.assert_close(projected.flatten(1).norm(dim=1), torch.ones(3))
    whole = after(MaxNorm(radius=1.0, scope="layer"), {"conv0.weight": w})["conv0.weight"]
    assert whole.norm().item() == pytest.approx(1.0)


def test_max_norm_touches_no_bias_and_no_zero_and_passes_on_what_is_not_a_number() -> None:
    weights = {"a.weight": torch.tensor([[0.0, 0.0], [torch.nan, 9.0]]), "a.bias": torch.full((2,), 100.0)}
    projected = after(MaxNorm(radius=1.0), weights)
    assert projected["a.bias"] is weights["a.bias"]
    assert projected["a.weight"][0].tolist() == [0.0, 0.0]
    assert projected["a.weight"][1].isnan().any()


ROWS = make_rows(4, 3)

# -- moving average ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.99, 0.9999])
def test_ema_equals_torch_averaged_model_at_every_step(decay: float) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    reference = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    regularizer = EMA(decay=decay)
    state = regularizer.begin({name: t.detach() for name, t in model.state_dict().items()}, ROWS, make_context())
    for step in range(25):
        with torch.no_grad():
            for place, tensor in enumerate(model.state_dict().values()):
                if tensor.is_floating_point():
                    tensor += random_tensor(*tensor.shape, seed=100 * step + place)
        reference.update_parameters(model)
        current = {name: t for name, t in model.state_dict().items() if t.is_floating_point()}
        state = regularizer.average(current, make_context(state=state, update=step))
        averaged = regularizer.averaged(current, make_context(state=state))
        assert averaged.keys() == current.keys()
        expected = reference.module.state_dict()
        for name, tensor in averaged.items():
            torch.testing.assert_close(tensor, expected[name], rtol=1e-6, atol=1e-6)


def test_the_average_is_no_view_of_weights_that_training_changes_in_place() -> None:
    regularizer, w = EMA(decay=0.9), torch.ones(2)
    state = regularizer.begin({"a.weight": w}, ROWS, make_context())
    w.add_(1.0)
    assert state["a.weight"].tolist() == [1.0, 1.0]
    state = regularizer.average({"a.weight": w}, make_context(state=state))
    w.add_(1.0)
    assert state["a.weight"].tolist() == [2.0, 2.0]


def test_the_average_of_a_constant_is_that_constant_in_float32() -> None:
    regularizer, weights = EMA(decay=0.9999), {"a.weight": torch.tensor([1.0, -3.7])}
    state = regularizer.begin(weights, ROWS, make_context())
    for step in range(2000):
        state = regularizer.average(weights, make_context(state=state, update=step))
    assert torch.equal(state["a.weight"], weights["a.weight"])


def test_an_integer_buffer_is_that_of_the_last_step() -> None:
    regularizer = EMA(decay=0.9)
    state = regularizer.average(
        {"norm0.steps": torch.tensor(7)}, make_context(state={"norm0.steps": torch.tensor(2)}, update=3)
    )
    assert state["norm0.steps"].item() == 7
    assert state["norm0.steps"].dtype == torch.int64


# -- all -----------------------------------------------------------------------------------------------------------

OFF = [WeightDecay(strength=0.0, scope="all"), MaxNorm(radius=math.inf), MaxNorm(radius=math.inf, scope="layer")]


@pytest.mark.parametrize("regularizer", OFF, ids=["weight_decay", "max_norm_unit", "max_norm_layer"])
def test_the_off_value_changes_no_bit(regularizer: Regularizer) -> None:
    weights = {"a.weight": random_tensor(5, 4) * 1e3, "b.weight": torch.zeros(2, 2), "a.bias": random_tensor(5)}
    previous = {name: w + 1.0 for name, w in weights.items()}
    assert all(torch.equal(w, weights[name]) for name, w in after(regularizer, weights, previous).items())


STACKED = [(WeightDecay(), "strength", [0.0, 0.02, 0.7]), (MaxNorm(), "radius", [math.inf, 1.5, 3.0])]


@pytest.mark.parametrize(("regularizer", "field", "values"), STACKED, ids=["weight_decay", "max_norm"])
def test_stacked_runs_equal_runs_alone_bit_for_bit(regularizer: Regularizer, field: str, values: list[float]) -> None:
    stack = {"a.weight": random_tensor(3, 5, 4), "a.bias": random_tensor(3, 5)}
    before = {name: w + 0.1 for name, w in stack.items()}
    rates = torch.tensor([0.1, 0.01, 0.3])

    def one(weights: Params, previous: Params, rate: Tensor, value: Tensor) -> Params:
        return replace(regularizer, **{field: value}).after_update(Update(weights, previous, rate, {}), make_context())[
            0
        ]

    hypers = torch.tensor(values, dtype=torch.float64)
    together = torch.vmap(one, randomness="same")(stack, before, rates, hypers)
    for run, value in enumerate(values):
        weights, previous = ({name: w[run] for name, w in part.items()} for part in (stack, before))
        update = Update(weights, previous, rates[run], {})
        alone, _ = replace(regularizer, **{field: value}).after_update(update, make_context())
        assert all(torch.equal(together[name][run], w) for name, w in alone.items())


def test_stacked_averages_with_their_own_decay_equal_averages_alone_bit_for_bit() -> None:
    decays = [0.0, 0.9, 0.999]
    old, new = {"a.weight": random_tensor(3, 5)}, {"a.weight": random_tensor(3, 5, seed=1)}

    def one(state: Params, weights: Params, decay: Tensor) -> Params:
        return EMA(decay=decay).average(weights, make_context(state=state, update=4))

    together = torch.vmap(one, randomness="same")(old, new, torch.tensor(decays, dtype=torch.float64))
    for run, decay in enumerate(decays):
        ctx = make_context(state={"a.weight": old["a.weight"][run]}, update=4)
        alone = EMA(decay=decay).average({"a.weight": new["a.weight"][run]}, ctx)
        assert torch.equal(together["a.weight"][run], alone["a.weight"])
    assert torch.equal(together["a.weight"][0], new["a.weight"][0])
