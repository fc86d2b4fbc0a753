"""The configuration of a run that exists, read from its folder."""

from __future__ import annotations

from pathlib import Path

import yaml

from regbench.config.run_config import RunConfig, build_run
from regbench.errors import RegbenchError, escape

FILE = "config.yaml"


def read_config(folder: Path) -> RunConfig:
    """Return the configuration of a run from its `config.yaml`.

    Raises:
        RegbenchError: the file cannot be read, or is not a configuration.
        ConfigError: it is one that this version does not know.
    """
    path = folder / FILE
    shown = escape(str(path))
    try:
        values = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise RegbenchError(f"{shown} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise RegbenchError(f"{shown} is damaged: it is not a mapping")
    return build_run(values, ())
