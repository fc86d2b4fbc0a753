"""Where regbench's own files lie."""

from __future__ import annotations

from pathlib import Path


def config_dir() -> Path:
    """Return the folder of the shipped configurations: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "configs"
    return shipped if shipped.is_dir() else package.parent / "configs"
