"""The newest commit of a run: its last checkpoint, or the one before where that is damaged."""

from __future__ import annotations

from pathlib import Path

from regbench.store.checkpoint import FRESH, Checkpoint, CheckpointError, DamagedCheckpointError, read_checkpoint


def read_newest(last: Path, prev: Path) -> tuple[Checkpoint | None, DamagedCheckpointError | None]:
    """Return the newest intact commit, and what is wrong with `last` if it is not that one; None without any.

    Raises:
        CheckpointError: no generation is intact, or it is of another schema version.
    """
    if not last.exists() and not prev.exists():
        return None, None
    try:
        return _read_commit(last), None
    except DamagedCheckpointError as damage:
        try:
            return _read_commit(prev), damage
        except DamagedCheckpointError as second:
            raise CheckpointError(f"no intact checkpoint: {damage}; {second}; put one back, {FRESH}") from second


def _read_commit(path: Path) -> Checkpoint:
    """Read a checkpoint that is a commit record, which `best.safetensors` under another name is not."""
    commit = read_checkpoint(path)
    lengths = [commit.facts.get(name) for name in ("metrics_bytes", "timing_bytes")]
    texts = [commit.facts.get(name) for name in ("config_hash", "metrics_sha256")]
    if not (all(type(n) is int and n >= 0 for n in lengths) and all(isinstance(text, str) for text in texts)):
        raise DamagedCheckpointError(f"{path} is a checkpoint, but not one to resume from")
    return commit
