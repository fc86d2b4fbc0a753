"""The computation of a trained model as one graph of tensors: preprocessing, networks, and the target's own unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regbench.data.encoding import CategoryColumn, NumberColumn
from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Categorical, Columns, Floats, Numeric
from regbench.losses import log_probabilities
from regbench.runs.rebuild import predict_in_one_pass, split_members
from regbench.runs.trained_model import TrainedModel
from regbench.tasks import Task

NUMBERS, CATEGORIES, ROWS = "numbers", "categories", "rows"
MISSING_SHARE, UNSEEN = 0.1, "(unseen)"
UNITS = {
    "number": "as in training",
    "truth": "0 and 1",
    "date": "days since 1970-01-01, universal time",
    "duration": "days",
}


class Graph(nn.Module):
    """A trained model that takes tensors, for export.

    Inputs, of N rows: `rows` float64 `[N, *shape]` for arrays; for a table `numbers` float64 `[N, columns]`, NaN where
    a value is missing, and `categories` int64 `[N, columns]`, numbers of levels. Output: probabilities `[N, C]`, or
    numbers in the target's own unit, float64 `[N]`, or `[N, K]` for several targets.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.fitted = model.preprocessing
        self.inputs = input_names(model.preprocessing)
        self.finish = model.finish
        self.networks = split_members(model.networks())

    def forward(self, *tensors: Tensor) -> Tensor:
        """Return the output for inputs in the order of `inputs`."""
        x = self._scale(self._encode(dict(zip(self.inputs, tensors, strict=True))))
        outputs = predict_in_one_pass(self.networks, x.to(self.networks[0].flat.dtype))
        return self.finish(log_probabilities(outputs) if self.fitted.task == Task.CLASSIFICATION else outputs)

    def _encode(self, given: dict[str, Tensor]) -> Tensor:
        """Return the columns in the order of training, missing numbers filled and levels marked, `[N, *shape]`."""
        if ROWS in given:
            return given[ROWS]
        blocks = []
        numbers = iter(given[NUMBERS].unbind(1) if NUMBERS in given else ())
        codes = iter(given[CATEGORIES].unbind(1) if CATEGORIES in given else ())
        for column in self.fitted.columns:
            if isinstance(column, NumberColumn):
                values = next(numbers)
                blocks.append(torch.where(values.isnan(), column.fill or 0.0, values).unsqueeze(1))
            else:
                marks = next(codes).unsqueeze(1) == torch.arange(len(column.features))
                blocks.append(marks.to(torch.float64))
        return torch.cat(blocks, 1)

    def _scale(self, x: Tensor) -> Tensor:
        if not self.fitted.mean:
            return x
        along = (1, -1, *(1,) * (x.ndim - 2))
        mean, deviation = (
            torch.tensor(values, dtype=torch.float64).view(along)
            for values in (self.fitted.mean, self.fitted.deviation)
        )
        constant = deviation == 0.0
        return torch.where(constant, 0.0, (x - mean) / torch.where(constant, 1.0, deviation))


def input_names(fitted: Preprocessing) -> tuple[str, ...]:
    """Return the names of a graph's inputs."""
    if fitted.takes_arrays:
        return (ROWS,)
    kinds = {NUMBERS if isinstance(column, NumberColumn) else CATEGORIES for column in fitted.columns}
    return tuple(name for name in (NUMBERS, CATEGORIES) if name in kinds)


def make_inputs(fitted: Preprocessing, raw: Columns | Floats) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    """Return raw rows as the inputs of a graph."""
    if isinstance(raw, np.ndarray):
        return {ROWS: raw}
    pairs = list(zip(fitted.columns, raw, strict=True))
    numbers = [column.values for _, column in pairs if isinstance(column, Numeric)]
    codes = [
        encoding.find_levels(column)
        for encoding, column in pairs
        if isinstance(encoding, CategoryColumn) and isinstance(column, Categorical)
    ]
    inputs: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    if numbers:
        inputs[NUMBERS] = np.stack(numbers, 1)
    if codes:
        inputs[CATEGORIES] = np.stack(codes, 1)
    return inputs


def draw_rows(fitted: Preprocessing, count: int) -> Columns | Floats:
    """Draw raw rows about as large as those of training, with missing values and unseen levels among them."""
    random = np.random.default_rng(0)
    if fitted.takes_arrays:
        x = random.standard_normal((count, *fitted.shape))
        along = (1, -1, *(1,) * (x.ndim - 2))
        drawn: Floats = x * np.reshape(fitted.deviation or 1.0, along) + np.reshape(fitted.mean or 0.0, along)
        return drawn
    columns: list[Numeric | Categorical] = []
    place = 0
    for column in fitted.columns:
        if isinstance(column, NumberColumn):
            middle = column.fill or 0.0
            spread = fitted.deviation[place] if fitted.deviation else abs(middle) or 1.0
            values = middle + spread * random.standard_normal(count)
            columns.append(Numeric(column.name, np.where(random.random(count) < MISSING_SHARE, np.nan, values)))
        elif isinstance(column, CategoryColumn):
            levels = (*column.levels, UNSEEN)
            columns.append(Categorical(column.name, random.integers(-1, len(levels), count), levels))
        place += len(column.features)
    return tuple(columns)


def describe_inputs(fitted: Preprocessing) -> dict[str, Any]:
    """Return what a person who feeds the graph must know: order, kind and levels of columns, names of outputs."""
    if fitted.takes_arrays:
        inputs: dict[str, Any] = {ROWS: {"shape": list(fitted.shape), "columns": list(fitted.features)}}
    else:
        numbers = [column for column in fitted.columns if isinstance(column, NumberColumn)]
        categories = [column for column in fitted.columns if isinstance(column, CategoryColumn)]
        inputs = {
            NUMBERS: [{"column": c.name, "unit": UNITS[c.kind], "missing": "NaN"} for c in numbers],
            CATEGORIES: [
                {"column": c.name, "levels": list(c.levels), "missing": len(c.levels) if c.missing else -1, "other": -1}
                for c in categories
            ],
        }
    return {"task": fitted.task, "inputs": inputs, "classes": list(fitted.classes), "targets": list(fitted.outputs)}
