"""Record the golden files: `python -m tests.golden.record [FOLDER]`, before a refactor and never after one.

A case whose result was meant to change is listed in `cases.CHANGED` with the reason, and recorded anew by its name:
`python -m tests.golden.record tests/golden NAME...`
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import torch

from tests.golden.cases import ALONE, STACKED, train_alone, train_stacked

HERE = Path(__file__).parent
PROCESSOR = "processor.json"


def describe_processor() -> dict[str, str]:
    """Return what decides how sums are rounded: torch's version, its instructions, and the sums themselves.

    The instructions alone do not decide it: two processors with AVX512 were seen to round products otherwise, because
    the library of products has other code for each maker's.
    """
    return {
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "sums": hash_sums(),
    }


def hash_sums() -> str:
    """Return a digest of products, means and exponentials of the shapes that the cases train with."""
    generator = torch.Generator().manual_seed(0)
    digest = hashlib.sha256()
    for rows, width, columns in ((16, 64, 32), (64, 64, 10), (96, 30, 64), (180, 64, 64), (1437, 64, 10)):
        x = torch.randn(rows, width, generator=generator)
        w = torch.randn(width, columns, generator=generator)
        stacked = torch.randn(3, rows, width, generator=generator) @ torch.randn(3, width, columns, generator=generator)
        for values in (x @ w, x.T @ (x @ w), stacked, x.mean(0), (x @ w).logsumexp(1), x.square().sum()):
            digest.update(values.numpy().tobytes())
    return digest.hexdigest()[:16]


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
