"""Which cuts of the data can be stacked."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import regbench.regularizers
from regbench.regularizers.base import Context, Regularizer, Rows
from regbench.training.stackable import can_stack_cuts, describe_cut
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split

BEFORE_THE_STEPS = {"check", "idle", "note", "training_data"}
"""Methods that are asked of each cut by itself."""


@dataclass(frozen=True, kw_only=True)
class Installed(Regularizer):
    """Asks for the rows of a class inside a step, as an installed regularizer may."""

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        return batch._replace(weight=batch.weight * ctx.facts.class_counts[0])


def cut(regularizers: dict[str, Any] | None = None, shift: int = 0, model: str = "linear", most: int = 0) -> Setting:
    """A cut: `shift` exchanges the classes and moves the inputs, `most` rows go over to the first class."""
    x, y = draw_classes(100, (3,))
    y = np.where(np.arange(100) < most, 0, (y + shift) % 3)
    split = make_split(x + shift, y, val=20, test=20)
    name = {"name": model, **({"basis": "orthogonal", "degree": 3} if model == "polynomial" else {})}
    return make_setting(split, name, regularizers or {}, epochs=2, batch_size=8)


def stacked(one: Setting, other: Setting) -> bool:
    return can_stack_cuts((one.spec, one.data), (other.spec, other.data))


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("regularizers", [{}, {"mixup": {}}, {"bagging": {}}, {"balanced_batches": {}}, {"smote": {}}])
def test_the_rows_of_each_class_may_differ(regularizers: dict[str, Any]) -> None:
    one, other = cut(regularizers), cut(regularizers, shift=1)
    assert one.spec.facts.class_counts != other.spec.facts.class_counts
    assert stacked(one, other)
    assert describe_cut(one.spec, one.data).left == (69 if "smote" in regularizers else 60)


def test_not_where_an_installed_regularizer_may_ask_for_them() -> None:
    one, other = cut({"own": Installed()}), cut({"own": Installed()}, shift=1)
    assert not stacked(one, other)
    assert stacked(one, cut({"own": Installed()}))


def test_as_many_rows_must_be_left() -> None:
    assert stacked(cut({"mixup": {}}), cut({"mixup": {}}, most=30))
    assert not stacked(cut({"smote": {}}), cut({"smote": {}}, most=30))
    enn = {"resampling": {"form": "enn"}}
    assert not stacked(cut(enn), cut(enn, most=30))


def test_a_basis_fitted_to_one_cut_is_no_basis_of_another() -> None:
    assert stacked(cut(model="polynomial"), cut(model="polynomial"))
    assert not stacked(cut(model="polynomial"), cut(model="polynomial", shift=1))


def test_shapes_must_agree() -> None:
    one = cut()
    short = replace(one, data=replace(one.data, rows=type(one.data.rows)(*(part[:50] for part in one.data.rows))))
    ends = replace(one, data=replace(one.data, watched_ends=[10, 40]))
    assert not stacked(one, short)
    assert not stacked(one, ends)


def test_no_shipped_regularizer_asks_for_the_rows_of_a_class_inside_a_step() -> None:
    folder = Path(regbench.regularizers.__file__).parent
    asking = {
        (path.name, function.name)
        for path in folder.glob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(node, ast.Attribute) and node.attr == "class_counts" for node in ast.walk(function))
    }
    assert ("smote.py", "check") in asking
    assert {name for _, name in asking} <= BEFORE_THE_STEPS
