"""Measure everything and print one table; the whole takes a few minutes."""

from __future__ import annotations

from benchmarks import cohort, command, single_run
from benchmarks.table import print_rows


def main() -> None:
    """Print the table."""
    print_rows([*single_run.measure(), *cohort.measure(), *command.measure()])


if __name__ == "__main__":
    main()
