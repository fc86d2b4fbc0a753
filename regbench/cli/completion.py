"""Tab completion: the words that may stand where the cursor is."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from regbench.config.paths import config_dir
from regbench.errors import ConfigError

COMMANDS = ("run", "bench", "data", "status", "compare", "diagnose", "report", "list", "show", "docs")
COMPOSING = ("run", "bench", "diagnose")
"""Commands whose words are overrides."""
REQUEST = re.compile(r"(install|uninstall|query)=(bash|fish|zsh)")


def answer(argv: Sequence[str]) -> int:
    """Answer the shell: `-sc install=bash`, `uninstall=bash`, or `query=bash` with the line in COMP_LINE.

    Raises:
        ConfigError: it is none of these.
    """
    if len(argv) != 1 or not REQUEST.fullmatch(argv[0]):
        raise ConfigError("usage: regbench -sc install=SHELL or uninstall=SHELL; SHELL is bash, fish or zsh")
    line = os.environ.get("COMP_LINE", "")
    words, fresh = split(line)
    if not any(word.startswith("query=") for word in argv) or (
        words and words[0] in COMPOSING and (words[1:] or fresh)
    ):
        return _ask_hydra(argv, words[1:], fresh)
    print(" ".join(candidates(words, fresh)))
    return 0


def split(line: str) -> tuple[list[str], bool]:
    """Split a command line into its words after the program, and tell whether the cursor stands on a new word.

    Quotes are removed as the shell will remove them; a quote still open counts as closed.
    """
    fresh = line[-1:].isspace()
    for closing in ("", "'", '"'):
        try:
            return shlex.split(line + closing)[1:], fresh
        except ValueError:
            continue
    return line.split()[1:], fresh


def candidates(words: Sequence[str], fresh: bool) -> list[str]:
    """Return what may stand for the last word: a command, or the name that `list` or `show` takes."""
    typed = "" if fresh or not words else words[-1]
    before = words if fresh else words[:-1]
    if not before:
        options: Sequence[str] = (*COMMANDS, "--help", "--version")
    elif list(before) == ["show"]:
        options = sorted(path.stem for path in (config_dir() / "regularizer").glob("*.yaml"))
    elif list(before) == ["list"]:
        options = sorted(path.name for path in config_dir().iterdir() if path.is_dir() and path.name != "hydra")
    else:
        options = ()
    return [option for option in options if option.startswith(typed)]


def _ask_hydra(argv: Sequence[str], words: Sequence[str], fresh: bool) -> int:
    from hydra._internal.hydra import Hydra

    from regbench.cli.flags import make_parser, parse_flags
    from regbench.compose.loader import PRIMARY, open_loader
    from regbench.compose.sweep_runs import PART

    if words and not fresh and words[-1].startswith("-"):
        flags = [flag for action in make_parser()._actions for flag in action.option_strings]
        print(" ".join(flag for flag in flags if flag.startswith(words[-1])))
        return 0
    try:
        args = parse_flags(words)
        with open_loader(args.config_path, args.config_dir, warn=lambda line: None) as loader:
            last_part = args.parts[len(args.parts) - args.parts[::-1].index(PART) :] if args.parts else []
            # Hydra reads COMP_LINE itself, and knows neither commands nor flags among overrides nor quotes.
            line = ["regbench", *(["-m"] if args.multirun else []), *args.overrides, *last_part]
            os.environ["COMP_LINE"] = " ".join(line) + (" " if fresh else "")
            query = [word for word in argv if "=" in word]
            Hydra("regbench", loader).shell_completion(args.config_name or PRIMARY, query)
    except Exception:
        if any(word.startswith("query=") for word in argv):
            return 0  # half a line is rarely valid; an error here would be printed into the line being typed
        raise
    return 0
