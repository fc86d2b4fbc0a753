"""Measure everything and print one table; the whole takes a few minutes."""

from __future__ import annotations

from benchmarks import cohort, command, single_run
from benchmarks.table import print_rows, warn_if_busy


def main() -> None:
    """Print the table."""
    warn_if_busy()
    print_rows([*single_run.measure(), *cohort.measure(), *command.measure()])


if __name__ == "__main__":
    main()
