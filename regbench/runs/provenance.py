"""What a result depends on beside its configuration: versions, machine, threads, the state of the sources."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import regbench

SCHEMA = 1
PACKAGES = ("torch", "numpy", "hydra-core", "omegaconf", "scikit-learn", "safetensors")


def describe_environment(device: str) -> dict[str, Any]:
    """Return the content of run.json that depends on neither the run nor its data."""
    return {
        "schema": SCHEMA,
        "versions": {"regbench": regbench.__version__, "python": platform.python_version()}
        | {name: version(name) for name in PACKAGES},
        "git_commit": find_commit(Path(regbench.__file__).parent),
        "host": platform.node(),
        "machine": platform.machine(),
        "device": device,
        "threads": torch.get_num_threads(),
    }


def find_commit(folder: Path) -> str | None:
    """Return the commit of the sources, with `+` if they were changed since; None outside a git checkout."""
    if not (folder.parent / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
