"""One contestant in a process of its own: `python -m benchmarks.worker CONTESTANT` prints seconds an epoch as JSON."""

from __future__ import annotations

import importlib
import json
import sys

from benchmarks.contestants import CONTESTANTS


def main() -> None:
    """Train the contestant named on the command line; the last line of output is its list of seconds."""
    module, _, function = CONTESTANTS[sys.argv[1]].partition(":")
    seconds = getattr(importlib.import_module(module), function)(int(sys.argv[2]))
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
