"""The trained network of a run as a `torch.nn.Module` that takes raw rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regbench.data.blocks import refuse_too_large
from regbench.data.preprocessing import Preprocessing
from regbench.data.raw_rows import list_unseen, read_array, read_frame
from regbench.data.records import Columns, Floats
from regbench.errors import ConfigError
from regbench.losses import log_probabilities
from regbench.runs.rebuild import rebuild_networks
from regbench.tasks import Task
from regbench.training.evaluation import predict
from regbench.training.networks import Networks
from regbench.training.spec import TrainingSpec

if TYPE_CHECKING:
    import pandas as pd

RawRows: TypeAlias = "pd.DataFrame | NDArray[Any] | Tensor"
"""A table with the columns of training, or an array `[N, *shape]` in the units in which the data set reads it."""


class PredictionWarning(UserWarning):
    """Something about a prediction that its reader should know."""


class TrainedModel(nn.Module):
    """The best network of a run, or its ensemble, with the preprocessing that was fitted to its training rows.

    Called with raw rows it returns probabilities `[N, C]` of classes or labels, or numbers in the target's own unit
    (float64): `[N]`, or `[N, K]` for several targets. It computes as the run's own evaluation did, whether in training
    mode or not: dropout and noise are off, norms use their running statistics, an ensemble's members are combined.
    Parameters and buffers have the names of `best.safetensors`, an ensemble's with an axis of its members in front;
    gradients are off until they are asked for.
    """

    def __init__(self, spec: TrainingSpec, preprocessing: Preprocessing, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.spec, self.preprocessing = spec, preprocessing
        self._names = tuple(weights)
        buffers = spec.network.initial_buffers(spec.dtype)
        for name, tensor in weights.items():
            _register(self, name, tensor, trained=name not in buffers)
        self.eval()

    @property
    def task(self) -> str:
        """`classification`, `regression` or `multilabel`."""
        return self.preprocessing.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities; empty for other tasks."""
        return self.preprocessing.classes

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the labels, or of several numbers that are predicted, in order; empty for a single target."""
        return self.preprocessing.outputs

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that a table must have; empty for series and images."""
        return tuple(column.name for column in self.preprocessing.columns)

    def forward(self, rows: RawRows) -> Tensor:
        """Return probabilities `[N, C]`, or numbers `[N]` or `[N, K]` in the targets' own units.

        Raises:
            ConfigError: the rows are not like those of training; the line names column, row and cell.
        """
        return self.finish(self.outputs(rows))

    def predict(self, rows: RawRows, where: str = "rows") -> pd.DataFrame:
        """Return a table with one row for each row.

        Its columns are `class` and `probability_<class>`; `prediction`, or `prediction_<target>` for several targets;
        for labels `prediction_<label>`, 1 where the probability is above 0.5, and `probability_<label>`. Its index is
        that of the rows, so that it can be joined to them. Names of classes are texts.

        Args:
            rows: as for a call.
            where: what messages call the rows.

        Raises:
            ConfigError: the rows are not like those of training.
        """
        import pandas as pd

        with torch.no_grad():
            values = self.finish(self.outputs(rows, where)).cpu().numpy()
        index = rows.index if isinstance(rows, pd.DataFrame) else None
        predictions = [f"prediction_{name}" for name in self.targets]
        if self.task == Task.REGRESSION:
            return pd.DataFrame(values, columns=predictions or ["prediction"], index=index)
        names = self.classes or self.targets
        table = pd.DataFrame(values, columns=[f"probability_{name}" for name in names], index=index)
        if self.task == Task.CLASSIFICATION:
            table.insert(0, "class", np.array(self.classes)[values.argmax(1)])
            return table
        held = pd.DataFrame((values > 0.5).astype(np.int64), columns=predictions, index=index)
        return pd.concat([held, table], axis=1)

    def outputs(self, rows: RawRows, where: str = "rows") -> Tensor:
        """Return what evaluation measures, `[N, C]`: log-probabilities, logits of labels, or standardised numbers.

        Raises:
            ConfigError: the rows are not like those of training.
        """
        return self.evaluate_rows(self.read(rows, where), where)

    def evaluate_rows(self, raw: Columns | Floats, where: str = "rows") -> Tensor:
        """Return what `outputs` does, for rows that are read already."""
        x = self.preprocessing.apply(raw)
        refuse_too_large(x, self.preprocessing.features, where)
        networks = self.networks()
        outputs = predict(networks, torch.tensor(x).to(networks.flat))[0]
        return log_probabilities(outputs) if self.task == Task.CLASSIFICATION else outputs

    def finish(self, outputs: Tensor) -> Tensor:
        """Return probabilities, or numbers in the targets' own units, from what `outputs` returns."""
        if self.task == Task.CLASSIFICATION:
            return outputs.exp()
        if self.task == Task.MULTILABEL:
            return outputs.sigmoid()
        fitted = self.preprocessing
        mean, scale = (torch.tensor(v, dtype=torch.float64) for v in (fitted.target_mean, fitted.target_scale))
        numbers = outputs.to(torch.float64) * scale + mean
        return numbers if self.targets else numbers[:, 0]

    def read(self, rows: RawRows, where: str) -> Columns | Floats:
        """Return raw rows as columns or as an array, and warn of names that no training row had."""
        import pandas as pd

        fitted = self.preprocessing
        if isinstance(rows, pd.DataFrame) and fitted.columns:
            columns = read_frame(rows, fitted, where)
            for line in list_unseen(columns, fitted):
                warnings.warn(f"{where}: {line}", PredictionWarning, stacklevel=2)
            return columns
        if isinstance(rows, (np.ndarray, Tensor)) and fitted.takes_arrays:
            return read_array(np.asarray(rows), fitted, where)
        if fitted.takes_arrays:
            sizes = ", ".join(map(str, fitted.shape))
            raise ConfigError(f"{where}: a {type(rows).__name__}; the model takes an array [N, {sizes}]")
        raise ConfigError(
            f"{where}: a {type(rows).__name__}; the model takes a pandas DataFrame with the columns of training"
        )

    def networks(self) -> Networks:
        """Return the networks with their present weights, as evaluation takes them."""
        tensors = self.state_dict(keep_vars=True)
        return rebuild_networks(self.spec, {name: tensors[name] for name in self._names})

    def extra_repr(self) -> str:
        """Say what goes in and what comes out."""
        rows = f"{len(self.features)} columns" if self.features else f"rows {self.preprocessing.shape}"
        return f"{rows} -> {', '.join(self.classes or self.targets) or 'a number'}"


def _register(module: nn.Module, name: str, tensor: Tensor, *, trained: bool) -> None:
    """Give a module a parameter or buffer under a dotted name, making the modules in between."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(module, part):
            module.add_module(part, nn.Module())
        module = module.get_submodule(part)
    if trained:
        module.register_parameter(last, nn.Parameter(tensor, requires_grad=False))
    else:
        module.register_buffer(last, tensor)
