"""The sweeps that are timed: each in regbench's words, and as plain facts for the peers that train the same runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

IMAGES = 2500
SIDE = 28
CLASSES = 10


class Member(NamedTuple):
    """What tells a run of a sweep from its siblings; an L2 strength of 0 is none."""

    rate: float
    strength: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Runs over dropout rates x L2 strengths x seeds: batches of 64, Adam at 1e-3, no early end.

    `widths` are an MLP's; the convolutional networks have regbench's own layers.
    """

    dataset: str
    model: str = "mlp"
    widths: tuple[int, ...] = ()
    rates: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7)
    strengths: tuple[float, ...] = ()
    seeds: int
    epochs: int

    def words(self, runs: Path, images: Path) -> list[str]:
        """Return what follows `regbench run` to train the sweep with results below `runs`."""
        dataset = [f"dataset={self.dataset}", *([f"dataset.path={images}"] if self.dataset == "npz" else [])]
        model = [
            f"model={self.model}",
            *([f"model.widths={list(self.widths)}".replace(" ", "")] if self.widths else []),
        ]
        penalty = [f"regularizer.l2.strength={_join(self.strengths)}"] if self.strengths else []
        regularizer = "[l2,dropout]" if self.strengths else "dropout"
        length = [f"schedule.epochs={self.epochs}", f"schedule.stop.patience={self.epochs}", "schedule.batch_size=64"]
        grid = [f"regularizer.dropout.rate={_join(self.rates)}", *penalty, f"seed=range({self.seeds})"]
        return ["-q", "-m", *dataset, *model, f"regularizer={regularizer}", *grid, *length, f"runs={runs}"]

    def source(self, images: Path) -> dict[str, Any]:
        """Return the `dataset` mapping that the peers load their rows by."""
        return {"name": self.dataset, **({"path": str(images)} if self.dataset == "npz" else {})}

    def members(self) -> list[Member]:
        """Return every run."""
        return [Member(*values) for values in product(self.rates, self.strengths or (0.0,), range(self.seeds))]

    def shrunk(self) -> Sweep:
        """Return four runs of two epochs: enough to see that everything works, too few to time."""
        return dataclasses.replace(self, rates=self.rates[:2], strengths=self.strengths[:1], seeds=2, epochs=2)


DIGITS = Sweep(dataset="digits", widths=(64, 64), seeds=64, epochs=50)
BREAST_CANCER = Sweep(
    dataset="breast_cancer", widths=(256, 256), rates=(0.2, 0.5), strengths=(1e-4, 1e-3), seeds=16, epochs=100
)
MNIST1D = Sweep(dataset="mnist1d", widths=(100, 100), seeds=16, epochs=20)
MNIST1D_CONV = Sweep(dataset="mnist1d", model="conv1d", seeds=16, epochs=8)
PICTURES = Sweep(dataset="npz", model="cnn", rates=(0.2, 0.5), seeds=8, epochs=6)


def write_images(path: Path) -> None:
    """Write 28 x 28 images of ten classes: a smooth pattern for each class, under noise."""
    import numpy as np

    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(IMAGES) % CLASSES)
    patterns = np.kron(rng.normal(size=(CLASSES, SIDE // 4, SIDE // 4)), np.ones((4, 4)))
    images = patterns[labels] + rng.normal(scale=5.0, size=(IMAGES, SIDE, SIDE))
    np.savez(path, x=images[:, None].astype(np.float32), y=labels)


def _join(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)
