"""What a person asked a study for: its settings, the network, and the network with each arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from regbench.compose.loader import CheckedLoader
from regbench.compose.study_arms import compose_arm, compose_study, split_words
from regbench.config.run_config import RunConfig
from regbench.config.study_settings import StudySettings
from regbench.errors import ConfigError, escape
from regbench.studies.arms import ArmChoice, list_arms
from regbench.studies.cocktail import check_cocktail, list_combinable
from regbench.studies.cuts import count_folds
from regbench.studies.spaces import Space, check_search, list_keys, read_space
from regbench.studies.tpe import check_tpe

DEFAULT_NAME = "default"
SAID_ELSEWHERE = ("arms", "replicates", "trials", "finalists", "budget", "search", "interactions")
"""Settings of a study that decide its arms, spaces and sizes, of which the identity has what they come to."""


@dataclass(frozen=True)
class Contestant:
    """An arm as it was asked for: its configuration, and what is tried of it."""

    choice: ArmChoice
    config: RunConfig
    space: Space

    @property
    def name(self) -> str:
        """The arm's name."""
        return self.choice.name

    @property
    def overrides(self) -> tuple[str, ...]:
        """What the arm sets."""
        return self.choice.overrides


@dataclass(frozen=True)
class StudyRequest:
    """A study as a person asked for it: `words` as typed, `base` the network without any arm."""

    words: tuple[str, ...]
    settings: StudySettings
    base: RunConfig
    contestants: tuple[Contestant, ...]

    @property
    def name(self) -> str:
        """The study's name."""
        return self.base.name


def make_request(loader: CheckedLoader, primary: str, words: Sequence[str]) -> StudyRequest:
    """Compose a study; nothing is read and nothing written.

    Raises:
        ConfigError: something typed or written cannot be used.
    """
    settings, typed = compose_study(loader, primary, words)
    base = _name_study(typed)
    if settings.sampler == "tpe":
        check_tpe()
    _, _, others = split_words(words)
    known = list_regularizers()
    choices = list_arms(settings, base.regularizers, known)
    contestants = []
    for choice in choices:
        try:
            config = compose_arm(loader, primary, others, choice.overrides, base)
        except ConfigError as refusal:
            told = explain_lacking(str(refusal), others, choice.overrides)
            raise ConfigError(f"study.arms: {escape(choice.name)}: {told}") from refusal
        own = replace(config, name=base.name)
        added = [name for name in own.regularizers if name not in base.regularizers]
        space = pin_typed(read_space(own, added, settings.search), choice.overrides)
        contestants.append(Contestant(choice, own, space))
    if settings.cocktail:
        pool = list_combinable(contestants, base, settings.baseline)
        check_cocktail(base, [contestant for contestant in contestants if contestant.name in pool])
    check_search(settings.search, [key for c in contestants for key in list_keys(c.config, c.choice.members)])
    return StudyRequest(tuple(words), settings, base, tuple(contestants))


def explain_lacking(refusal: str, typed: Sequence[str], own: Sequence[str]) -> str:
    """Return why an arm cannot be composed, where a word for all arms names a setting that its own choice lacks.

    Any other refusal is returned as it is.

    Args:
        refusal: begins with the key that is refused.
        typed: words that hold for all arms.
        own: overrides of the arm.
    """
    key, _, told = refusal.partition(": ")
    if not told.startswith("unknown key"):
        return refusal
    words = [word for word in typed if _key(word) == key]
    chosen = [word for word in own if key.startswith(_key(word).replace("/", ".") + ".")]
    if not words or not chosen:
        return refusal
    allowed = told.partition("; ")[2]
    return (
        f"{escape(words[-1])} holds for all arms, but this arm has {escape(chosen[-1])}, which has no such setting"
        f"{f' ({allowed})' if allowed else ''}; leave it out, or give it in the arms that have it"
    )


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0]


def pin_typed(space: Space, overrides: Sequence[str]) -> Space:
    """Return what an arm searches without the settings that it names itself; the learning rate is always searched."""
    typed = {_key(word) for word in overrides}
    lr, *others = space.coordinates
    kept = [coordinate for coordinate in others if coordinate.key not in typed]
    return Space((lr, *kept), tuple(group for group in space.groups if group[0] not in typed))


def _name_study(config: RunConfig) -> RunConfig:
    """Return the configuration with the study's name: as typed, or after the data set and the model."""
    if config.name != DEFAULT_NAME:
        return config
    return replace(config, name=f"bench-{config.dataset['name']}-{config.model['name']}"[:100])


def list_regularizers() -> list[str]:
    """Return the names of all techniques, as their files are listed."""
    from regbench.config.catalogue import list_options

    return sorted({option.name for option in list_options() if option.group == "regularizer"})


def describe_identity(request: StudyRequest, checksum: str) -> dict[str, Any]:
    """Return all that decides what a study trains: a folder that holds another one is not gone on with."""
    from regbench.config.study_settings import JUDGING, STORING

    settings = request.settings
    left_out = {*JUDGING, *STORING, *SAID_ELSEWHERE}
    if not settings.cocktail:
        left_out.add("cocktail")  # a study that was made before there was one goes on
    names = [name for name in settings.__dataclass_fields__ if name not in left_out]
    kept = {name: _plain(getattr(settings, name)) for name in names}
    base = request.base.identity()
    split = request.base.dataset.get("split")
    kept["folds"] = count_folds(settings.folds, str(split.get("method")) if isinstance(split, Mapping) else "")
    return {
        "data": checksum,
        "study": {"arms": [c.choice.name for c in request.contestants], **kept},
        **{key: value for key, value in base.items() if key != "seed"},
        "variants": {c.choice.name: _describe_arm(c, base) for c in request.contestants},
    }


def _describe_arm(contestant: Contestant, base: Mapping[str, object]) -> dict[str, Any]:
    identity = contestant.config.identity()
    space = contestant.space
    return {
        **{key: identity[key] for key in ("model", "schedule", "regularizer") if identity[key] != base[key]},
        "space": {c.key: [c.low, c.high, c.log] for c in space.coordinates},
        "groups": {key: list(options) for key, options in space.groups},
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
