"""Checkpoints: tensors and facts in one safetensors file, every bit of which is covered by one sha256.

    8 bytes   length of the header, little-endian
    header    {"__metadata__": {"regbench": "{\\"sha256\\":\\"<64 hex>\\", <facts as JSON>}"}, <tensors> ...}
    rest      the tensors' bytes

The digest is that of the whole file with 64 zeros in the digest's own place, which is at a fixed offset. So a file is
hashed before any of it is interpreted, and what cannot be ours (an archive, code, a foreign safetensors file) is
refused unread.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.errors import RegbenchError
from regbench.store import durable

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = 2
"""Version of the facts and of the tensors' names; a checkpoint of another version is refused, never guessed at."""

FRESH = "or add resume=fresh to start this run over"
KEY = "regbench"
HEAD = rb'{"__metadata__":{"regbench":"{\"sha256\":\"'
DIGEST_AT = 8 + len(HEAD)
BLANK = b"0" * 64
HEADER_LIMIT = 16 * 2**20
"""Bytes; a header holds names, shapes and a few numbers, so a longer one is hostile or broken."""


class CheckpointError(RegbenchError):
    """A run cannot be resumed from what its folder holds."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint file is not, bit for bit, one that was committed."""


@dataclass(frozen=True)
class Checkpoint:
    """State that a run is resumed from: tensors by name, and facts (JSON values; infinities and NaN are kept)."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def write_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], keep: Path | None = None
) -> None:
    """Write a checkpoint durably; the present one, if any, is first made durable as `keep`.

    Raises:
        StorageError: it is not committed; the generations before it are intact.
    """
    data = memoryview(_serialize(tensors, facts))
    digest = hashlib.sha256(data).hexdigest().encode()
    durable.replace(path, data[:DIGEST_AT], digest, data[DIGEST_AT + len(digest) :], keep=keep)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint.

    Raises:
        DamagedCheckpointError: the file is cut, changed, unreadable or not a checkpoint; nothing of it was executed.
        CheckpointError: it is intact, but of another schema version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DamagedCheckpointError(f"{path}: {error.strerror}") from error
    _verify(path, data)
    facts = _read_facts(path, data)
    if facts.get("schema") != SCHEMA:
        version = facts.get("schema")
        raise CheckpointError(f"{path} has schema version {version}, this regbench has {SCHEMA}; use that one, {FRESH}")
    return Checkpoint(tensors=_read_tensors(path, data), facts=facts)


def peek_facts(path: Path) -> dict[str, Any]:
    """Return the facts of a checkpoint, read from its header alone and not verified; none where that cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
            header = file.read(min(int.from_bytes(start, "little"), HEADER_LIMIT))
        return _read_facts(path, start + header)
    except (OSError, DamagedCheckpointError):
        return {}


def check_tensors(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Require that a checkpoint has exactly the expected tensors, with their shapes and dtypes.

    Raises:
        CheckpointError: names each tensor that is missing, extra, of another shape or of another dtype (at most five).
    """
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is not part of this run" for name in found if name not in expected]
    for name in expected.keys() & found.keys():
        want, have = expected[name], found[name]
        if want.shape != have.shape:
            problems.append(f"{name} has shape {list(have.shape)}, not {list(want.shape)}")
        elif want.dtype != have.dtype:
            problems.append(f"{name} has dtype {have.dtype}, not {want.dtype}")
    if problems:
        listing = "; ".join(sorted(problems)[:5])
        raise CheckpointError(f"the checkpoint does not fit this run: {listing}; {FRESH}")


def _serialize(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    from safetensors.torch import save

    text = json.dumps({"schema": SCHEMA, **facts}, sort_keys=True, separators=(",", ":"))
    data: bytes = save(_plain(tensors), {KEY: f'{{"sha256":"{BLANK.decode()}",{text[1:]}'})
    if data[8:DIGEST_AT] != HEAD:
        raise AssertionError("safetensors changed the order of its header: the digest is not where it must be")
    if int.from_bytes(data[:8], "little") > HEADER_LIMIT:
        raise ValueError(f"names and facts of a checkpoint exceed {HEADER_LIMIT} bytes; large things belong in tensors")
    return data


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous tensors on the CPU of which no two share memory, as safetensors asks."""
    result: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return result


def _verify(path: Path, data: bytes) -> None:
    if len(data) < DIGEST_AT + len(BLANK):
        raise DamagedCheckpointError(f"{path} is cut off after {len(data)} bytes")
    header = int.from_bytes(data[:8], "little")
    if header > min(len(data) - 8, HEADER_LIMIT) or data[8:DIGEST_AT] != HEAD:
        raise DamagedCheckpointError(f"{path} is damaged, or is not a checkpoint of regbench")
    view = memoryview(data)
    end = DIGEST_AT + len(BLANK)
    digest = hashlib.sha256(view[:DIGEST_AT])
    digest.update(BLANK)
    digest.update(view[end:])
    if digest.hexdigest().encode() != data[DIGEST_AT:end]:
        raise DamagedCheckpointError(f"{path} is damaged: its sha256 differs from the one it was written with")


def _read_facts(path: Path, data: bytes) -> dict[str, Any]:
    end = 8 + int.from_bytes(data[:8], "little")
    try:
        facts = json.loads(json.loads(data[8:end])["__metadata__"][KEY])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedCheckpointError(f"{path} has a header that is not a checkpoint's") from error
    if not isinstance(facts, dict):
        raise DamagedCheckpointError(f"{path} has a header that is not a checkpoint's")
    facts.pop("sha256", None)
    return facts


def _read_tensors(path: Path, data: bytes) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors: dict[str, Tensor] = load(data)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise DamagedCheckpointError(f"{path} has tensors that cannot be read") from error
    return tensors
