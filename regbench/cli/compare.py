"""`regbench compare FOLDER...`: which of the arms that were trained is better, by how much and how surely."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence

from regbench.cli.words import Words
from regbench.display.comparison import list_comparison
from regbench.display.several import list_several
from regbench.display.study import find_width, print_lines
from regbench.display.warning import print_warning
from regbench.errors import ConfigError, escape, suggest
from regbench.evidence.verdict import Verdict
from regbench.evidence.words import Word
from regbench.studies.comparison import Comparison, compare_arms
from regbench.studies.existing import list_fields
from regbench.studies.folders import is_study, read_statuses

HELP = """\
usage: regbench compare FOLDER... [--baseline ARM] [--metric M] [--rope X] [--require ARM=WORD]

  FOLDER          a sweep, a folder of runs, or one run; several are compared together. Or a study, which is judged
                  again from its files; several, of different data sets, are compared over data sets
  --baseline ARM  the arm that the others are compared with; without it the one without a regularizer
  --metric M      the figure to judge, such as balanced_accuracy; without it that of the study or sweep, or accuracy,
                  or r2
  --rope X        half the width of "no practical difference" in the figure's unit; without it the study's, or 0.01
  --require ARM=WORD
                  exit with 3 unless the arm gets this word (better, worse, no_difference, undecided) on every data set
                  that has it; may be repeated

Runs that differ in nothing but seed and split are one setting; the settings of one choice of regularizers, model and
optimizer are one arm, of which the one with the best mean validation figure is judged. Arms are compared on test rows,
pairwise, on the splits and seeds that all of them have, with an interval for each and words that account for all arms.
From five data sets on, the arms that all of them have are compared over data sets too.

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
    studies = [name for name in given.folders if is_study(name)]
    if studies:
        others = [name for name in given.folders if name not in studies]
        if others:
            raise ConfigError(
                f"{escape(studies[0])} is a study and {escape(others[0])} is not; compare studies with studies, and "
                "sweeps with sweeps"
            )
        return compare_studies(studies, (given.metric, given.rope, given.baseline), required)
    fields = list_fields(read_statuses(given.folders, print_warning), given.metric)
    compared = [compare_arms(field, given.baseline, given.rope) for field in fields]
    known = {arm.name for comparison in compared for arm in comparison.field.arms if arm.name != comparison.baseline}
    _check_names(required, known)
    for place, comparison in enumerate(compared):
        print(*([""] if place else []), *list_comparison(comparison), sep="\n")
    if len(compared) > 1:
        print_lines(["", *_summarise_sweeps(compared, given.rope)])
    got: list[Mapping[str, Word | None]] = [
        {**dict.fromkeys([arm.name for arm in one.field.arms]), **_find_words(one.verdict)} for one in compared
    ]
    return _report_unmet(required, got)


def _summarise_sweeps(compared: Sequence[Comparison], rope: float | None) -> Iterator[str]:
    """Yield what is true over the data sets of sweeps, or one line that says why nothing can be said."""
    from regbench.studies.contests import contests_of_sweeps
    from regbench.studies.several import compare_data_sets

    try:
        several = compare_data_sets(contests_of_sweeps(compared), rope)
    except ConfigError as refusal:
        yield f"note       nothing is said over data sets: {refusal}"
        return
    yield from list_several(several, find_width())


def compare_studies(
    folders: Sequence[str],
    asked: tuple[str | None, float | None, str | None],
    required: Sequence[tuple[str, Word]],
) -> int:
    """Judge one study again, or compare several over their data sets, and return the exit code.

    Args:
        folders: of studies.
        asked: metric, rope and baseline.
        required: arms with the word that each must get.

    Raises:
        ConfigError: a study cannot be judged so, or several are of the same data.
    """
    from regbench.display.study_table import list_verdict
    from regbench.studies.contests import contest_of_study, label_contests
    from regbench.studies.judging_again import Asked, judge_again
    from regbench.studies.several import compare_data_sets
    from regbench.studies.study_files import check_distinct, read_study

    studies = [read_study(name) for name in folders]
    check_distinct(studies)
    judged = [judge_again(study, Asked(*asked)) for study in studies]
    _check_names(required, {arm.name for one in judged for arm in one.verdict.arms})
    if len(judged) == 1:
        lines = list_verdict(studies[0].plan, judged[0].content, find_width())
    else:
        labels = label_contests([study.labels for study in studies])
        contests = [contest_of_study(one, label) for one, label in zip(judged, labels, strict=True)]
        lines = list_several(compare_data_sets(contests, asked[1]), find_width())
    print_lines(lines)
    return _report_unmet(required, [_find_words(one.verdict) for one in judged])


def _find_words(verdict: Verdict | None) -> Mapping[str, Word | None]:
    return {arm.name: arm.word for arm in verdict.arms} if verdict is not None else {}


def _read_requirement(text: str) -> tuple[str, Word]:
    """Return the arm and the word of `ARM=WORD`."""
    arm, equals, word = text.rpartition("=")
    if not equals or word not in WORDS:
        raise ConfigError(f"--require {escape(text)}: ARM=WORD is needed; {suggest(word, list(WORDS))}")
    return arm, WORDS[word]


def _check_names(required: Sequence[tuple[str, Word]], known: Collection[str]) -> None:
    """Refuse a requirement for an arm that is nowhere, or is the baseline."""
    for arm, _ in required:
        if arm not in known:
            raise ConfigError(
                f"--require {escape(arm)}: no such arm besides the baseline; {suggest(arm, sorted(known))}"
            )


def _report_unmet(required: Sequence[tuple[str, Word]], got: Sequence[Mapping[str, Word | None]]) -> int:
    """Print a line for each arm that got another word than the one required, and return the exit code.

    Args:
        required: arms with their words.
        got: the words of the arms, data set by data set.
    """
    unmet = [
        f"{escape(arm)} is {words[arm] or 'without a word'}, not {word}, as --require asks"
        for words in got
        for arm, word in required
        if arm in words and words[arm] is not word
    ]
    for line in unmet:
        print(f"regbench: {line}", file=sys.stderr)
    return UNMET if unmet else 0
