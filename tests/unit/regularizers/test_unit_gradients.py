"""What acts on the gradient of each unit: centralisation and adaptive clipping, against their formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.adaptive_clipping import AdaptiveClipping
from regbench.regularizers.base import Params, Regularizer
from regbench.regularizers.gradient_centralization import GradientCentralization
from tests.contract.conftest import make_setting as make_contract_setting
from tests.contract.conftest import train
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context
from tests.unit.training import small_runs

X, Y = small_runs.draw_classes(60, (6,))
DENSE = {"name": "mlp", "widths": [8]}


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make_params(seed: int) -> Params:
    """Return tensors of the shapes of a small convolutional network with a norm, in its order."""
    shapes: dict[str, tuple[int, ...]] = {
        "conv0.weight": (4, 3, 3, 3),
        "conv0.bias": (4,),
        "norm0.scale": (4,),
        "hidden0.weight": (5, 12),
        "hidden0.bias": (5,),
        "output.weight": (2, 5),
        "output.bias": (2,),
    }
    return {name: draw(*shape, seed=seed + place) for place, (name, shape) in enumerate(shapes.items())}


GRADIENTS, WEIGHTS = make_params(0), make_params(100)


def act(regularizer: Regularizer, gradients: Params, weights: Params = WEIGHTS) -> tuple[Params, Params]:
    effects: Params = {}
    return regularizer.gradients(gradients, weights, make_context(effects=effects)), effects


def train_small(regularizers: dict[str, Any], model: dict[str, Any], **schedule: Any) -> tuple[Params, Params]:
    """Return the weights of a run before its training and after it."""
    split = small_runs.make_split(X, Y, val=12, test=12)
    setting = small_runs.make_setting(split, model, regularizers, precision="float64", **schedule)
    after = small_runs.train_alone(setting).best
    return setting.spec.network.initial_weights(Randomness(0), torch.float64), after


# -- centralisation ------------------------------------------------------------------------------------------------


def test_centralised_gradients_have_mean_zero_in_each_unit_and_biases_stay() -> None:
    new, _ = act(GradientCentralization(), GRADIENTS)
    for name, g in GRADIENTS.items():
        if not name.endswith(".weight"):
            assert new[name] is g
            continue
        unit_means = g.flatten(1).numpy().mean(1)
        torch.testing.assert_close(new[name].flatten(1).mean(1), torch.zeros(len(g), dtype=g.dtype))
        np.testing.assert_allclose(new[name].flatten(1).numpy(), g.flatten(1).numpy() - unit_means[:, None], atol=1e-15)


def test_the_scope_is_kernels_alone_or_nothing() -> None:
    new, _ = act(GradientCentralization(scope="kernels"), GRADIENTS)
    assert [name for name, g in new.items() if not torch.equal(g, GRADIENTS[name])] == ["conv0.weight"]
    off, _ = act(GradientCentralization(scope="nowhere"), GRADIENTS)
    assert all(g is GRADIENTS[name] for name, g in off.items())


def test_a_unit_with_one_incoming_weight_does_not_stand_still() -> None:
    gradients = {"hidden0.weight": draw(5, 1, seed=3), "conv0.weight": draw(5, 1, 1, 1, seed=4)}
    new, _ = act(GradientCentralization(), gradients, gradients)
    assert all(torch.equal(g, gradients[name]) for name, g in new.items())


def test_the_row_sums_of_weights_never_move_under_sgd() -> None:
    sgd = {"name": "sgd", "lr": 0.1, "momentum": 0.9}
    before, after = train_small({"gradient_centralization": {}}, DENSE, epochs=10, optimizer=sgd)
    _, free = train_small({}, DENSE, epochs=10, optimizer=sgd)
    for name, w in before.items():
        if name.endswith(".weight"):
            torch.testing.assert_close(after[name].sum(1), w.sum(1), rtol=0, atol=1e-12)
            assert not torch.allclose(after[name], w, atol=1e-3), "they did train"
            assert not torch.allclose(free[name].sum(1), w.sum(1), atol=1e-3), "without it the sums move"


def test_without_a_convolution_the_scope_kernels_says_that_it_acts_on_nothing() -> None:
    kernels = GradientCentralization(scope="kernels")
    table, _ = make_contract_setting({}, "table")
    image, _ = make_contract_setting({}, "image")
    assert "no convolution" in (kernels.idle(table.facts) or "")
    assert kernels.idle(image.facts) is None
    assert GradientCentralization().idle(table.facts) is None
    one = small_runs.make_setting(small_runs.make_split(X[:, :1], Y), {"name": "linear"}).spec.facts
    assert "one incoming weight" in (GradientCentralization().idle(one) or "")


def test_an_idle_scope_leaves_the_bits_of_a_run_without() -> None:
    own = {"gradient_centralization": GradientCentralization(scope="kernels")}
    bits = [train(*make_contract_setting(r, "table"), [r], [3], [0.01])[0].final["weights"] for r in (own, {})]
    assert torch.equal(bits[0], bits[1])


# -- adaptive clipping ---------------------------------------------------------------------------------------------


def unit_norms(w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Norms as timm takes them: of vectors whole, of the rest over all axes but the first."""
    if w.ndim <= 1:
        return np.sqrt((w**2).sum(keepdims=True))
    return np.sqrt((w**2).sum(axis=tuple(range(1, w.ndim)), keepdims=True))


