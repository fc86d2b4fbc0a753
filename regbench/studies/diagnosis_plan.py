"""The runs that a diagnosis of one network needs: replicates of it as it is, and of what it is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError
from regbench.runs.prepare import build_records, prepare_from
from regbench.studies.cut_reader import CutReader

REPLICATES = 10
DEFAULT_NAME = "default"
"""Name of runs that were given none."""
LARGEST_SEED = 2**31 - 1
OF_REGULARIZERS = re.compile(r"\+*(regularizer|schedule\.ramp)\b")

UNSTOPPED, HALVED, LOOSENED = "without stopping", "on half the training rows", "without regularizers"


@dataclass(frozen=True)
class DiagnosisPlan:
    """Runs of the network as typed, and by name those that it is compared with.

    `missing` says which of these cannot be trained, and why.
    """

    typed: tuple[RunConfig, ...]
    others: Mapping[str, tuple[RunConfig, ...]]
    missing: tuple[str, ...]

    @property
    def configs(self) -> list[RunConfig]:
        """All runs, each once."""
        every = [*self.typed, *(config for configs in self.others.values() for config in configs)]
        return list({config.run_id(): config for config in every}.values())


def plan_diagnosis(config: RunConfig, reader: CutReader, replicates: int = REPLICATES) -> DiagnosisPlan:
    """Return the runs of some replicates, each with its own seed and its own cut of the data.

    Args:
        config: the network as typed.
        reader: reads its data.
        replicates: how many.

    Raises:
        ConfigError: the network cannot be trained on the data, or there is no validation part.
    """
    split = reader.split(config)
    if not len(split.val.x):
        raise ConfigError("a diagnosis compares training and validation rows; take dataset.split.val in (0, 1)")
    prepare_from(config, build_records(config), split)
    config = replace(config, name=name_folder(config))
    cuts = reader.varies(config)
    typed = tuple(_replicate(config, number, cuts) for number in range(replicates))
    others: dict[str, tuple[RunConfig, ...]] = {}
    missing = []
    for name, variant in _list_variants(config):
        try:
            prepare_from(variant, build_records(variant), reader.split(variant) if name == HALVED else split)
        except ConfigError as refusal:
            missing.append(f"not trained {name}: {refusal}")
            continue
        others[name] = tuple(_replicate(variant, number, cuts) for number in range(replicates))
    return DiagnosisPlan(typed, others, tuple(missing))


def name_folder(config: RunConfig) -> str:
    """Return the name of the folder of the runs: as typed, or that of the data set and the model."""
    if config.name != DEFAULT_NAME:
        return config.name
    return f"diagnose-{str(config.dataset['name'])[:40]}-{str(config.model['name'])[:40]}"


def _list_variants(config: RunConfig) -> Iterator[tuple[str, RunConfig]]:
    """Yield what the network is compared with."""
    yield UNSTOPPED, stop_never(config)
    yield HALVED, _halve(config)
    if config.regularizers:
        kept = tuple(word for word in config.overrides if not OF_REGULARIZERS.match(word))
        schedule = {**config.schedule, "ramp": {}} if "ramp" in config.schedule else config.schedule
        yield LOOSENED, replace(config, regularizers={}, schedule=schedule, overrides=kept)


def stop_never(config: RunConfig) -> RunConfig:
    """Return a run that trains to its limit."""
    return _change(config, ("schedule/stop=none",), schedule={**config.schedule, "stop": {"name": "none"}})


def _halve(config: RunConfig) -> RunConfig:
    """Return a run on half the training rows with twice the epochs, or it would take fewer steps."""
    size, epochs = config.dataset.get("train_size"), config.schedule.get("epochs")
    half = 0.5 if size is None else size // 2 if isinstance(size, int) else float(str(size)) / 2
    longer = 2 * epochs if isinstance(epochs, int) else epochs
    return _change(
        config,
        (f"dataset.train_size={half}", f"schedule.epochs={longer}"),
        dataset={**config.dataset, "train_size": half},
        schedule={**config.schedule, "epochs": longer},
    )


def _replicate(config: RunConfig, number: int, cuts: bool) -> RunConfig:
    """Return one replicate: the seed, and if it matters that of the split, so many above those typed."""
    seed = (config.seed + number) % (LARGEST_SEED + 1)
    split = config.dataset.get("split")
    if not cuts or not isinstance(split, Mapping):
        return _change(config, (f"seed={seed}",), seed=seed)
    cut = (int(split["seed"]) + number) % (LARGEST_SEED + 1)
    dataset = {**config.dataset, "split": {**split, "seed": cut}}
    return _change(config, (f"seed={seed}", f"dataset.split.seed={cut}"), seed=seed, dataset=dataset)


def _change(config: RunConfig, words: tuple[str, ...], **fields: object) -> RunConfig:
    """Return a run with other settings, and with the words for them."""
    return replace(config, overrides=(*config.overrides, *words), **fields)  # type: ignore[arg-type]
