"""The command `regbench`: the first word decides; what it needs is imported only then."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

HELP = """\
regbench: which regularization does this network need, on this data, and how much does it help?

usage:
  regbench run [flags] [overrides]   train one network, or with -m one for each combination
  regbench bench [flags] [overrides] which regularization does it need: every technique searched, tested and judged
  regbench status FOLDER             a sweep, running or not: how many runs are complete, failed, missing, and the best
  regbench compare FOLDER...         which arm of finished runs is better, by how much and how surely
  regbench report FOLDER             the page of a study, a sweep or a run: one HTML file, no network
  regbench diagnose [overrides]      does a network overfit or underfit, and what to do; or of runs: diagnose FOLDER
  regbench data FILE                 how a file is read: columns, target, suspicions; nothing is trained
  regbench predict FOLDER ROWS       what a trained run says about new rows, as CSV
  regbench export FOLDER MODEL.onnx  a trained run as an ONNX model
  regbench list [group]              what there is: regularizers by what they are for, data sets, models, schedules
  regbench show NAME                 one technique: formula, settings, when to use it, cost; --plot ramp draws its ramp
  regbench docs [FOLDER]             all of that as one page with a search, in docs/site/
  regbench --version | --help

examples:
  regbench run regularizer=l2
  regbench run 'regularizer=[l2,dropout,mixup]' seed=3
  regbench run -m regularizer=none,l2,dropout seed=0,1,2,3
  regbench run --help                all groups, settings and flags

completion: eval "$(regbench -sc install=bash)"
exit codes: 0 complete, 1 some failed, 2 refused (nothing was started), 3 not as required, 130 interrupted,
143 terminated
"""

FEW_CYCLES = 20_000
"""New objects between two searches for cycles: a large sweep's records live to its end, and a fifth of it was that."""

COMMANDS = (
    "run", "bench", "status", "compare", "diagnose", "report", "data", "predict", "export", "list", "show", "docs",
)  # fmt: skip

FUNCTIONS = {
    "run": "run:run",
    "bench": "bench:bench",
    "compare": "compare:compare",
    "diagnose": "diagnose:diagnose",
    "report": "report:report",
    "data": "data:show_data",
    "predict": "predict:predict",
    "export": "export:export",
    "list": "catalogue:list_command",
    "docs": "docs:docs",
    "-sc": "completion:answer",
    "--shell-completion": "completion:answer",
}
"""The module and the function of each command, imported only when it is given."""

USAGE = {
    "status": "usage: regbench status FOLDER:  the states of the runs of a sweep, runs/NAME; writes its sweep.csv",
    "show": "usage: regbench show NAME [--plot ramp [shape=S] [begin=B] [end=E] [overrides]]:  "
    "the card of one technique: formula, settings, when to use it, reference; or its ramp, drawn",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a refusal is one line on the error stream, never a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    gc.set_threshold(FEW_CYCLES)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Greek letters shows `?` for them
    return _guarded(words)


def _answer(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0 if words else 2
    if words[0] == "--version":
        from regbench import __version__

        print(f"regbench {__version__}")
        return 0
    return _dispatch(words[0], words[1:])


def _guarded(words: Sequence[str]) -> int:
    """Dispatch, and turn every expected end that is not a success into a line and an exit code."""
    import signal

    from regbench.errors import RegbenchError

    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        code = _answer(words)
        sys.stdout.flush()  # here, where a full disk or a reader that has gone can still be told
        return code
    except RegbenchError as refusal:
        print(f"regbench: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except KeyboardInterrupt:
        print("regbench: interrupted; the same command resumes from here", file=sys.stderr)
        return 130
    except SystemExit as end:
        if end.code == 143:
            print("regbench: terminated; the same command resumes from here", file=sys.stderr)
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:
        _discard_output()  # the reader (`| head`) has gone
        return 141
    except OSError as error:
        if error.filename is None:
            _discard_output()
        where = f"{error.filename}: " if error.filename is not None else ""
        print(f"regbench: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)


def _discard_output() -> None:
    """Send what is still buffered nowhere, or Python would complain once more when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(command: str, rest: Sequence[str]) -> int:
    if command in USAGE:
        return _report(command, rest)
    if command in FUNCTIONS:
        from importlib import import_module

        module, _, function = FUNCTIONS[command].partition(":")
        code: int = getattr(import_module(f"regbench.cli.{module}"), function)(rest)
        return code
    from regbench.errors import ConfigError, suggest

    raise ConfigError(f"{command!r}: unknown command; {suggest(command, COMMANDS)}")


def _report(command: str, rest: Sequence[str]) -> int:
    from regbench.errors import ConfigError

    if rest and rest[0] in ("-h", "--help"):
        print(USAGE[command])
        return 0
    if command == "status" and len(rest) == 1:
        from regbench.cli.status import show_status

        return show_status(rest[0])
    from regbench.cli.catalogue import show

    if command == "show" and len(rest) == 1:
        return show(rest[0])
    if command == "show" and "--plot" in rest:
        return _plot(rest)
    raise ConfigError(USAGE[command].partition(":  ")[0])


def _plot(rest: Sequence[str]) -> int:
    from regbench.cli.ramp import plot_ramps
    from regbench.errors import ConfigError

    place = rest.index("--plot")
    what, words = rest[place + 1 : place + 2], [*rest[:place], *rest[place + 2 :]]
    if not words or not what:
        raise ConfigError(USAGE["show"].partition(":  ")[0])
    if what != ["ramp"]:
        raise ConfigError(f"--plot {what[0]}: not allowed; it takes ramp")
    return plot_ramps(words[0], words[1:])


def _terminate(signum: int, frame: object) -> None:
    raise SystemExit(143)
