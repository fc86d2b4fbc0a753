"""`python -m regbench` is the command `regbench`."""

from __future__ import annotations

import sys

from regbench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
