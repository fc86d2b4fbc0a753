"""What every regularizer and model keeps on a device: all numbers lie there, and Python asks for none of them.

No GPU is needed: the device is torch's `meta`, on which a tensor has a shape and no numbers. An operation between it
and the processor is refused by torch at the line that asks for it, and so is reading a number. `meta` lets some pass
(products, rows looked up by number, of tensors on the processor): every function that is called is watched for those.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim.sgd import sgd
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from regbench.errors import ConfigError
from regbench.metrics import list_metrics
from regbench.models import registry as models
from regbench.models.base import DataShape
from regbench.regularizers import registry
from regbench.regularizers.base import Moment, Regularizer
from regbench.schedules import optimizers
from regbench.schedules.optimizers import OPTIMIZERS
from regbench.tasks import Task
from regbench.training.cohort import Cohort
from regbench.training.cohort_run import make_run
from regbench.training.evaluation import measure_rows, predict
from regbench.training.measuring import Measured, describe_weights
from regbench.training.ordering import order_rows
from regbench.training.spec import TrainingSpec, make_spec
from regbench.training.stacked_runs import stack_runs
from regbench.training.timing import NoSink
from regbench.training.train_step import gradients_of, train_step
from regbench.training.training_set import TrainingSet
from regbench.training.watched import Shared, measure_watched, share_cuts, watch
from tests.contract.conftest import SHAPES, TASKS, make_setting, make_split
from tests.contract.test_regularizers import VARIANTS, spread

META = torch.device("meta")
NAMES = ("none", *registry.names())
COPY = {"to"}
"""Functions that may be given a tensor of the processor: they move it."""


class Watch(TorchFunctionMode):
    """Takes down, with the line, every function that is given or makes a tensor elsewhere than on the device."""

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: list[str] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        done = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", str(func))
        seen = done if name in COPY else (args, kwargs, done)
        if name != "__get__" and any(isinstance(t, Tensor) and t.device != META for t in tree_leaves(seen)):
            self.elsewhere.append(f"{name} at {find_line()}")
        return done


def find_line() -> str:
    """Return the innermost line of regbench that is running."""
    frames = [frame for frame in traceback.extract_stack() if "/regbench/" in frame.filename]
    own = [frame for frame in frames if "/tests/" not in frame.filename]
    return f"{own[-1].filename.rpartition('/regbench/')[2]}:{own[-1].lineno}" if own else "the test"


def on_meta(spec: TrainingSpec, data: TrainingSet, members: list[dict[str, Regularizer]]) -> Cohort:
    """Return a cohort as it is built for the device: what its regularizers do before the first step is watched too."""
    spec = replace(spec, device=META)
    runs = [make_run(replace(spec, regularizers=own), seed, NoSink()) for seed, own in enumerate(members)]
    return stack_runs(spec, runs, [data])


def assert_all_there(cohort: Cohort, data: TrainingSet) -> None:
    """Require that whole steps and the evaluation of a cohort take place on the device."""
    spec = cohort.spec
    chosen = torch.zeros((cohort.size, 16), dtype=torch.int64, device=META)
    watched = watch([data], META)
    measured = Measured(spec)
    with Watch() as watching, torch.no_grad():
        for update in (0, 5):  # in the middle of training too, where ramps rise
            moment = Moment(1, update, update, last_of_epoch=True, updates=10)
            gradients_of(cohort, cohort.now(chosen, moment))
            measured.take(train_step(cohort, chosen, moment, cohort.optimizer_hypers["lr"]), cohort.alive)
        orders = order_rows(cohort, moment)
        evaluated = cohort.evaluated(moment)
        parts = measure_watched(evaluated, watched, share_cuts(spec, cohort.rows.cuts, cohort.size))
        outputs = predict(evaluated, watched.sets[0].x)
        ends = [len(watched.sets[0].x)]
        parts += measure_rows(spec, outputs, watched.sets[0], ends, list_metrics(spec.facts.task))  # as at the end
        weights = describe_weights(cohort, evaluated, cohort.flat.clone())
    assert watching.elsewhere == []
    everything = (cohort.flat, cohort.buffers, cohort.states, orders, parts, weights, measured.columns())
    assert {leaf.device for leaf in tree_leaves(everything)} == {META}


def cases() -> Iterator[tuple[str, str, str]]:
    for name in NAMES:
        for layout in SHAPES:
            for task in TASKS if layout == "table" else TASKS[:1]:
                yield name, layout, task


def members_of(name: str, count: int) -> list[dict[str, Regularizer]]:
    if name == "none":
        return [{}] * count
    return [{name: regularizer} for regularizer in spread(registry.load(name), count)]


def check(members: list[dict[str, Regularizer]], layout: str = "table", task: str = TASKS[0], **schedule: Any) -> None:
    """Check the placement of a cohort; a combination that is refused anyway is skipped."""
    try:
        spec, data = make_setting(members[0], layout, task, **schedule)
        cohort = on_meta(spec, data, members)
    except ConfigError:
        pytest.skip("does not fit these data")
    assert_all_there(cohort, data)


@pytest.mark.matrix(cases=48)
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize(("name", "layout", "task"), list(cases()))
def test_steps_and_evaluation_of_every_regularizer_take_place_on_the_device(
    name: str, layout: str, task: str, runs: int
) -> None:
    check(members_of(name, runs), layout, task)


@pytest.mark.matrix(cases=20)
@pytest.mark.parametrize(("name", "field", "option"), VARIANTS)
def test_every_variant_takes_place_on_the_device(name: str, field: str, option: str) -> None:
    runs = 1 if registry.load(name)(**{field: option}).alone() else 3
    members = [{name: own} for own in spread(registry.load(name), runs, **{field: option})]
    if name == "elastic_net" and option == "zou_hastie":
        check(members, "plain", "regression")  # it fits nothing else
    else:
        check(members)


@pytest.mark.parametrize("name", ["dropout", "input_noise", "l1", "ema", "mixup"])
def test_what_rises_and_half_precision_take_place_on_the_device(name: str) -> None:
    field = {"l1": "strength", "dropout": "rate", "input_noise": "strength", "mixup": "alpha"}.get(name)
    ramp = {} if field is None else {name: {field: {"shape": "linear"}}}
    check(members_of(name, 3), ramp=ramp, precision="bfloat16")


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_takes_place_on_the_device(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    # Of torch's fused steps, that of SGD cannot be asked for on `meta`: the same one by one takes its place.
    one_by_one = {"fused": False, "foreach": False}
    monkeypatch.setattr(optimizers, "sgd", lambda *given, **named: sgd(*given, **{**named, **one_by_one}))
    momentum = {"sgd": {"momentum": 0.9, "nesterov": True}, "rmsprop": {"momentum": 0.9}}.get(name, {})
    check(members_of("elastic_net", 3), optimizer={"name": name, **momentum})


MODELS = [
    {"name": "linear"},
    {"name": "polynomial"},
    {"name": "polynomial", "degree": 3, "basis": "orthogonal"},
    *({"name": "mlp", "activation": activation} for activation in ("tanh", "gelu", "selu")),
]


@pytest.mark.parametrize("values", MODELS, ids=lambda values: "-".join(map(str, values.values())))
def test_every_model_takes_place_on_the_device(values: dict[str, Any]) -> None:
    spec, data = make_setting({})
    x = make_split().train.x
    network = models.build_model(values).build(DataShape(Task.CLASSIFICATION, "table", x.shape[1:], 3, x))
    spec = make_spec(network, {}, spec.schedule, replace(spec.facts, sites=network.sites))
    assert_all_there(on_meta(spec, data, [{}] * 3), data)


def test_no_model_is_left_out() -> None:
    assert {"mlp", "conv1d", "cnn", "linear", "polynomial"} == set(models.names())


def test_runs_of_several_cuts_are_trained_and_measured_on_the_device() -> None:
    members = members_of("dropout", 3)
    spec, data = make_setting(members[0])
    spec = replace(spec, device=META)
    runs = [replace(make_run(spec, seed, NoSink()), cut=seed % 2) for seed in range(3)]
    cohort = stack_runs(spec, runs, [data, data])
    shared = Shared(torch.empty(3, dtype=torch.int64, device=META), torch.empty(3, dtype=torch.int64, device=META), {})
    shared = replace(shared, runs={cut: torch.empty(2 - cut, dtype=torch.int64, device=META) for cut in (0, 1)})
    watched = watch([data, data], META)
    with Watch() as watching, torch.no_grad():
        now = cohort.now(torch.empty((3, 16), dtype=torch.int64, device=META), Moment(1, 0, 0, True, 10))
        gradients_of(cohort, now)
        measure_watched(cohort.evaluated(now.moment), watched, shared)
    assert watching.elsewhere == []


SLIPS: dict[str, Callable[[Tensor], object]] = {
    "a constructor without device": lambda x: torch.arange(3),
    "a number made a tensor": lambda x: x * torch.as_tensor(0.5),
    "a product": lambda x: x @ torch.ones(4, 2),
    "rows by number": lambda x: x[torch.tensor([0, 1])],
    "rows selected": lambda x: x.index_select(0, torch.tensor([0, 1])),
    "what NumPy made": lambda x: x.mm(torch.from_numpy(np.ones((4, 2), np.float32))),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_the_watch_sees_what_torch_lets_pass(slip: str) -> None:
    with Watch() as watching:
        SLIPS[slip](torch.empty(4, 4, device=META))
    assert watching.elsewhere


READS: dict[str, Callable[[Tensor], object]] = {
    "item": lambda x: x.sum().item(),
    "tolist": lambda x: x.tolist(),
    "if": lambda x: bool((x > 0).all()),
    "numpy": lambda x: x.numpy(),
    "float": lambda x: float(x[0, 0]),
    "mask": lambda x: x[x > 0],
    "nonzero": lambda x: x.nonzero(),
    "with the processor": lambda x: x + torch.ones(4, 4),
}


@pytest.mark.parametrize("read", READS)
def test_torch_refuses_to_read_numbers_of_the_device(read: str) -> None:
    with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
        READS[read](torch.empty(4, 4, device=META))
