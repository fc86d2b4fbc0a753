"""A trained model as an ONNX file, checked with onnxruntime before it is kept."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from regbench.data.records import Columns, Floats
from regbench.data.words import TextColumn
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.onnx_graph import Graph, describe_inputs, draw_rows, make_inputs
from regbench.runs.trained_model import TrainedModel
from regbench.store import durable
from regbench.tasks import Task

if TYPE_CHECKING:
    import onnx
    import onnxruntime

METADATA = "regbench"
"""Name of the metadata of an exported model: JSON with its inputs, task, classes and targets."""

CHECKED_ROWS = (1, 200)
TRACED_ROWS = 3
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Exported:
    """An exported model: what its inputs are, and the largest difference from the model it was made of.

    The difference is one of probabilities, or of numbers in deviations of the target, relative to numbers above 1.
    """

    inputs: dict[str, str]
    output: str
    difference: float


def export_onnx(model: TrainedModel, path: Path) -> Exported:
    """Write a model as an ONNX file that takes raw rows, once onnxruntime gives the model's own predictions from it.

    Raises:
        ConfigError: the extra `onnx` is not installed, or the model computes in a type that onnxruntime does not have.
        RegbenchError: onnxruntime's predictions differ by more than 1e-5; nothing was written.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"export needs {error.name}; install the extra: pip install 'regbench[onnx]'") from None
    if model.spec.compute_dtype is not None:
        raise ConfigError("schedule.precision=bfloat16 cannot be exported; onnxruntime does not compute in it")
    if any(isinstance(column, TextColumn) for column in model.preprocessing.columns):
        raise ConfigError("a model of texts cannot be exported; ONNX has no way to count their words as in training")
    graph = _trace(model)
    told = json.dumps(describe_inputs(model.preprocessing), ensure_ascii=False)
    graph.metadata_props.add(key=METADATA, value=told)
    content = graph.SerializeToString()
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each reason, and no common one but this
        raise ConfigError(f"cannot be exported: onnxruntime cannot compute it: {str(error).splitlines()[0]}") from error
    difference = 0.0
    for count in CHECKED_ROWS:
        raw = draw_rows(model.preprocessing, count)
        (found,) = session.run(None, make_inputs(model.preprocessing, raw))
        difference = max(difference, _compare(model, raw, found))
    if not difference <= TOLERANCE:
        raise RegbenchError(
            f"not exported: onnxruntime's predictions differ from the model's by {difference:.1e}; "
            f"{TOLERANCE:g} is allowed"
        )
    durable.replace(path, content)
    return Exported(
        inputs={entry.name: _describe(entry) for entry in session.get_inputs()},
        output=", ".join(f"{entry.name}: {_describe(entry)}" for entry in session.get_outputs()),
        difference=difference,
    )


def _describe(entry: onnxruntime.NodeArg) -> str:
    """Return type and shape, `float64 [N, 3]`."""
    names = {"double": "float64", "float": "float32"}
    kind = entry.type.removeprefix("tensor(").removesuffix(")")
    return f"{names.get(kind, kind)} [{', '.join(map(str, entry.shape))}]"


def _trace(model: TrainedModel) -> onnx.ModelProto:
    """Return the graph of a model for any number of rows."""
    graph = Graph(model).eval()
    given = make_inputs(model.preprocessing, draw_rows(model.preprocessing, TRACED_ROWS))
    tensors = tuple(torch.from_numpy(given[name]) for name in graph.inputs)
    rows = torch.export.Dim("N", min=1)
    try:
        with torch.no_grad(), _silenced():
            program = torch.onnx.export(
                graph,
                tensors,
                dynamo=True,
                verbose=False,
                input_names=list(graph.inputs),
                output_names=["prediction" if model.task == Task.REGRESSION else "probabilities"],
                dynamic_shapes={"tensors": tuple({0: rows} for _ in tensors)},
            )
    except torch.onnx.OnnxExporterError as error:
        raise ConfigError("cannot be exported: the network computes what torch's exporter cannot follow") from error
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    return proto


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep torch's exporter from warning of its own use of torch, and from printing what it could not follow."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _compare(model: TrainedModel, raw: Columns | Floats, found: np.ndarray) -> float:
    """Return the largest difference between onnxruntime's predictions and the model's own."""
    expected = model.finish(model.evaluate_rows(raw)).numpy()
    if model.task != Task.REGRESSION:
        return float(np.abs(found - expected).max())
    mean, scale = (np.array(values) for values in (model.preprocessing.target_mean, model.preprocessing.target_scale))
    shape = (len(expected), len(scale))
    found, expected = found.reshape(shape), expected.reshape(shape)
    centred = np.abs(expected - mean) / scale
    return float((np.abs(found - expected) / scale / np.maximum(centred, 1.0)).max())
