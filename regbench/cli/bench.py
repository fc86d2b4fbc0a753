"""`regbench bench`: a whole study, from the data to the verdict."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.cli.words import Words
from regbench.compose.loader import PRIMARY, open_loader, shadowed
from regbench.compose.spelling import keep_names
from regbench.display.warning import print_warning
from regbench.errors import ConfigError, RegbenchError, suggest

if TYPE_CHECKING:
    from regbench.studies.bench import StudyResult
    from regbench.studies.request import StudyRequest

HELP = """\
usage: regbench bench [flags] [overrides]

Which regularization does this network need, on these data, by how much, how surely, and at what cost?
Every technique and the network without any gets the same search, on the same cuts of the data; the winners are trained
anew and judged once, on rows that no choice has seen. The same command goes on where it was interrupted.

  --dry-run     plan it, and say how long it takes; nothing is trained but a short pilot, and nothing is written
  --more N      N further replicates of a study that is complete, and a new verdict
  --final       train the recommended setting once more, on all rows, as a model to use
  --open        open the page in a browser at the end
  --quiet, -q   print the verdict only
  --config-dir, --config-path, --config-name
                as for `regbench run`

Overrides are those of `regbench run`, which hold for all arms, and those of the study:
  study.arms=core|all|[l2,dropout,[l2,dropout]]    what is compared; a list inside is a combination
  study.budget=3m                                  the largest plan that fits; or study.replicates=20 study.trials=8
  study.metric, study.rope, study.alpha            the figure that is judged, and how
  study.cocktail=true                              also the three best arms of each replicate, combined
  study.interval=paired|corrected                  corrected is for the cautious: it finds large differences only
  study.keep=fresh|figures|all                     runs that have folders at the end: fresh ones, none, every trial too
  study=quick|thorough|interactions|curves         other defaults; configs/study/default.yaml explains all settings

examples:
  regbench bench dataset=csv dataset.path=mine.csv dataset.target=y
  regbench bench dataset=digits dataset.train_size=150 'study.arms=[l2,dropout,mixup]' study.budget=1m

exit codes: 0 complete, 1 some run failed, 2 refused (nothing was started), 130 interrupted, 143 terminated
"""

FLAGS = ("--dry-run", "--more", "--final", "--open", "--quiet", "--config-path", "--config-dir", "--config-name")


def bench(words: Sequence[str]) -> int:
    """Make a study, print its verdict, and return the exit code.

    Raises:
        ConfigError: something typed or written cannot be used; nothing was written.
    """
    given = parse_words(words)
    if given.help:
        print(HELP, end="")
        return 0
    from regbench.studies.request import make_request

    name = given.config_name or PRIMARY
    overrides = [keep_names(word) for word in given.overrides] + (["quiet=true"] if given.quiet else [])
    with open_loader(given.config_path, given.config_dir, print_warning) as loader:
        for line in shadowed(loader, name, []):
            print_warning(line)
        request = make_request(loader, name, overrides)
    if given.dry_run:
        return _plan(request, given.more)
    return _make(request, given)


def parse_words(words: Sequence[str]) -> Namespace:
    """Split what follows `regbench bench` into flags and overrides, in any order.

    Raises:
        ConfigError: a flag is unknown or lacks its value.
    """
    parser = Words("bench", "usage: regbench bench [flags] [overrides]", add_help=False)
    parser.add_argument("overrides", nargs="*")
    for flag in ("--help", "--dry-run", "--final", "--open"):
        parser.add_argument(flag, *(["-h"] if flag == "--help" else []), action="store_true")
    parser.add_argument("--quiet", "-q", action="store_true")
    parser.add_argument("--more", type=int, default=0)
    for flag in ("--config-path", "--config-dir", "--config-name"):
        parser.add_argument(flag)
    for word in words:
        if word.startswith("-") and word not in ("-q", "-h", "--help") and word.partition("=")[0] not in FLAGS:
            raise ConfigError(f"{word}: unknown flag; {suggest(word, FLAGS)}")
    given = parser.parse_intermixed_args(list(words))
    if given.more < 0 or (given.more == 0 and "--more" in words):
        raise ConfigError(f"--more {given.more} is not allowed; it takes a number of replicates above 0")
    return given


def _plan(request: StudyRequest, more: int) -> int:
    from regbench.display.study import print_plan
    from regbench.studies.bench import plan_study
    from regbench.studies.study_folder import PLAN

    begun = (request.base.runs / request.name / PLAN).exists() and request.base.resume != "fresh"
    print_plan(plan_study(request, more), begun, request.settings.keep)
    return 0


def _make(request: StudyRequest, given: Namespace) -> int:
    from regbench.display.study import StudyDisplay
    from regbench.studies.bench import run_study

    display = StudyDisplay(quiet=given.quiet)
    result = run_study(request, display, given.more)
    page = _write_page(result, display.note)
    if result.verdict is not None:
        display.end(result.plan, result.verdict, page, result.folder)
    display.close()
    final = _train_final(result, given.quiet) if given.final and result.verdict is not None else 0
    if given.open and page is not None:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
    if result.signal is not None and (result.unkept or result.verdict is None or not result.verdict["complete"]):
        print_warning("interrupted; the same command resumes from here")
        return 128 + result.signal
    return 1 if result.failed else final


def _train_final(result: StudyResult, quiet: bool) -> int:
    """Train the recommended setting on all rows, and return the exit code: 1 where there is none, or it diverged."""
    from regbench.cli.run import run
    from regbench.compose.single_run import compose_run
    from regbench.runs.result import load_run
    from regbench.statuses import RunState

    words = [*(result.verdict or {})["final"], *(["--quiet"] if quiet else [])]
    if not (result.verdict or {})["final"]:
        print_warning("--final: no setting trained, so there is no model to train on all rows")
        return 1
    print()
    code = run(words)
    with open_loader(None, None, print_warning) as loader:
        folder = compose_run(loader, PRIMARY, [word for word in words if word != "--quiet"]).folder()
    return code or int(load_run(folder).status is RunState.DIVERGED)


def _write_page(result: StudyResult, note: Callable[[str], None]) -> Path | None:
    """Write the page; a study without it is still a study."""
    if result.verdict is None:
        return None
    from regbench.report.write import write_page

    try:
        return write_page(result.folder, warn=note)
    except RegbenchError as refusal:
        note(f"no page: {refusal}")
        return None
