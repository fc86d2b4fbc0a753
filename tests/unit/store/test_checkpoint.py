"""Checkpoint files: what goes in comes out, and nothing else is believed.

The oracle for the format is safetensors itself and the description in `regbench/store/checkpoint.py`: `seal` below is
written from that description, so that hostile files with a correct digest can be made.
"""

from __future__ import annotations

import hashlib
import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from regbench.store import CheckpointError, check_tensors, read_checkpoint
from regbench.store.checkpoint import SCHEMA, DamagedCheckpointError, write_checkpoint

TENSORS = {
    "float32": torch.arange(6.0).reshape(2, 3),
    "float64": torch.tensor([math.pi, -0.0, math.inf, math.nan], dtype=torch.float64),
    "bfloat16": torch.tensor([1.5], dtype=torch.bfloat16),
    "int64": torch.tensor(2**62),
    "bool": torch.tensor([True, False]),
    "empty": torch.zeros(0, 4),
}
FACTS = {"epoch": 3, "best": math.inf, "name": "ä\n\"'", "rule": {"waited": [1, 2], "off": None, "x": 0.1}}


def seal(header: Any, body: bytes = b"") -> bytes:
    """Return a file with a correct digest around any header (an object, or raw bytes)."""
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    data = len(text).to_bytes(8, "little") + text + body
    digest = hashlib.sha256(data).hexdigest().encode()
    return data.replace(b"0" * 64, digest, 1)


def header_with(facts: str = f'"schema":{SCHEMA}', **tensors: Any) -> dict[str, Any]:
    return {"__metadata__": {"regbench": f'{{"sha256":"{"0" * 64}",{facts}}}'}, **tensors}


def bits(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().flatten().view(torch.uint8).tolist()) if tensor.numel() else b""


