"""Measure everything: a table of single runs and of the command in minutes, then one of sweeps in over an hour."""

from __future__ import annotations

from benchmarks import cohort, command, scale, single_run, sweeps
from benchmarks.sweep_settings import Settings
from benchmarks.table import print_rows, warn_if_busy


def main() -> None:
    """Print both tables."""
    warn_if_busy()
    print_rows([*single_run.measure(), *cohort.measure(), *command.measure(), *scale.measure()])
    print_rows(list(sweeps.measure(Settings())))


if __name__ == "__main__":
    main()
