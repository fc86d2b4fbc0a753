"""`regbench compare FOLDER...`: which of the arms that were trained is better, by how much and how surely."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from regbench.cli.words import Words
from regbench.display.comparison import list_comparison
from regbench.display.warning import print_warning
from regbench.errors import ConfigError, escape, suggest
from regbench.evidence.words import Word
from regbench.studies.comparison import Comparison, compare_arms
from regbench.studies.existing import list_fields
from regbench.studies.folders import read_statuses

HELP = """\
usage: regbench compare FOLDER... [--baseline ARM] [--metric M] [--rope X] [--require ARM=WORD]

  FOLDER          a sweep, a folder of runs, or one run; several are compared together
  --baseline ARM  the arm that the others are compared with; without it the one without a regularizer
  --metric M      the figure to judge, such as balanced_accuracy; without it that of the sweep, or accuracy, or r2
  --rope X        half the width of "no practical difference" in the figure's unit; 0.01 without it
  --require ARM=WORD
                  exit with 3 unless the arm gets this word (better, worse, no_difference, undecided); may be repeated

Runs that differ in nothing but seed and split are one setting; the settings of one choice of regularizers, model and
optimizer are one arm, of which the one with the best mean validation figure is judged. Arms are compared on test rows,
pairwise, on the splits and seeds that all of them have, with an interval for each and words that account for all arms.

exit codes: 0 compared, 2 refused, 3 a --require is not met
"""

UNMET = 3
WORDS = {word.name.lower(): word for word in Word}


def compare(words: Sequence[str]) -> int:
    """Print the verdict on runs that exist, and return the exit code.

    Raises:
        ConfigError: a word, a folder or its runs cannot be used.
    """
    if words and words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    parser = Words("compare", "usage: regbench compare FOLDER... [--baseline ARM] [--rope X]", add_help=False)
    parser.add_argument("folders", metavar="FOLDER", nargs="+")
    parser.add_argument("--baseline")
    parser.add_argument("--metric")
    parser.add_argument("--rope", type=float)
    parser.add_argument("--require", action="append", default=[])
    given = parser.parse_intermixed_args(words)
    if given.rope is not None and not 0 < given.rope < math.inf:
        raise ConfigError(f"--rope {given.rope} is not allowed; it takes a number above 0")
    required = [_read_requirement(text) for text in given.require]
    fields = list_fields(read_statuses(given.folders, print_warning), given.metric)
    compared = [compare_arms(field, given.baseline, given.rope) for field in fields]
    _check_names(required, compared)
    for place, comparison in enumerate(compared):
        print(*([""] if place else []), *list_comparison(comparison), sep="\n")
    unmet = [line for comparison in compared for line in _list_unmet(comparison, required)]
    for line in unmet:
        print(f"regbench: {line}", file=sys.stderr)
    return UNMET if unmet else 0


def _read_requirement(text: str) -> tuple[str, Word]:
    """Return the arm and the word of `ARM=WORD`."""
    arm, equals, word = text.rpartition("=")
    if not equals or word not in WORDS:
        raise ConfigError(f"--require {escape(text)}: ARM=WORD is needed; {suggest(word, list(WORDS))}")
    return arm, WORDS[word]


def _check_names(required: Sequence[tuple[str, Word]], compared: Sequence[Comparison]) -> None:
    """Refuse a requirement for an arm that is nowhere, or is the baseline."""
    known = {arm.name for comparison in compared for arm in comparison.field.arms if arm.name != comparison.baseline}
    for arm, _ in required:
        if arm not in known:
            raise ConfigError(
                f"--require {escape(arm)}: no such arm besides the baseline; {suggest(arm, sorted(known))}"
            )


def _list_unmet(comparison: Comparison, required: Sequence[tuple[str, Word]]) -> list[str]:
    """Return a line for each arm of these data that got another word than the one required."""
    got = {arm.name: arm.word for arm in comparison.verdict.arms} if comparison.verdict else {}
    here = {arm.name for arm in comparison.field.arms}
    return [
        f"{escape(arm)} is {got.get(arm) or 'without a word'}, not {word}, as --require asks"
        for arm, word in required
        if arm in here and got.get(arm) is not word
    ]
