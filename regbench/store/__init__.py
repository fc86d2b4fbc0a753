"""A run's folder: rows, checkpoints and the result, which no kill, full disk or flipped bit may lose or falsify."""

from regbench.store.checkpoint import Checkpoint, CheckpointError, check_tensors, read_checkpoint
from regbench.store.durable import StorageError
from regbench.store.run_folder import FolderInUse, RunFolder

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "FolderInUse",
    "RunFolder",
    "StorageError",
    "check_tensors",
    "read_checkpoint",
]
