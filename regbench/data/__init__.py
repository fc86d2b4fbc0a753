"""Data sets: one file per kind of source, and one path from raw rows to a train/validation/test split."""

from regbench.data.loading import dataset_names, load

__all__ = ["dataset_names", "load"]
