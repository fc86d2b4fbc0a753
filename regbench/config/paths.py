"""Paths of regbench's own files."""

from __future__ import annotations

from pathlib import Path


def config_dir() -> Path:
    """Return the folder of the shipped configurations: inside an installed package, next to it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "configs"
    return shipped if shipped.is_dir() else package.parent / "configs"
