"""Batch normalisation against torch's own, and where it is put."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from regbench.errors import ConfigError
from regbench.models.layers import Activation, Linear
from regbench.models.network import Network, Pass, Site, TapPoint, Tensors
from regbench.models.normalization import BatchNormalization
from regbench.randomness import Randomness
from regbench.regularizers.base import is_weight
from regbench.regularizers.batch_norm import BatchNorm
from tests.unit.regularizers.stacked import make_facts

LAYER = BatchNormalization("norm0", 5, 0.2, 1e-4)
KEYS = ("norm0.running_mean", "norm0.running_var")


def run(weights: Tensors, buffers: Tensors, x: Tensor, training: bool = True) -> tuple[Tensor, Tensors]:
    """Apply the layer and return its output and the buffers after it."""
    done = Pass(weights, buffers, lambda _, h: h, training)
    return LAYER.apply(x, done), {**buffers, **done.new_buffers}


def learned() -> Tensors:
    return {"norm0.scale": Randomness(1).uniform((5,), torch.float64), "norm0.shift": torch.arange(5.0).double()}


@pytest.mark.parametrize("shape", [(16, 5), (16, 5, 7), (4, 5, 6, 3)])
def test_it_equals_torch_step_by_step(shape: tuple[int, ...]) -> None:
    peers = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    peer = peers[len(shape)](5, eps=1e-4, momentum=0.2).double()
    ours, buffers = learned(), LAYER.initial_buffers(torch.float64)
    with torch.no_grad():
        peer.weight.copy_(ours["norm0.scale"])
        peer.bias.copy_(ours["norm0.shift"])
    ours = {name: value.requires_grad_() for name, value in ours.items()}
    for step in range(5):
        x = (Randomness(step).normal(shape, torch.float64) * 3 + step).requires_grad_()
        out, buffers = run(ours, buffers, x)
        expected = peer(x)
        torch.testing.assert_close(out, expected)
        inputs, peers_inputs = [x, *ours.values()], [x, peer.weight, peer.bias]
        gradients = torch.autograd.grad(out.pow(3).sum(), inputs)
        torch.testing.assert_close(gradients, torch.autograd.grad(expected.pow(3).sum(), peers_inputs))
        torch.testing.assert_close(buffers[KEYS[0]], peer.running_mean)
        torch.testing.assert_close(buffers[KEYS[1]], peer.running_var)
    peer.eval()
    out, after = run(ours, buffers, x, training=False)
    torch.testing.assert_close(out, peer(x))
    assert all(after[key] is buffers[key] for key in KEYS)


def test_the_buffers_given_are_never_changed() -> None:
    buffers = LAYER.initial_buffers(torch.float64)
    run(learned(), buffers, Randomness(1).normal((8, 5), torch.float64))
    assert not buffers[KEYS[0]].any()
    assert (buffers[KEYS[1]] == 1).all()


def test_a_single_row_gives_the_shift_and_teaches_nothing() -> None:
    weights, buffers = learned(), LAYER.initial_buffers(torch.float64)
    x = Randomness(1).normal((1, 5), torch.float64).requires_grad_()
    out, after = run(weights, buffers, x)
    assert torch.equal(out[0], weights["norm0.shift"])
    assert all(after[key] is buffers[key] for key in KEYS)
    assert not torch.autograd.grad(out.sum(), x)[0].any()


def test_bfloat16_inputs_are_averaged_in_float32() -> None:
    x = (100.0 + Randomness(1).normal((4096, 5))).bfloat16()
    weights = LAYER.initial_weights(Randomness(0), torch.float32)
    buffers = LAYER.initial_buffers(torch.float32)
    out, after = run({name: w.bfloat16() for name, w in weights.items()}, buffers, x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(after[KEYS[0]], 0.2 * x.float().mean(0))


@pytest.mark.parametrize("shape", [(9, 5), (3, 5, 4)])
def test_stacked_runs_equal_runs_alone_with_gradients(shape: tuple[int, ...]) -> None:
    xs = Randomness(1).normal((3, *shape), torch.float64)
    weights = {name: torch.stack([w, w + 1, w * 2]) for name, w in learned().items()}
    buffers = {name: torch.stack([b, b + 1, b * 2]) for name, b in LAYER.initial_buffers(torch.float64).items()}

    def loss(weights: Tensors, buffers: Tensors, x: Tensor) -> tuple[Tensor, Tensors]:
        out, after = run(weights, buffers, x)
        return out.pow(3).sum(), after

    gradients, after = torch.vmap(torch.func.grad(loss, has_aux=True))(weights, buffers, xs)
    for place in range(3):
        leaves = {name: w[place].clone().requires_grad_() for name, w in weights.items()}
        total, expected = loss(leaves, {name: b[place] for name, b in buffers.items()}, xs[place])
        alone = torch.autograd.grad(total, list(leaves.values()))
        torch.testing.assert_close([g[place] for g in gradients.values()], list(alone))
        torch.testing.assert_close({k: v[place] for k, v in after.items()}, expected)


def make_network() -> Network:
    site = TapPoint("hidden0.site", Site("hidden0", "hidden", (8,)))
    before = TapPoint("hidden0.pre.site", Site("hidden0.pre", "preactivation", (8,)))
    layers = (Linear("hidden0", 6, 8), before, Activation("act", "relu"), site, Linear("output", 8, 3))
    return Network(layers, (6,), 3)


@pytest.mark.parametrize(
    ("placement", "names"),
    [
        ("before_activation", ["hidden0", "norm0", "hidden0.pre.site", "act", "hidden0.site", "output"]),
        ("after_activation", ["hidden0", "hidden0.pre.site", "act", "norm0", "hidden0.site", "output"]),
        ("nowhere", ["hidden0", "hidden0.pre.site", "act", "hidden0.site", "output"]),
    ],
)
def test_its_place_in_the_network(placement: str, names: list[str]) -> None:
    network = BatchNorm(placement=placement).architecture(make_network(), make_facts())
    assert [layer.name for layer in network.layers] == names


def test_penalties_on_weights_leave_scale_and_shift_alone() -> None:
    weights = BatchNorm().architecture(make_network(), make_facts()).initial_weights(Randomness(0), torch.float32)
    assert (weights["norm0.scale"] == 1).all()
    assert not weights["norm0.shift"].any()
    assert not is_weight("norm0.scale")
    assert not is_weight("norm0.shift")


def test_a_layer_that_is_normalised_right_away_has_no_bias() -> None:
    before = BatchNorm().architecture(make_network(), make_facts()).initial_weights(Randomness(0), torch.float32)
    after = BatchNorm(placement="after_activation").architecture(make_network(), make_facts())
    assert "hidden0.bias" not in before
    assert "output.bias" in before
    assert "hidden0.bias" in after.initial_weights(Randomness(0), torch.float32)


def test_unfit_models_and_batches_are_refused() -> None:
    BatchNorm().check(make_facts())
    with pytest.raises(ConfigError, match="hidden layer"):
        BatchNorm().check(make_facts(sites=(Site("input", "input", (6,)),)))
    with pytest.raises(ConfigError, match="at least 2 rows"):
        BatchNorm().check(make_facts(batch_size=1))
    BatchNorm(placement="nowhere").check(make_facts(batch_size=1, sites=()))
