"""A run's folder from its opening to its result: what is checked before it is used, and what is written into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from regbench.config.run_config import RunConfig
from regbench.runs.provenance import Environment, Origin
from regbench.runs.reuse import PresentOrigins, check_finished, check_resumable
from regbench.runs.sources import describe_sources
from regbench.store.checkpoint import Checkpoint
from regbench.store.run_folder import RunFolder
from regbench.store.staged_end import StagedEnd

if TYPE_CHECKING:
    from torch import Tensor

    from regbench.runs.prepare import PreparedRun


class FolderSink:
    """Writes what training reports of one run into its folder."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def append(self, metrics: Mapping[str, object], timing: Mapping[str, object]) -> None:
        """Add one epoch's row."""
        self.folder.append(metrics, timing)

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Make everything so far durable."""
        self.folder.commit(tensors, facts)

    def end(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Do nothing: nobody resumes a run that has ended, and one killed before its result repeats its last epochs."""

    def finish(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> StagedEnd:
        """Store the result and the best weights; the picture comes before the result, which marks a whole folder."""
        draw_curves(self.folder, result)
        self.folder.log(f"{result['status']}: {result['stopping']['reason']}")
        return self.folder.stage(result, best)


def draw_curves(folder: RunFolder, result: Mapping[str, Any]) -> None:
    """Draw the loss curves of a run that has ended."""
    from regbench.plots.loss_curves import draw_loss_curves

    folder.write_curves(draw_loss_curves(folder.path / "metrics.csv", result))


def finished_result(
    config: RunConfig, folder: RunFolder, present: PresentOrigins
) -> tuple[dict[str, Any], str | None] | None:
    """Return the result of a run that has ended and what has to be said about it; None where there is no result.

    A picture that is missing is drawn.

    Raises:
        StaleRunError: the result belongs to another configuration, other data or other code than those of now.
        ConfigError: the data cannot be read any more.
        StorageError: what is there is not a result, or not the whole run.
    """
    result = folder.whole_result()
    if result is None:
        return None
    note = check_finished(config, folder, present)
    if not (folder.path / "curves.svg").exists():
        draw_curves(folder, result)
    return result, note


def open_run(config: RunConfig, prepared: PreparedRun, folder: RunFolder) -> Checkpoint | None:
    """Open a run's tables at its last commit and return it; None where there is none yet.

    Raises:
        StaleRunError: it was begun with another configuration, other data or other code; nothing was changed.
        CheckpointError: what is there cannot be resumed.
    """
    commit = folder.newest_commit()
    if commit is not None:
        check_resumable(config, prepared.checksum, folder, commit.facts)
    return folder.resume(config.config_hash(), prepared.spec.header)


def begin_run(
    config: RunConfig, prepared: PreparedRun, folder: RunFolder, checkpoint: Checkpoint | None, environment: Environment
) -> None:
    """Record what the run depends on: in full before its first epoch, as a line of `run.log` when it is resumed."""
    from regbench.regularizers.stages import describe_order
    from regbench.runs.fitted import store_fitted

    store_fitted(prepared.fitted, folder)  # resumed too: an earlier version stored nothing
    if checkpoint is not None:
        host, versions, threads = environment["host"], environment["versions"], environment["threads"]
        folder.log(f"resumed on {host} with {versions}, {threads} threads")
        folder.log(f"training from epoch {checkpoint.facts['track']['epoch'] + 1}")
        return
    origin = Origin(
        config_hash=config.config_hash(),
        data_checksum=prepared.checksum,
        rows_checksum=prepared.rows_checksum,
        data_files=prepared.data_files,
        sources=describe_sources(config),
        versions=environment["versions"],
    )
    folder.write_config(config.to_yaml())
    own = {
        "overrides": list(config.overrides),
        "stages": describe_order(prepared.spec.stages),
        "data": prepared.reading.to_json(),
    }
    folder.write_run({**environment, **origin.to_json(), **own})
    folder.log("training")
