"""Record the golden files: `python -m tests.golden.record [FOLDER]`, before a refactor and never after one.

A case whose result was meant to change is listed in `cases.CHANGED` with the reason, and recorded anew by its name:
`python -m tests.golden.record tests/golden NAME...`
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch

from tests.golden.cases import ALONE, STACKED, train_alone, train_stacked

HERE = Path(__file__).parent
PROCESSOR = "processor.json"


def describe_processor() -> dict[str, str]:
    """Return what decides how sums are rounded: the instructions that torch uses, and its version."""
    return {"torch": torch.__version__, "instructions": torch.backends.cpu.get_cpu_capability()}


def record(target: Path, names: list[str]) -> None:
    """Train the cases and write their metrics.csv."""
    from regbench.cli.main import main

    with tempfile.TemporaryDirectory() as folder:
        for kind, cases, train in (("alone", ALONE, train_alone), ("stacked", STACKED, train_stacked)):
            (target / kind).mkdir(parents=True, exist_ok=True)
            for name in cases:
                if not names or name in names:
                    (target / kind / f"{name}.csv").write_bytes(train(main, name, Path(folder)))
    (target / PROCESSOR).write_text(f"{json.dumps(describe_processor(), indent=2)}\n")


if __name__ == "__main__":
    record(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE, sys.argv[2:])
