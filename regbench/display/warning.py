"""Warnings: one line each, on the error stream."""

from __future__ import annotations

import sys


def print_warning(line: str) -> None:
    """Print a warning."""
    print(f"regbench: warning: {line}", file=sys.stderr)
