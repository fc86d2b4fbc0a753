"""Devices: what a machine does not have is refused in one line; a GPU is pretended here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from regbench.config.sweep_settings import SweepSettings
from regbench.data.memory import available_memory
from regbench.errors import ConfigError
from regbench.runs.devices import check_device, find_device, free_memory
from regbench.sweeps.backends import LocalProcesses, open_backend


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000 + device.index, 9000))


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:99999999999999999999"])
def test_without_a_gpu_cuda_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError) as refusal:
        check_device(name)
    expected = f"device='{name}' is not available: torch finds no CUDA device on this machine; it takes cpu"
    assert str(refusal.value) == expected


@pytest.mark.parametrize("name", ["tpu", "meta", "mps", "cpu:1"])
def test_other_devices_are_refused(two_gpus: None, name: str) -> None:
    with pytest.raises(ConfigError, match=r"is not available; it takes cpu, cuda:0, cuda:1$"):
        check_device(name)


def test_a_gpu_that_is_there_is_taken_and_no_other(two_gpus: None) -> None:
    for name in ("cpu", "cuda", "cuda:0", "cuda:1"):
        check_device(name)
    with pytest.raises(ConfigError, match="'cuda:2' is not available"):
        check_device("cuda:2")


def test_cuda_is_the_first_gpu() -> None:
    assert find_device("cuda") == find_device("cuda:0") == torch.device("cuda", 0)
    assert find_device("cpu") == torch.device("cpu")


def test_memory_is_that_of_the_device(two_gpus: None) -> None:
    assert free_memory(torch.device("cuda:1")) == 1001
    assert free_memory(torch.device("cpu")) == pytest.approx(available_memory(), rel=0.5)


def test_one_process_uses_a_gpu(tmp_path: Path) -> None:
    backend = open_backend(SweepSettings(workers=4), 9, tmp_path, "cuda")
    assert isinstance(backend, LocalProcesses)
    assert backend.workers == 1
    assert open_backend(SweepSettings(workers=4), 9, tmp_path).workers == 4
