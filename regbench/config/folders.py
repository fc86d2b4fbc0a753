"""The folders of configurations that a person names, found without importing Hydra."""

from __future__ import annotations

import os
from pathlib import Path

from regbench.errors import ConfigError

VARIABLE = "REGBENCH_CONFIG_PATH"


def existing_folder(given: str, where: str) -> Path:
    """Return the absolute path of a folder that a person named.

    Raises:
        ConfigError: it does not exist.
    """
    folder = Path(given).expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError(f"{where}: there is no folder {str(folder)!r}")
    return folder


def environment_folders() -> list[Path]:
    """Return the folders that REGBENCH_CONFIG_PATH names, in its order.

    Raises:
        ConfigError: one of them does not exist.
    """
    names = os.environ.get(VARIABLE, "").split(os.pathsep)
    return [existing_folder(name, VARIABLE) for name in names if name]
