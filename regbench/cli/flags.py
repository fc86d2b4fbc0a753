"""The flags of `regbench run`: Hydra's own, `--quiet` and `--dry-run`, anywhere among the overrides."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from hydra._internal.utils import get_args_parser

from regbench import __version__
from regbench.compose.sweep_runs import PART
from regbench.errors import ConfigError, suggest

ACTIONS = ("run", "multirun", "cfg", "info", "shell_completion")


def make_parser() -> ArgumentParser:
    """Return Hydra's parser with regbench's own flags added and its version in place of Hydra's."""
    parser = get_args_parser()
    parser.add_argument("--quiet", "-q", action="store_true", help="Print no progress")
    parser.add_argument("--dry-run", action="store_true", help="With -m: list what would be trained, and train nothing")
    version = next(action for action in parser._actions if action.dest == "version")
    vars(version).update(version=f"regbench {__version__}", help="Show regbench's version and exit")
    return parser


def parse_flags(argv: Sequence[str]) -> Namespace:
    """Split what follows `regbench run` into flags and overrides, in any order; `parts` is all from the first `--` on.

    Hydra itself calls `parse_args`, which takes overrides in one block only and so refuses `a=1 -m b=2,3`.

    Raises:
        ConfigError: a flag is unknown, lacks its value, or cannot be used together with another.
    """
    parser = make_parser()
    setattr(parser, "error", _refuse(parser))  # noqa: B010 - argparse's own hook; it would print several lines and exit
    begin = list(argv).index(PART) if PART in argv else len(argv)
    args = parser.parse_intermixed_args(list(argv[:begin]))
    args.parts = list(argv[begin:])
    if args.experimental_rerun is not None:
        raise ConfigError("--experimental-rerun is not allowed; it would execute what a file contains")
    chosen = [f"--{name.replace('_', '-')}" for name in ACTIONS if getattr(args, name) not in (False, None)]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} cannot be used together")
    if args.resolve and not (args.cfg or args.help):
        raise ConfigError("--resolve goes with --cfg or --help")
    for word in args.parts:
        if word.startswith("-") and word != PART:
            raise ConfigError(f"{word} stands after {PART}; flags come before the first part")
    if args.parts and not args.multirun:
        raise ConfigError(f"{PART} begins a part of a sweep; add -m before it")
    if args.dry_run and not args.multirun:
        raise ConfigError("--dry-run lists the runs of a sweep; add -m")
    if args.quiet:
        args.overrides.append("quiet=true")
    return args


def _refuse(parser: ArgumentParser) -> Any:
    flags = [flag for action in parser._actions for flag in action.option_strings]

    def refuse(message: str) -> None:
        unknown = message.partition("unrecognized arguments: ")[2].split()
        if unknown:
            raise ConfigError(f"{unknown[0]}: unknown flag; {suggest(unknown[0], flags)}")
        raise ConfigError(message)

    return refuse
