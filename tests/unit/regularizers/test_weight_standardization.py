"""Weight standardization against its definition, torch's batch norm of the kernels, and finite differences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.errors import ConfigError
from regbench.models.layers import Linear
from regbench.regularizers.base import Params
from regbench.regularizers.weight_standardization import WeightStandardization
from tests.contract.conftest import make_setting, train
from tests.unit.regularizers.stacked import SITES, make_context, make_facts


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return 3.0 * torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=dtype) + 1.0


WEIGHTS = {
    "conv0.weight": draw(6, 2, 3, 3),
    "conv0.bias": draw(6),
    "norm0.scale": draw(6),
    "hidden0.weight": draw(8, 12),
}


def seen(own: WeightStandardization, weights: Params) -> Params:
    return own.forward_weights(weights, 8, make_context())


@pytest.mark.parametrize("form", ["plain", "scaled"])
def test_each_unit_has_mean_0_and_variance_1_or_norm_1(form: str) -> None:
    found = seen(WeightStandardization(form=form, epsilon=1e-12), WEIGHTS)
    for name in ("conv0.weight", "hidden0.weight"):
        rows = found[name].flatten(1)
        fan_in = rows.shape[1]
        torch.testing.assert_close(rows.mean(1), torch.zeros(len(rows), dtype=torch.float64), rtol=0.0, atol=1e-14)
        variance = 1.0 if form == "plain" else 1.0 / fan_in
        torch.testing.assert_close(rows.var(1, correction=0), torch.full((len(rows),), variance, dtype=torch.float64))
        assert found[name].shape == WEIGHTS[name].shape
    assert found["conv0.bias"] is WEIGHTS["conv0.bias"]
    assert found["norm0.scale"] is WEIGHTS["norm0.scale"]


@pytest.mark.parametrize("name", ["conv0.weight", "hidden0.weight"])
def test_it_is_batch_norm_of_the_kernels_as_timm_computes_it(name: str) -> None:
    w = WEIGHTS[name]
    expected = F.batch_norm(w.reshape(1, len(w), -1), None, None, training=True, momentum=0.0, eps=1e-3)
    found = seen(WeightStandardization(epsilon=1e-3), WEIGHTS)[name]
    torch.testing.assert_close(found, expected.reshape(w.shape), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", ["plain", "scaled"])
def test_gradients_pass_through_mean_and_variance(form: str) -> None:
    own = WeightStandardization(form=form)
    w = draw(3, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: seen(own, {"conv0.weight": w})["conv0.weight"], w)


def test_a_unit_whose_weights_are_all_the_same_is_zero_with_a_finite_gradient() -> None:
    w = torch.full((2, 5), 0.7, requires_grad=True)
    found = seen(WeightStandardization(), {"a.weight": w})["a.weight"]
    assert found.abs().max() < 1e-3
    (gradient,) = torch.autograd.grad(found[:, 0].sum(), w)
    assert torch.isfinite(gradient).all()


def test_the_output_layer_is_left_as_it_is_unless_asked() -> None:
    layers = (Linear("hidden0", 6, 8), Linear("output", 8, 3))
    weights = {"hidden0.weight": draw(8, 6), "output.weight": draw(3, 8)}
    ctx = make_context(facts=make_facts(layers=layers))
    found = WeightStandardization().forward_weights(weights, 8, ctx)
    assert found["output.weight"] is weights["output.weight"]
    assert not torch.equal(found["hidden0.weight"], weights["hidden0.weight"])
    both = WeightStandardization(last="yes").forward_weights(weights, 8, ctx)
    torch.testing.assert_close(both["output.weight"].mean(1), torch.zeros(3, dtype=torch.float64))


def test_training_keeps_the_raw_weights_and_evaluation_and_what_is_stored_are_standardized() -> None:
    own = {"weight_standardization": WeightStandardization()}
    spec, data = make_setting(own, "image", precision="float64", epochs=1)
    sink = train(spec, data, [own], [0], [0.01])[0]
    for name in ("conv0.weight", "conv1.weight", "hidden0.weight"):
        rows = sink.best[name].flatten(1)
        assert rows.mean(1).abs().max() < 1e-12
        assert (rows.var(1, correction=0) - 1.0).abs().max() < 0.01
    raw, stored = sink.final["weights"].flatten(), torch.cat([w.flatten() for w in sink.best.values()])
    assert raw.abs().max() < 1.0 < stored.abs().max()


def test_with_batch_norm_the_size_of_the_raw_weights_does_not_matter() -> None:
    """The network sees the same; ε apart."""
    own = WeightStandardization(epsilon=1e-12)
    weights = {"a.weight": draw(4, 6)}
    once, twice = seen(own, weights), seen(own, {"a.weight": 7.0 * weights["a.weight"] + 2.0})
    torch.testing.assert_close(once["a.weight"], twice["a.weight"])


def test_none_is_off_and_networks_without_anything_to_standardize_are_refused() -> None:
    assert seen(WeightStandardization(form="none"), WEIGHTS) is WEIGHTS
    linear: dict[str, Any] = {"sites": SITES[:1]}
    with pytest.raises(ConfigError, match="needs a hidden layer, or last=yes"):
        WeightStandardization().check(make_facts(**linear))
    WeightStandardization(last="yes").check(make_facts(**linear))
    with pytest.raises(ConfigError, match="needs at least two inputs"):
        WeightStandardization().check(make_facts(shape=(1,)))
    WeightStandardization(form="none").check(make_facts(shape=(1,), **linear))
