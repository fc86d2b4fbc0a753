"""Seconds of a whole sweep: regbench's command, and the peers' processes, from their start to their end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.contestants import ROOT
from benchmarks.sweep_tasks import Member, Sweep

REGBENCH = str(Path(sys.executable).with_name("regbench"))


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of a sweep, how many runs were really trained for it, and their mean validation accuracy.

    `start` is the part of the seconds before the first run began, None where it is not known.
    """

    seconds: float
    trained: int
    accuracy: float
    start: float | None = None


def time_regbench(sweep: Sweep, images: Path, *more: str) -> Timing:
    """Time `regbench run -m` on a whole sweep in a fresh folder.

    Raises:
        SystemExit: the command failed, or a run did not train every epoch.
    """
    with TemporaryDirectory() as name:
        runs, began, wall = Path(name) / "runs", time.time(), time.perf_counter()
        finish(start_process([REGBENCH, "run", *sweep.words(runs, images), *more], Path(name)))
        seconds = time.perf_counter() - wall
        results = read_results(sweep, runs / "default")
        first = min(path.stat().st_mtime for path in (runs / "default").glob("*/config.yaml"))
        accuracy = mean(result["last"]["val"]["accuracy"] for result in results)
        return Timing(seconds, len(results), accuracy, first - began)


def time_in_turn(sweep: Sweep, images: Path, trained: int) -> Timing:
    """Time regbench's runs one after another in one process, as Hydra's basic launcher would do them.

    Fewer seeds are trained; the seconds of the whole follow from the time between two results.

    Raises:
        SystemExit: the command failed.
    """
    every = len(sweep.members())
    few = Sweep(**{**vars(sweep), "seeds": max(1, sweep.seeds * trained // every)})
    with TemporaryDirectory() as name:
        runs, wall = Path(name) / "runs", time.perf_counter()
        words = few.words(runs, images)
        finish(start_process([REGBENCH, "run", *words, "sweep.cohort=1", "sweep.workers=1"], Path(name)))
        seconds = time.perf_counter() - wall
        results = read_results(few, runs / "default")
        ends = sorted(path.stat().st_mtime for path in (runs / "default").glob("*/result.json"))
    each = (ends[-1] - ends[0]) / (len(ends) - 1)
    accuracy = mean(result["last"]["val"]["accuracy"] for result in results)
    return Timing(seconds + (every - len(results)) * each, len(results), accuracy)


def time_peer(contestant: str, sweep: Sweep, images: Path, trained: int, processes: int, threads: int) -> Timing:
    """Time a peer: its share of `trained` runs in each of some processes that start together, scaled to the sweep.

    Every run costs a peer the same, so those left out count as the mean of those trained, the first (warm-up) left out.
    """
    members = sweep.members()
    chosen = members[:: max(1, len(members) // trained)]
    with TemporaryDirectory() as name:
        folder, wall = Path(name), time.perf_counter()
        orders = [_order(contestant, sweep, images, chosen[place::processes]) for place in range(processes)]
        command = [sys.executable, "-m", "benchmarks.sweep_peers"]
        started = [start_process([*command, order], folder, threads=threads) for order in orders]
        answers = [json.loads(finish(process).splitlines()[-1]) for process in started]
        seconds = time.perf_counter() - wall
    each = mean(second for answer in answers for second in answer["seconds"][1:])
    accuracy = mean(value for answer in answers for value in answer["accuracies"])
    return Timing(seconds + (len(members) - len(chosen)) * each / processes, len(chosen), accuracy)


def _order(contestant: str, sweep: Sweep, images: Path, members: Sequence[Member]) -> str:
    facts = {"source": sweep.source(images), "model": sweep.model, "widths": sweep.widths, "epochs": sweep.epochs}
    return json.dumps({"contestant": contestant, "members": members, **facts})


def start_process(words: Sequence[str], folder: Path, threads: int | None = None) -> subprocess.Popen[str]:
    """Start a command in `folder`; without a number of threads it chooses them itself."""
    env = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    env |= {"PYTHONPATH": str(ROOT)} | ({} if threads is None else {"OMP_NUM_THREADS": str(threads)})
    return subprocess.Popen(words, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a command and return its output.

    Raises:
        SystemExit: it failed; its last line of errors says why.
    """
    output, errors = process.communicate()
    if process.returncode != 0:
        words = process.args if isinstance(process.args, list) else []
        line = (errors.strip() or "no message").splitlines()[-1]
        raise SystemExit(f"benchmarks: {' '.join(map(str, words[1:3]))} failed ({process.returncode}): {line}")
    return output


def read_results(sweep: Sweep, folder: Path) -> list[dict[str, Any]]:
    """Return the result of every run of a finished sweep.

    Raises:
        SystemExit: a run is missing, or one ended before its last epoch.
    """
    results = [json.loads(path.read_bytes()) for path in folder.glob("*/result.json")]
    whole = [result for result in results if result.get("epochs") == sweep.epochs]
    if len(whole) != len(sweep.members()):
        raise SystemExit(f"benchmarks: {len(whole)} of {len(sweep.members())} runs trained all {sweep.epochs} epochs")
    return whole