def clip_as_timm(g: Tensor, w: Tensor, factor: float) -> NDArray[np.float64]:
    largest = np.maximum(unit_norms(w.numpy()), 1e-3) * factor
    norm = unit_norms(g.numpy())
    return np.asarray(np.where(norm < largest, g.numpy(), g.numpy() * (largest / np.maximum(norm, 1e-6))))


@pytest.mark.parametrize("scale", [1.0, 1e-2, 0.0])
@pytest.mark.parametrize("limit", [1e-3, 0.01, 0.3, 1.0])
def test_adaptive_clipping_equals_timms_formula(limit: float, scale: float) -> None:
    weights = {name: w * scale for name, w in WEIGHTS.items()}
    new, _ = act(AdaptiveClipping(limit=limit, last="yes"), GRADIENTS, weights)
    for name, g in GRADIENTS.items():
        np.testing.assert_allclose(new[name].numpy(), clip_as_timm(g, weights[name], limit), rtol=1e-12)


def test_each_unit_is_clipped_by_itself_and_the_clipped_share_counted() -> None:
    weights = {"hidden0.weight": torch.tensor([[3.0, 4.0], [0.0, 0.0]]), "hidden0.bias": torch.tensor([6.0, 8.0])}
    gradients = {"hidden0.weight": torch.tensor([[0.0, 2.0], [0.3, 0.4]]), "hidden0.bias": torch.tensor([0.6, 0.8])}
    new, effects = act(AdaptiveClipping(limit=0.2, last="yes"), gradients, weights)
    # Rows: a bound of 0.2 · 5 on a norm of 2, and of 0.2 · 0.001 on 0.5; the bias: 0.2 · 10 on 1.
    torch.testing.assert_close(new["hidden0.weight"], torch.tensor([[0.0, 1.0], [1.2e-4, 1.6e-4]]))
    assert torch.equal(new["hidden0.bias"], gradients["hidden0.bias"])
    assert effects["clipped_fraction"].item() == pytest.approx(2 / 3)


def test_the_last_layer_is_left_alone_unless_asked_for() -> None:
    new, _ = act(AdaptiveClipping(limit=1e-3), GRADIENTS)
    same = [name for name, g in new.items() if torch.equal(g, GRADIENTS[name])]
    assert same == ["output.weight", "output.bias"]
    assert not any(
        torch.equal(g, GRADIENTS[name])
        for name, g in act(AdaptiveClipping(limit=1e-3, last="yes"), GRADIENTS)[0].items()
    )


def test_composer_loses_the_lower_bound_so_that_weights_at_zero_never_train() -> None:
    """The coefficient of zero weights is 0 there for ever; here a model that starts at zero learns."""
    zeros = {"name": "linear", "initialisation": "zeros"}
    clip = {"adaptive_clipping": {"limit": 0.3, "last": "yes"}}
    before, after = train_small(clip, zeros, epochs=60, optimizer={"name": "sgd", "lr": 1.0}, batch_size=6)
    assert all(w.count_nonzero() == 0 for w in before.values())
    assert all(w.count_nonzero() == w.numel() for w in after.values())
    fits = (torch.from_numpy(X[:36]) @ after["linear.weight"].T + after["linear.bias"]).argmax(1).numpy()
    assert (fits == Y[:36]).mean() > 0.8


@pytest.mark.parametrize("last", ["no", "yes"])
def test_off_is_bit_identical_and_finite_where_gradients_and_weights_are_zero_or_large(last: str) -> None:
    gradients = {
        "a.weight": torch.zeros(3, 3),
        "b.weight": torch.full((2, 2), 1e18),
        "b.bias": torch.tensor([0.0, 1e-30]),
        "output.weight": torch.ones(2, 2),
    }
    for weights in (gradients, {name: torch.zeros_like(g) for name, g in gradients.items()}):
        new, effects = act(AdaptiveClipping(limit=math.inf, last=last), gradients, weights)
        assert all(torch.equal(g, gradients[name]) for name, g in new.items())
        assert effects["clipped_fraction"] == 0.0
        tight, _ = act(AdaptiveClipping(last=last), gradients, weights)
        assert all(g.isfinite().all() for g in tight.values())


@pytest.mark.parametrize("limit", [0.01, math.inf])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_adaptive_clipping_hides_no_overflow(bad: float, limit: float) -> None:
    gradients = {"a.weight": torch.tensor([[bad, 1.0], [1.0, 1.0]]), "output.weight": torch.ones(1, 2)}
    new, _ = act(AdaptiveClipping(limit=limit), gradients, gradients)
    assert not new["a.weight"][0].isfinite().all()
    assert new["a.weight"][1].isfinite().all()


def test_with_one_layer_it_says_that_the_last_is_all_there_is() -> None:
    spec = small_runs.make_setting(small_runs.make_split(X, Y), {"name": "linear"}).spec
    assert "last=yes" in (AdaptiveClipping().idle(spec.facts) or "")
    assert AdaptiveClipping(last="yes").idle(spec.facts) is None
    assert AdaptiveClipping().idle(make_contract_setting({}, "series")[0].facts) is None


def test_stacked_runs_are_clipped_each_by_its_own_limit() -> None:
    def clip(regularizer: Regularizer, random: Randomness, x: Tensor) -> Params:
        return act(regularizer, {"a.weight": x, "b.weight": x}, {"a.weight": 0.1 * x, "b.weight": x})[0]

    assert_stacked_equals_alone(AdaptiveClipping(), clip, draw(4, 3, seed=9), limit=(0.01, 2.0, math.inf))
