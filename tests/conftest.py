"""What every test relies on: one thread, no settings of the person's shell, the same random examples each time."""

from __future__ import annotations

import os
import signal

# Started in the background of a shell, this process ignores Ctrl-C, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before torch is first imported: pytest-xdist's workers share the cores, and more threads than cores only slow them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
for name in ("REGBENCH_CONFIG_PATH", "HYDRA_FULL_ERROR"):
    os.environ.pop(name, None)

from hypothesis import settings  # noqa: E402  (the lines above must come first)

# No deadline: a shared machine is slow at times. Derandomized: a red test is red for everyone.
settings.register_profile("regbench", deadline=None, derandomize=True)
settings.load_profile("regbench")
