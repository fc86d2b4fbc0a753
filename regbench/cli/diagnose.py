"""`regbench diagnose`: over- or underfitting of a network, trained for it or trained already, with advice."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from regbench.cli.flags import parse_flags
from regbench.compose.loader import PRIMARY, open_loader, shadowed
from regbench.compose.single_run import compose_run
from regbench.compose.spelling import keep_names
from regbench.config.run_config import RunConfig
from regbench.display.warning import print_warning
from regbench.errors import ConfigError, escape

HELP = """\
usage: regbench diagnose [flags] [overrides]
       regbench diagnose FOLDER

  overrides       the network and its data, as after `regbench run`: ten replicates of it are trained, each with its own
                  seed and its own cut of the data, as typed, without early stopping, and with half the training rows
                  (with regularizers, once more without them); they lie in runs/diagnose-DATASET-MODEL
  FOLDER          runs that exist, of a sweep or one alone: what can be said of them; or a study: what it has found
  --quiet         no progress

Says whether the network overfits, underfits, trains too briefly, is over-regularized, is unstable, is short of data,
finds nothing to learn or fits well, with the figures behind it and their 95 % intervals, and what to do.

exit codes: 0 diagnosed, 1 some run failed, 2 refused, 130 interrupted, 143 terminated (the same command resumes)
"""

NOT_HERE = ("multirun", "cfg", "info", "hydra_help", "package", "resolve", "shell_completion", "run")


def diagnose(words: Sequence[str]) -> int:
    """Print the diagnosis of a network, and return the exit code.

    Raises:
        ConfigError: a word, a folder or its runs cannot be used.
    """
    if words and words[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    args = parse_flags([keep_names(word) for word in words])
    _refuse_flags(args)
    plain = [word for word in args.overrides if word != "quiet=true"]
    folders = [word for word in plain if _is_folder(word)]
    if folders:
        if len(plain) > 1:
            raise ConfigError(f"{escape(folders[0])}: a folder stands alone; usage: regbench diagnose FOLDER")
        return _show_folder(folders[0])
    with open_loader(args.config_path, args.config_dir, print_warning) as loader:
        name = args.config_name or PRIMARY
        for line in shadowed(loader, name, args.overrides):
            print_warning(line)
        return _train(compose_run(loader, name, args.overrides))


def _is_folder(word: str) -> bool:
    """Tell whether a word is a folder: an override holds `=`, or begins with `~`."""
    return Path(word).is_dir() or not ("=" in word or word.startswith("~"))


def _refuse_flags(args: Namespace) -> None:
    if args.help:
        raise ConfigError("usage: regbench diagnose --help, before all else")
    given = [name for name in NOT_HERE if getattr(args, name, None)]
    if given:
        raise ConfigError(f"--{given[0].replace('_', '-')} is not a flag of diagnose, which trains one network")


def _show_folder(name: str) -> int:
    from regbench.display.diagnosis import print_diagnoses, show_references
    from regbench.studies.diagnosing import diagnose_folder

    with show_references() as report:
        found = diagnose_folder(name, print_warning, report)
    print_diagnoses(found)
    return 0


def _train(config: RunConfig) -> int:
    """Train what is left of the replicates, and print the diagnosis."""
    from regbench.display.diagnosis import print_diagnoses, show_references
    from regbench.display.sweep_progress import QuietSweep, open_sweep_view
    from regbench.display.sweep_summary import print_outcome
    from regbench.studies.diagnosing import diagnose_runs

    with show_references() as report:
        training = diagnose_runs(config, QuietSweep() if config.quiet else open_sweep_view(), report)
    result = training.result
    if training.diagnosed is not None:
        print_diagnoses([training.diagnosed], result.folder)
    if training.diagnosed is None or result.failed:
        print_outcome(result)
    if result.signal is not None and result.left:
        return 128 + result.signal
    return 1 if result.failed else 0
