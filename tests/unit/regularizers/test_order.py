"""The order in which regularizers act: by the ranks that they declare at each stage, within a rank by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, ClassVar

import pytest
import torch

from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Params, Regularizer, Rows
from regbench.regularizers.cutout import Cutout
from regbench.regularizers.gradient_clipping import GradientClipping
from regbench.regularizers.gradient_noise import GradientNoise
from regbench.regularizers.input_noise import InputNoise
from regbench.regularizers.mixup import Mixup
from regbench.regularizers.registry import build_regularizers
from regbench.regularizers.stages import (
    RANKS,
    STAGES,
    Stages,
    arrange,
    describe_order,
    describe_shared,
    names_of,
    rank_of,
)
from tests.contract.conftest import fitting_setting, train
from tests.unit.regularizers.stacked import make_context, make_facts, make_rows


def order_at(method: str, *names: str) -> list[str]:
    """Return the order of shipped regularizers at a stage, which the order in which they are selected cannot change."""
    orders = {
        tuple(names_of(arrange({name: build_regularizers({name: {}})[name] for name in selected})[method]))
        for selected in permutations(names)
    }
    (order,) = orders
    return list(order)


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("training_data", ["smote", "bagging"]),
        ("batch", ["label_smoothing", "mixup", "input_noise", "cutout"]),
        ("forward_weights", ["weight_standardization", "weight_noise", "dropconnect"]),
        ("activations", ["activation_noise", "dropout"]),
        ("gradients", ["gradient_clipping", "gradient_noise"]),
        ("after_update", ["weight_decay", "l1", "max_norm"]),
        ("after_update", ["weight_decay", "elastic_net", "max_norm"]),
        ("after_update", ["weight_decay", "l1", "initial_distance", "non_negative", "unit_norm"]),
        ("averaged", ["ema", "elastic_net", "weight_standardization"]),
    ],
)
def test_shipped_regularizers_act_in_this_order(method: str, names: list[str]) -> None:
    assert order_at(method, *names) == names


def through_batch(regularizers: Mapping[str, Regularizer], batch: Rows) -> Rows:
    """Return what a batch becomes, each regularizer with the random numbers of its own name."""
    for name, regularizer in arrange(regularizers)["batch"]:
        batch = regularizer.batch(batch, make_context(Randomness(3).at(name)))
    return batch


def test_noise_is_added_before_a_part_is_hidden_which_stays_exactly_zero() -> None:
    batch = make_rows(64, 12)._replace(x=torch.ones(64, 12))
    noise, hole = InputNoise(strength=0.3), Cutout(fraction=0.5)
    x = through_batch({"cutout": hole, "input_noise": noise}, batch).x
    hidden = hole.batch(batch, make_context(Randomness(3).at("cutout"))).x == 0
    assert hidden.any(1).all()
    assert (x[hidden] == 0).all()
    assert (x[~hidden] != 1).all(), "all that is seen is noisy"


def test_rows_are_mixed_before_noise_is_added() -> None:
    batch = make_rows(64, 12)
    mix, noise = Mixup(alpha=1.0), InputNoise(strength=0.3)
    mixed = mix.batch(batch, make_context(Randomness(3).at("mixup")))
    expected = noise.batch(mixed, make_context(Randomness(3).at("input_noise")))
    found = through_batch({"input_noise": noise, "mixup": mix}, batch)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(found, expected, strict=True))
    # Noise that is mixed as well would be weaker: λ n_i + (1 − λ) n_j has the variance λ² + (1 − λ)² times as large.
    assert (found.x - mixed.x).std().item() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_the_gradient_is_clipped_before_noise_is_added_whatever_the_names(names: tuple[str, str]) -> None:
    clipping, noise = names
    stages = arrange({clipping: GradientClipping(limit=0.5), noise: GradientNoise(eta=1.0)})
    gradients: Params = {"a.weight": torch.ones(40, 50)}
    for _, regularizer in stages["gradients"]:
        gradients = regularizer.gradients(gradients, gradients, make_context())
    assert gradients["a.weight"].norm().item() > 10.0, "clipped noise would have the norm 0.5"


def test_weights_decay_then_shrink_and_are_projected_last() -> None:
    members = build_regularizers(
        {"max_norm": {"radius": 0.3}, "weight_decay": {"strength": 0.1}, "l1": {"strength": 1e-3}}
    )
    spec, data = fitting_setting(members, optimizer={"name": "sgd"})
    sink = train(spec, data, [members], [0], [5.0])[0]
    for name, weight in sink.best.items():
        if name.endswith(".weight"):
            assert torch.linalg.vector_norm(weight, dim=1).max() <= 0.3 * (1 + 1e-6)
            assert (weight == 0).any(), "a decay after the shrinkage would leave no exact zero"


@dataclass(frozen=True, kw_only=True)
class Labelled(Regularizer):
    """Acts on the gradients at the rank of its class."""

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        """Return them."""
        return gradients


@dataclass(frozen=True, kw_only=True)
class Centre(Labelled):
    """Acts first."""

    ranks: ClassVar[Mapping[str, str]] = {"gradients": "centralise"}


@dataclass(frozen=True, kw_only=True)
class Misnamed(Labelled):
    """Names a rank of another stage."""

    ranks: ClassVar[Mapping[str, str]] = {"gradients": "project"}


def stages_of_toys(**regularizers: Regularizer) -> Stages:
    return arrange(regularizers)


def test_within_a_rank_the_order_is_that_of_names_and_without_a_rank_it_is_the_last() -> None:
    stages = stages_of_toys(z=Centre(), c=Labelled(), y=GradientClipping(), b=Centre(), a=Labelled())
    assert names_of(stages["gradients"]) == ["b", "z", "y", "a", "c"]
    assert rank_of(Labelled(), "gradients") == rank_of(Labelled, "gradients") == len(RANKS["gradients"]) - 1


def test_a_rank_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"^Misnamed\.ranks: gradients has no rank 'project'; it has .*$") as refusal:
        stages_of_toys(misnamed=Misnamed())
    assert "\n" not in str(refusal.value)
    assert all(rank in str(refusal.value) for rank in RANKS["gradients"])


def test_ranks_belong_to_stages_or_to_the_averaging() -> None:
    assert set(RANKS) <= {*STAGES, "averaged"}


def test_the_order_is_described_by_stage_in_the_order_of_the_stages() -> None:
    settings: dict[str, dict[str, Any]] = {name: {} for name in ("max_norm", "weight_decay", "dropout", "l2")}
    assert describe_order(arrange(build_regularizers(settings))) == [
        {"stage": "activations", "regularizers": ["dropout"]},
        {"stage": "penalty", "regularizers": ["l2"]},
        {"stage": "after the update", "regularizers": ["weight_decay", "max_norm"]},
    ]


def test_a_confident_error_of_every_member_has_a_finite_loss() -> None:
    bagging = build_regularizers({"bagging": {"members": 2}})["bagging"]
    logits = torch.tensor([[[200.0, 0.0]], [[190.0, 0.0]]])
    combined = bagging.combine(logits.log_softmax(-1), make_facts())
    # log((e^-200 + e^-190) / 2) = -190 - log 2 + log(1 + e^-10)
    assert combined[0, 1].item() == pytest.approx(-190.0 - 0.693147 + 4.54e-5, abs=1e-4)


def test_only_stages_in_which_several_act_and_order_matters_are_told() -> None:
    names = ("cutout", "mixup", "l2", "l1", "dropout")
    stages = arrange(build_regularizers({name: {"name": name} for name in names}))
    assert describe_shared(stages) == ("batch: mixup, cutout",)
