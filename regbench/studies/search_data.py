"""Data of a study's search: training and validation rows of each cut, read once, without a single test row."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from regbench.config.run_config import RunConfig
from regbench.runs.prepare import PreparedRun, Records, prepare_from
from regbench.studies.cuts import CutRule
from regbench.studies.variants import vary

if TYPE_CHECKING:
    from regbench.data.dataset import Dataset
    from regbench.data.records import Raw


@dataclasses.dataclass(frozen=True)
class SearchData:
    """The rows of a source, which of it is test being decided by each cut; a published test file stays closed."""

    dataset: Dataset
    raw: Raw


def read_search_data(config: RunConfig) -> SearchData:
    """Read the rows of a configuration's data set, but for a test part that lies in a file of its own.

    Raises:
        ConfigError: the data cannot be used as the settings say.
    """
    from regbench.data.loading import build_dataset
    from regbench.data.search_split import without_published_test

    dataset = build_dataset(config.dataset)
    dataset = without_published_test(dataset) or dataset
    return SearchData(dataset, dataset.read())


def prepare_cut(
    data: SearchData, config: RunConfig, records: Records, rule: CutRule, place: tuple[int, str]
) -> PreparedRun:
    """Return data and specification of runs on one cut, without test rows; nothing is measured at their end.

    Args:
        data: the rows.
        config: of the runs.
        records: those of the configuration.
        rule: how replicates are cut.
        place: the replicate and the stage.

    Raises:
        ConfigError: the model or a technique does not fit the data.
    """
    from regbench.data.loading import build_dataset
    from regbench.data.search_split import prepare_search

    replicate, stage = place
    own = vary(config, {}, config.seed, rule.settings(replicate, stage))
    built = build_dataset(own.dataset)
    split = prepare_search(dataclasses.replace(data.dataset, split=built.split), data.raw, records.input_type)
    prepared = prepare_from(own, records, split)
    return dataclasses.replace(prepared, data=dataclasses.replace(prepared.data, parts=()))


def without_parts(values: Mapping[str, object]) -> dict[str, object]:
    """Return the `dataset` mapping without its split: what all cuts have in common."""
    return {key: value for key, value in values.items() if key != "split"}
