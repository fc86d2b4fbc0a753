"""How much of the matrix-product peak a cohort's step reaches: `python -m benchmarks.sweep_products REGULARIZER SIZES`.

MLP 64-512-512-10 on batches of 256, one thread, as a sweep's worker has. The step is regbench's own: batch, forward,
loss, backward, optimizer. The peak is the quickest of large products of two matrices in the same process and thread.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from itertools import pairwise

import torch

BATCH = 256
UNITS = (64, 512, 512, 10)
LARGE = 2048
ROUNDS = 5


def main() -> None:
    """Print the share of the peak for each cohort size, and the peak in GFLOP/s, as JSON."""
    regularizer, sizes = sys.argv[1], [int(size) for size in sys.argv[2].split(",")]
    torch.set_num_threads(1)
    before = measure_peak()
    seconds = [time_cohort(regularizer, size) for size in sizes]
    peak = max(before, measure_peak())
    rates = [size * count_flops() / second for size, second in zip(sizes, seconds, strict=True)]
    print(json.dumps({"peak": peak / 1e9, "shares": [rate / peak for rate in rates]}))


def count_flops() -> int:
    """Return the operations of one run's matrix products in a step: forward, by weights, and by inputs but the first.

    Each product of a layer of m inputs and n units takes 2·B·m·n.
    """
    products = [2 * BATCH * inputs * outputs for inputs, outputs in pairwise(UNITS)]
    return 3 * sum(products) - products[0]


def measure_peak() -> float:
    """Return the operations a second of the quickest product of two large matrices."""
    left, right = torch.randn(LARGE, LARGE), torch.randn(LARGE, LARGE)
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - start)
    return 2.0 * LARGE**3 / min(seconds)


def time_cohort(regularizer: str, size: int) -> float:
    """Return the seconds of one step of `size` stacked runs."""
    from regbench.compose.loader import PRIMARY, open_loader
    from regbench.compose.sweep_runs import compose_sweep
    from regbench.runs.prepare import build_records, prepare_run
    from regbench.training.cohort_run import make_run
    from regbench.training.timing import NoSink, time_step

    with open_loader(None, None, warn=print) as loader:
        configs = compose_sweep(loader, PRIMARY, [make_words(regularizer, size)])
    prepared = prepare_run(configs[0], build_records(configs[0]))
    runs = [make_run(prepared.spec, config.seed, NoSink()) for config in configs]
    return time_step(prepared.spec, runs, prepared.data)


def make_words(regularizer: str, runs: int) -> Sequence[str]:
    """Return the sweep in regbench's words."""
    widths = ",".join(str(units) for units in UNITS[1:-1])
    network = [f"model.widths=[{widths}]", f"regularizer={regularizer}", f"schedule.batch_size={BATCH}"]
    return ["dataset=digits", *network, f"seed=range({runs})"]


if __name__ == "__main__":
    main()
