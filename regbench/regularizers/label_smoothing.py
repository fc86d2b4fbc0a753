"""Label smoothing: a share of each target's probability goes to the other classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse
from regbench.tasks import Task


@dataclass(frozen=True, kw_only=True)
class LabelSmoothing(Regularizer):
    """Label smoothing: moves the share ε of each target's probability to other classes.

        uniform:  q = (1 − ε) y + ε / N              torch, Keras, timm, the paper
        others:   q = (1 − ε) y + ε (1 − y) / (N − 1)

    y `[B, N]` are targets that sum to one, one-hot or soft, and N is the number of classes; for a one-hot y, `others`
    leaves exactly 1 − ε to the label. The two forms are often mistaken for each other: `others` with ε equals
    `uniform` with ε · N / (N − 1), that is twice the smoothing for two classes. Each label of a multilabel task is a
    choice between two, holds or not, so that N is 2 whatever the number of labels. ε lies in [0, 1); 0 is off.
    Validation and test losses use the hard labels.

    When: a classifier becomes too sure of itself, or some labels may be wrong. Not for a network whose outputs another
    one is to learn from, for it makes classes equally unlikely that are not, nor in a regression.

    Other libraries: torch's CrossEntropyLoss(label_smoothing), Keras' CategoricalCrossentropy(label_smoothing),
    LabelSmoothingCrossEntropy of timm and fastai, and Composer's LabelSmoothing are `uniform` with the same ε. None has
    `others`.

    Source: Szegedy et al. (2016), section 7.
    """

    aim: ClassVar[str] = "outputs"
    ranks: ClassVar[Mapping[str, str]] = {"batch": "make targets"}
    epsilon: Hyper = hyper(0.1, high=1.0, open_high=True, search=(0.01, 0.4), log=True, off=0.0)
    form: str = choice("uniform", "others")

    def check(self, facts: Facts) -> None:
        """Refuse regression, and fewer than two classes."""
        if facts.task == Task.REGRESSION or (facts.task == Task.CLASSIFICATION and len(facts.class_counts) < 2):
            raise refuse("label_smoothing", "needs classification with at least two classes, or multilabel")

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        """Return the batch with smoothed targets."""
        classes = 2 if ctx.facts.task == Task.MULTILABEL else batch.y.shape[-1]
        if self.form == "uniform":
            moved = self.epsilon * (1.0 / classes)
        else:
            moved = (1.0 - batch.y) * (self.epsilon * (1.0 / (classes - 1)))
        return batch._replace(y=batch.y * (1.0 - self.epsilon) + moved)
