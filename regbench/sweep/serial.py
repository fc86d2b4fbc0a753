"""A sweep, one run after another: a run that fails does not stop the rest."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from regbench.config import RunConfig
from regbench.errors import ConfigError, RegbenchError

INTERRUPTED = 130
TERMINATED = 143


def run_all(configs: Sequence[RunConfig]) -> int:
    """Run all, print one line that sums them up, and return the exit code.

    0 all complete, 1 some failed, 2 none ran because every one was refused, 130 interrupted, 143 terminated.

    Raises:
        ConfigError: a setting of some run is not allowed; none was started.
    """
    from regbench.runner import build_records

    for config in configs:
        build_records(config)  # a value out of range ends the command here, before the first run has begun
    codes: list[int] = []
    stopped = 0
    for place, config in enumerate(configs, start=1):
        if not config.quiet:
            print(f"[{place}/{len(configs)}] {' '.join(config.overrides)}", flush=True)
        code = _attempt(config)
        if code in (INTERRUPTED, TERMINATED):
            stopped = code
            break
        codes.append(code)
    failed = sum(code != 0 for code in codes)
    summary = f"{len(codes) - failed} complete, {failed} failed"
    if stopped:
        word = "interrupted" if stopped == INTERRUPTED else "terminated"
        summary = f"{word}: {summary}, {len(configs) - len(codes)} not done; the same command goes on from here"
    print(f"regbench: {summary}", file=sys.stderr if failed or stopped else sys.stdout, flush=True)
    if stopped or not failed:
        return stopped
    return ConfigError.exit_code if set(codes) == {ConfigError.exit_code} else 1


def _attempt(config: RunConfig) -> int:
    """Run one and return its exit code, whatever happens in it."""
    try:
        from regbench.runner import run_one

        return run_one(config)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except RegbenchError as refusal:
        print(f"regbench: {refusal}", file=sys.stderr)
        return refusal.exit_code
    except BrokenPipeError:
        raise  # the reader of this command has gone; the run itself is sound
    except Exception:
        traceback.print_exc()
        return 1
