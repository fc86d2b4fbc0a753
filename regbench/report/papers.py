"""The papers behind techniques, as the catalogue knows them."""

from __future__ import annotations

from collections.abc import Iterable

from regbench.cards.docstring import read_docstring
from regbench.config.catalogue import find_source

STATISTICS = (
    (
        "intervals and words",
        "Westfall & Young (1993), Resampling-based multiple testing; Schuirmann (1987), two one-sided tests",
    ),
    ("chances", "Benavoli et al. (2017), Time for a change: a tutorial for comparing multiple classifiers"),
)

CORRECTED = (("corrected intervals", "Nadeau & Bengio (2003), Inference for the generalization error"),)
"""Named where a study's intervals are corrected."""


def list_references(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the source of each technique that names one, in alphabetical order."""
    found = ((name, read_reference(name)) for name in sorted(set(names)))
    return tuple((name, text) for name, text in found if text)


def read_reference(name: str) -> str:
    """Return what a technique's docstring says after `Source:`, in one line; empty where it says nothing."""
    source = find_source("regularizer", name)
    return read_docstring(source.docstring).source if source else ""
