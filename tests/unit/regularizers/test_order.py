"""The order in which techniques act: by name, but behind those they declare to act after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer
from regbench.regularizers.registry import build_techniques, order_techniques
from tests.contract.conftest import fitting_setting, train


@dataclass(frozen=True, kw_only=True)
class Chicken(Regularizer):
    """Comes after the egg."""

    after: ClassVar[tuple[str, ...]] = ("egg",)


@dataclass(frozen=True, kw_only=True)
class Egg(Regularizer):
    """Comes after the chicken."""

    after: ClassVar[tuple[str, ...]] = ("chicken",)


@pytest.mark.parametrize("names", [["l2", "max_norm", "weight_decay"], ["weight_decay", "max_norm", "l2"]])
def test_the_order_of_the_list_plays_no_part_and_projections_come_last(names: list[str]) -> None:
    assert list(build_techniques({name: {} for name in names})) == ["l2", "weight_decay", "max_norm"]


def test_noise_is_added_before_weights_are_dropped_and_rows_are_made_before_they_are_drawn() -> None:
    assert list(build_techniques({"dropconnect": {}, "weight_noise": {}})) == ["weight_noise", "dropconnect"]
    assert list(build_techniques({"bagging": {}, "smote": {}})) == ["smote", "bagging"]


def test_a_circle_is_refused() -> None:
    with pytest.raises(ConfigError, match="chicken, egg"):
        order_techniques({"egg": Egg(), "chicken": Chicken()})


def test_max_norm_holds_after_each_update_beside_weight_decay() -> None:
    members = build_techniques({"max_norm": {"radius": 0.3}, "weight_decay": {"strength": 0.1}})
    plan, data = fitting_setting(members, optimizer={"name": "sgd"})
    sink = train(plan, data, [members], [0], [5.0])[0]
    for name, weight in sink.best.items():
        if name.endswith(".weight"):
            assert torch.linalg.vector_norm(weight, dim=1).max() <= 0.3 * (1 + 1e-6)


def test_a_confident_error_of_every_member_has_a_finite_loss() -> None:
    bagging = build_techniques({"bagging": {"members": 2}})["bagging"]
    logits = torch.tensor([[[200.0, 0.0]], [[190.0, 0.0]]])
    combined = bagging.combine(logits.log_softmax(-1), "classification")
    # log((e^-200 + e^-190) / 2) = -190 - log 2 + log(1 + e^-10)
    assert combined[0, 1].item() == pytest.approx(-190.0 - 0.693147 + 4.54e-5, abs=1e-4)
