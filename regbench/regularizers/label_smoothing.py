"""Label smoothing: a share of each target's probability goes to the other classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from regbench.config import kinds
from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse
from regbench.tasks import Task

KEPT = kinds.Hyper(range=kinds.Range(0.0, 1.0, open_low=True), search=(0.6, 0.99), off=1.0)
"""What a label keeps: the ends that a tuner tries are those of what it loses."""


@dataclass(frozen=True, kw_only=True)
class LabelSmoothing(Regularizer):
    """Label smoothing: moves the share ε of each target's probability to other classes.

        uniform:  q = (1 − ε) y + ε / N
        others:   q = (1 − ε) y + ε (1 − y) / (N − 1)
        kept:     q = ε y + (1 − ε) (1 − y) / (N − 1)

    y `[B, N]` are targets that sum to one, one-hot or soft, and N is the number of classes. Under `uniform` and
    `others` ε is what is taken away, in [0, 1), and 0 is off; for a one-hot y, `others` leaves exactly 1 − ε to the
    label. Under `kept` ε is what the label keeps, in (1/N, 1], and 1 is off: it is `others` with 1 − ε. At 1/N and
    below the label would be no likelier than any other class. Each label of a multilabel task is a choice between two,
    holds or not, so that N is 2 whatever the number of labels. Validation and test losses use the hard labels.

    When: classification in which the network grows too sure of itself, so that its probabilities are worse than its
    decisions, or some labels are wrong. Not where the probabilities of single classes matter as they are: the network
    learns never to be surer than its targets. Not next to `disturb_label`, which does the same on average.

    Other libraries: torch's, Keras' and timm's label_smoothing is `uniform`. The first two forms are often mistaken for
    each other: `others` with ε equals `uniform` with ε · N / (N − 1), that is twice the smoothing for two classes.

    Source: Szegedy et al. (2016), section 7.
    """

    aim: ClassVar[str] = "outputs"
    ranks: ClassVar[Mapping[str, str]] = {"batch": "make targets"}
    epsilon: Hyper = hyper(
        0.1,
        high=1.0,
        open_high=True,
        search=(0.01, 0.4),
        log=True,
        off=0.0,
        help="what the label loses; with form=kept what it keeps, off at 1",
        under=(("form", "kept", KEPT),),
    )
    form: str = choice("uniform", "others", "kept", help="who gets it, and whether epsilon is what moves or what stays")

    def check(self, facts: Facts) -> None:
        """Refuse regression, fewer than two classes, and a label that keeps no more than its even share."""
        if facts.task == Task.REGRESSION or (facts.task == Task.CLASSIFICATION and len(facts.class_counts) < 2):
            raise refuse("label_smoothing", "needs classification with at least two classes, or multilabel")
        classes = 2 if facts.task == Task.MULTILABEL else len(facts.class_counts)
        if self.form == "kept" and self.epsilon * classes <= 1.0:
            raise refuse(
                "label_smoothing",
                f"epsilon={self.epsilon:g} is what the label keeps with form=kept, no more than each other class gets; "
                f"it takes more than 1/{classes}, and form=others takes that share away instead",
            )

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        """Return the batch with smoothed targets."""
        classes = 2 if ctx.facts.task == Task.MULTILABEL else batch.y.shape[-1]
        epsilon = 1.0 - self.epsilon if self.form == "kept" else self.epsilon
        if self.form == "uniform":
            moved = epsilon * (1.0 / classes)
        else:
            moved = (1.0 - batch.y) * (epsilon * (1.0 / (classes - 1)))
        return batch._replace(y=batch.y * (1.0 - epsilon) + moved)
