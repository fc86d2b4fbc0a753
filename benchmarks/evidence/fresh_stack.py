"""Fresh runs without folders: trained in one stack over all replicates, then asked about the test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from regbench.config.run_config import RunConfig
from regbench.data.loading import build_dataset
from regbench.data.preparing import prepare
from regbench.data.records import Raw, Rows, Split
from regbench.data.search_split import list_parts
from regbench.evidence.arrays import Floats
from regbench.runs.prepare import PreparedRun, Records, build_records, prepare_from
from regbench.runs.rebuild import order_weights, rebuild_networks
from regbench.studies.memory_sink import MemorySink
from regbench.studies.outputs import ReplicateOutputs, own_units, predict_constant, predict_test
from regbench.studies.variants import vary
from regbench.training.cohort_run import CohortRun, Observer, make_run
from regbench.training.fit import fit
from regbench.training.spec import TrainingSpec


@dataclass(frozen=True)
class Fresh:
    """A run to train: its seed, and values by full key."""

    seed: int
    values: Mapping[str, object]


@dataclass(frozen=True)
class Cut:
    """The parts of one replicate, the numbers of its test rows, and what its runs have in common."""

    split: Split
    tested: Rows
    prepared: PreparedRun


class Keeper(MemorySink):
    """Keeps the best weights besides the result."""

    def __init__(self) -> None:
        super().__init__(columns=(), updates=1)
        self.best: dict[str, Tensor] = {}

    def finish(self, result: Mapping[str, object], best: Mapping[str, Tensor]) -> None:
        """Keep the result and the best weights, as long as the stack still holds them."""
        super().finish(result, best)
        self.best = {name: tensor.clone() for name, tensor in best.items()}


@dataclass(frozen=True)
class Member:
    """A run of the stack, with the specification that has its own regularizers."""

    spec: TrainingSpec
    run: CohortRun
    keeper: Keeper


def train_and_predict(
    config: RunConfig, splits: Sequence[Mapping[str, object]], runs: Sequence[Mapping[str, Fresh]]
) -> list[ReplicateOutputs]:
    """Train the runs of all replicates, by arm, and return what they say of the test rows.

    Args:
        config: of all runs.
        splits: settings of the split of each replicate; all have parts of the same sizes.
        runs: of each replicate, by arm.
    """
    raw, records = build_dataset(config.dataset).read(), build_records(config)
    cuts = [_cut(raw, vary(config, {}, config.seed, split), records) for split in splits]
    members = [
        {arm: _join(config, cut, fresh, number) for arm, fresh in own.items()}
        for number, (cut, own) in enumerate(zip(cuts, runs, strict=True))
    ]
    with torch.no_grad():
        stack = [member.run for own in members for member in own.values()]
        fit(cuts[0].prepared.spec, stack, [cut.prepared.data for cut in cuts], Observer())
        return [_test(number, *pair) for number, pair in enumerate(zip(cuts, members, strict=True))]


def _cut(raw: Raw, config: RunConfig, records: Records) -> Cut:
    dataset = build_dataset(config.dataset)
    split = prepare(dataset, raw, records.input_type)
    prepared = prepare_from(config, records, split)
    prepared = replace(prepared, data=replace(prepared.data, parts=()))  # nothing more is measured at the end
    return Cut(split, list_parts(dataset, raw).test, prepared)


def _join(config: RunConfig, cut: Cut, fresh: Fresh, number: int) -> Member:
    records = build_records(vary(config, fresh.values, fresh.seed))
    spec = replace(cut.prepared.spec, regularizers=records.regularizers, schedule=records.schedule)
    keeper = Keeper()
    return Member(spec, replace(make_run(spec, fresh.seed, keeper), cut=number), keeper)


def _test(replicate: int, cut: Cut, members: Mapping[str, Member]) -> ReplicateOutputs:
    return ReplicateOutputs(
        replicate=replicate,
        rows=cut.tested,
        outputs={arm: _predict(member, cut.split) for arm, member in members.items()},
        target=own_units(np.asarray(cut.split.test.y), cut.split),
        weight=np.ones(len(cut.tested)),
        constant=predict_constant(cut.split),
    )


def _predict(member: Member, split: Split) -> Floats | None:
    """Return what a run says of the test rows; None where it diverged before it had learned anything."""
    if not member.keeper.result["best_epoch"]:
        return None
    networks = rebuild_networks(member.spec, order_weights(member.spec, member.keeper.best))
    return predict_test(networks, split)
