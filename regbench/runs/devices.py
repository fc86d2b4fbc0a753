"""The device of a run: whether the machine has it, and how much memory is free there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regbench.data.memory import available_memory
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import torch


def check_device(name: str) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        ConfigError: names it, and those that are there.
    """
    if name == "cpu":
        return
    import torch

    kind, _, number = name.partition(":")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(number or 0) < gpus:
        return
    why = ": torch finds no CUDA device on this machine" if kind == "cuda" and not gpus else ""
    there = "".join(f", cuda:{place}" for place in range(gpus))
    raise ConfigError(f"device={name!r} is not available{why}; it takes cpu{there}")


def find_device(name: str) -> torch.device:
    """Return the device of a checked name; `cuda` is the first GPU."""
    import torch

    return torch.device("cuda:0" if name == "cuda" else name)


def free_memory(device: torch.device) -> int:
    """Return the bytes that are free where a run trains: on the GPU, or in the machine's own memory."""
    if device.type != "cuda":
        return available_memory()
    import torch

    free: int = torch.cuda.mem_get_info(device)[0]
    return free