def test_tensors_and_facts_come_back_bit_for_bit(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", TENSORS, FACTS)
    found = read_checkpoint(tmp_path / "a")
    assert {name: (t.dtype, t.shape) for name, t in found.tensors.items()} == {
        name: (t.dtype, t.shape) for name, t in TENSORS.items()
    }
    for name, tensor in TENSORS.items():
        assert bits(found.tensors[name].reshape(-1)) == bits(tensor.reshape(-1)), name
    assert found.facts == {**FACTS, "schema": SCHEMA}


def test_read_tensors_can_be_trained_on(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", {"w": torch.zeros(3)}, {})
    tensor = read_checkpoint(tmp_path / "a").tensors["w"]
    tensor.add_(1).requires_grad_().sum().backward()
    assert tensor.grad is not None


def test_the_file_is_plain_safetensors(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.safetensors", TENSORS, FACTS)
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert set(file.keys()) == set(TENSORS)
        assert torch.equal(file.get_tensor("float32"), TENSORS["float32"])


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", TENSORS, FACTS)
    reversed_ = dict(reversed(list(TENSORS.items())))
    write_checkpoint(tmp_path / "b", reversed_, dict(reversed(list(FACTS.items()))))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_views_shared_memory_and_gradients_are_stored_as_values(tmp_path: Path) -> None:
    weights = torch.arange(12.0).reshape(3, 4).requires_grad_()
    tensors = {"w": weights, "same": weights, "transposed": weights.T, "row": weights[1], "no elements": weights[:0]}
    write_checkpoint(tmp_path / "a", tensors, {})
    found = read_checkpoint(tmp_path / "a").tensors
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_no_tensors_at_all(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", {}, {"epoch": 0})
    assert read_checkpoint(tmp_path / "a").tensors == {}


def test_the_digest_in_the_file_is_the_documented_one(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", TENSORS, FACTS)
    data = (tmp_path / "a").read_bytes()
    digest = data.split(rb"\"sha256\":\"", 1)[1][:64]
    assert hashlib.sha256(data.replace(digest, b"0" * 64, 1)).hexdigest().encode() == digest


def test_a_flip_of_any_bit_is_noticed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", {"w": torch.arange(9.0)}, {"epoch": 1})
    data = (tmp_path / "a").read_bytes()
    for place in range(len(data)):
        for bit in range(8):
            (tmp_path / "b").write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
            with pytest.raises(DamagedCheckpointError):
                read_checkpoint(tmp_path / "b")


def test_every_shorter_file_is_noticed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", {"w": torch.arange(9.0)}, {"epoch": 1})
    data = (tmp_path / "a").read_bytes()
    for length in range(len(data)):
        (tmp_path / "b").write_bytes(data[:length])
        with pytest.raises(DamagedCheckpointError):
            read_checkpoint(tmp_path / "b")


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random"
    path.write_bytes(data)
    with pytest.raises(DamagedCheckpointError):
        read_checkpoint(path)


W = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (header_with(w={**W, "shape": [2**40]}), bytes(8)),
        (header_with(w={**W, "data_offsets": [0, 2**60]}), bytes(8)),
        (header_with(w={**W, "data_offsets": [8, 0]}), bytes(8)),
        (header_with(w={**W, "shape": [-2]}), bytes(8)),
        (header_with(w={**W, "dtype": "PY_OBJECT"}), bytes(8)),
        (header_with(a=W, b=W), bytes(8)),
        (header_with(a=W, b={**W, "data_offsets": [4, 12]}), bytes(12)),
        (header_with(a=W), bytes(100)),
        (header_with(a=W), bytes(7)),
        (header_with(facts='"schema":'), b""),
        (header_with(facts=f'"schema":{SCHEMA},"x":' + "[" * 100_000), b""),
        (json.dumps(header_with(), separators=(",", ":")).encode() + b"\xff\xfe", b""),
        (json.dumps(header_with(), separators=(",", ":")).encode() + b"]", b""),
        (json.dumps(header_with(), separators=(",", ":")).encode()[:-1] + b',"__metadata__":{"regbench":"7"}}', b""),
    ],
)
def test_hostile_headers_with_a_correct_digest_are_refused(tmp_path: Path, header: Any, body: bytes) -> None:
    (tmp_path / "a").write_bytes(seal(header, body))
    with pytest.raises(DamagedCheckpointError):
        read_checkpoint(tmp_path / "a")


def test_seal_makes_files_that_are_accepted_when_they_are_sound(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(seal(header_with(w=W), bytes(8)))
    assert torch.equal(read_checkpoint(tmp_path / "a").tensors["w"], torch.zeros(2))


@pytest.mark.parametrize("length", [2**63 - 1, 2**40, 2**25])
def test_a_huge_header_length_costs_no_memory(tmp_path: Path, length: int) -> None:
    (tmp_path / "a").write_bytes(length.to_bytes(8, "little") + seal(header_with())[8:])
    tracemalloc.start()
    try:
        with pytest.raises(DamagedCheckpointError):
            read_checkpoint(tmp_path / "a")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(100)}, tmp_path / "a", {"sha256": "0" * 64})
    with pytest.raises(DamagedCheckpointError, match="not a checkpoint of regbench"):
        read_checkpoint(tmp_path / "a")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedCheckpointError, match=r"nothing: No such file"):
        read_checkpoint(tmp_path / "nothing")


def test_facts_too_large_to_be_read_back_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exceed"):
        write_checkpoint(tmp_path / "a", {}, {"x": "y" * 2**24})
    assert list(tmp_path.iterdir()) == []


EXPECTED = {"w": torch.zeros(2, 3), "b": torch.zeros(3)}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"w": torch.zeros(2, 3)}, ["b is missing"]),
        ({**EXPECTED, "ema": torch.zeros(1)}, ["ema is not part of this run"]),
        ({**EXPECTED, "w": torch.zeros(3, 2)}, ["w has shape [3, 2], not [2, 3]"]),
        ({**EXPECTED, "w": torch.zeros(2, 3).double()}, ["w has dtype torch.float64, not torch.float32"]),
        ({"w": torch.zeros(6), "c": torch.zeros(3)}, ["w has shape [6]", "b is missing", "c is not part"]),
    ],
)
def test_tensors_that_do_not_fit_are_named(found: dict[str, torch.Tensor], words: list[str]) -> None:
    with pytest.raises(CheckpointError) as refused:
        check_tensors(EXPECTED, found)
    assert all(word in str(refused.value) for word in [*words, "resume=fresh"])
    assert "\n" not in str(refused.value)


def test_tensors_that_fit_pass() -> None:
    check_tensors(EXPECTED, {name: torch.ones_like(tensor) for name, tensor in EXPECTED.items()})


def test_one_run_of_a_cohort_stores_its_own_rows_only(tmp_path: Path) -> None:
    cohort = torch.arange(300.0).reshape(3, 100)
    write_checkpoint(tmp_path / "a", {"weights": cohort[1:2]}, {})
    assert torch.equal(read_checkpoint(tmp_path / "a").tensors["weights"], cohort[1:2])
    assert (tmp_path / "a").stat().st_size < 400 + 400  # 100 numbers of 4 bytes, and a header
