"""The folder of a complete run, read back as the model that it trained."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, RegbenchError, escape
from regbench.runs.fitted import read_fitted
from regbench.runs.prepare import build_records
from regbench.runs.provenance import describe_origin
from regbench.runs.rebuild import order_weights, rebuild_spec
from regbench.runs.reuse import PresentOrigins, StaleRunError, judge_code
from regbench.runs.saved_config import read_config
from regbench.runs.trained_model import PredictionWarning, TrainedModel
from regbench.schedules.ramps import ramp_regularizers
from regbench.statuses import RunState, read_state
from regbench.store.checkpoint import CheckpointError, read_checkpoint
from regbench.store.run_files import read_run
from regbench.training.spec import TrainingSpec


def load_model(folder: str | Path) -> TrainedModel:
    """Return the network that a run trained, with its best weights; the data it was trained on are not needed.

    Args:
        folder: the folder of a complete run, `runs/NAME/RUN`.

    Raises:
        ConfigError: this is not the folder of a complete run, or of one that an earlier version trained.
        RegbenchError: a file of it is damaged.
    """
    path = Path(folder)
    result = _read_result(path)
    config = read_config(path)
    _check_code(path, config)
    return restore_model(path, config, result)


def restore_model(path: Path, config: RunConfig, result: Mapping[str, Any]) -> TrainedModel:
    """Return what `load_model` does for a complete run whose configuration is known, and its code the present one.

    Raises:
        RegbenchError: a file of it is damaged.
    """
    records = build_records(config)
    fitted = read_fitted(path, with_inputs=records.model.reads_inputs)
    best = read_checkpoint(path / "checkpoint" / "best.safetensors")
    if best.facts.get("config_hash") != config.config_hash():
        raise CheckpointError(f"{path}: config.yaml is not the one that the weights were trained with; put it back")
    spec = _as_of(rebuild_spec(records, fitted), result)
    if read_state(result["status"]) == RunState.DIVERGED:
        epoch = result.get("best_epoch")
        told = f"{path}: the run diverged; these are its weights of epoch {epoch}"
        warnings.warn(told, PredictionWarning, stacklevel=2)
    return TrainedModel(spec, fitted.preprocessing, order_weights(spec, best.tensors))


def _check_code(path: Path, config: RunConfig) -> None:
    """Refuse weights whose model or regularizers have other code now: what they predict would be another's.

    Raises:
        StaleRunError: the code has changed since.
    """
    stale = judge_code(config, describe_origin(read_run(path / "run.json") or {}), PresentOrigins())
    if stale is not None:
        raise StaleRunError(f"{escape(str(path))} was {stale}; put the code back, or train again with resume=fresh")


def _as_of(spec: TrainingSpec, result: Mapping[str, Any]) -> TrainingSpec:
    """Return the specification with its ramped hyper-parameters as they were at the run's best epoch."""
    schedule = spec.schedule
    progress = float(result.get("best_epoch") or 0) / schedule.epochs
    regularizers = ramp_regularizers(spec.regularizers, schedule.ramp, progress)
    return replace(spec, regularizers=regularizers, schedule=replace(schedule, ramp={}))


def _read_result(path: Path) -> dict[str, Any]:
    """Return the result of a complete run, or refuse what is not the folder of one."""
    shown = escape(str(path))
    try:
        if not path.is_dir():
            raise ConfigError(f"{shown} {'is a file' if path.exists() else 'does not exist'}; name the folder of a run")
        if not (path / "config.yaml").exists():
            runs = [run for run in sorted(path.iterdir()) if (run / "config.yaml").exists()]
            if runs:
                raise ConfigError(f"{shown} is the folder of several runs; name one, such as {escape(str(runs[0]))}")
            raise ConfigError(f"{shown} is not the folder of a run; name one, runs/NAME/RUN")
        result = json.loads((path / "result.json").read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{shown}: the run is not complete; give its command again") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{shown} cannot be read: {error}") from error
    if not isinstance(result, dict) or not (state := read_state(result.get("status"))):
        raise RegbenchError(f"{shown}: result.json is damaged")
    if not state.ended:
        raise ConfigError(f"{shown}: the run has failed; run.log says why")
    return result
