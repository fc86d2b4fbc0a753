"""The card of one option: what it does, its settings, when to use it, and what else is known, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from regbench.cards.costs import describe_cost
from regbench.cards.docstring import read_docstring
from regbench.config.catalogue import Option
from regbench.config.containers import Nested, declared, defaults_of
from regbench.config.kinds import Kind
from regbench.config.values import spell


@dataclass(frozen=True)
class Setting:
    """A row of the table of settings, all in words."""

    name: str
    default: str
    off: str
    search: str
    meaning: str
    """What it means, and what is allowed."""


@dataclass(frozen=True)
class Card:
    """What is known of one option; whatever is empty is left out. An option without a class has its YAML only."""

    group: str
    name: str
    summary: str
    body: str = ""
    yaml: str = ""
    settings: tuple[Setting, ...] = ()
    when: str = ""
    others: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    """Label and text: for a regularizer what it is for, stages, conflicts, columns and cost; the reference."""


def make_card(option: Option) -> Card:
    """Return an option's card.

    Raises:
        ConfigError: the option comes from an installed package that cannot be imported.
    """
    cls = option.load_class()
    if cls is None:
        return Card(option.group, option.name, option.summary(), yaml=option.text.rstrip())
    told = read_docstring(cls.__doc__ or "")
    return Card(
        group=option.group,
        name=option.name,
        summary=option.summary(),
        body=told.body,
        settings=tuple(_describe(*setting) for setting in iterate_settings(cls, option.values())),
        when=told.when,
        others=told.others,
        facts=(*_regularizer_facts(option, cls), *([("reference", told.source)] if told.source else [])),
    )


def iterate_settings(
    record: type, values: Mapping[str, object], prefix: str = ""
) -> Iterator[tuple[str, Kind[object], object]]:
    """Yield each setting's name, kind and default; settings inside a setting are written `split.seed`.

    Args:
        record: the class whose fields are the settings.
        values: the option's YAML, which goes before the class's own defaults.
        prefix: the name of the setting that holds these, with its dot.
    """
    defaults = {**defaults_of(record), **values}
    for name, kind in declared(record).items():
        if isinstance(kind, Nested):
            given = defaults[name]
            inner = vars(given if isinstance(given, type(kind.inner)) else kind.inner)
            written = given if isinstance(given, Mapping) else {}
            yield from iterate_settings(type(kind.inner), {**inner, **written}, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind, defaults[name]


def _describe(name: str, kind: Kind[object], value: object) -> Setting:
    return Setting(
        name=name,
        default=kind.spell(value),
        off=spell(kind.off) if kind.off is not None else "",
        search=kind.describe_search(),
        meaning="; ".join(part for part in (kind.help, kind.allowed()) if part),
    )


def _regularizer_facts(option: Option, cls: type) -> list[tuple[str, str]]:
    if option.group != "regularizer":
        return []
    from regbench.regularizers.aims import AIMS
    from regbench.regularizers.base import Regularizer
    from regbench.regularizers.stages import describe_stages

    if not issubclass(cls, Regularizer):
        return []
    aims = [("for", AIMS[cls.aim])] if cls.aim in AIMS else []
    return [
        *aims,
        ("stages", describe_stages(cls) or "none"),
        ("conflicts", ", ".join(cls.conflicts) or "none"),
        ("ramps", _describe_ramps(option.name, cls)),
        ("reports", ", ".join(f"{option.name}.{effect}" for effect in cls.effects) or "none"),
        ("cost", describe_cost(option.name)),
    ]


def _describe_ramps(name: str, cls: type) -> str:
    """Return which hyper-parameters of a regularizer can rise from off during training, and how that is written."""
    from regbench.schedules.ramps import Ramp, list_rampable, spell_ramps

    fields = list_rampable(cls)
    if not fields:
        return "none: no hyper-parameter has a finite off value"
    return f"{', '.join(fields)}: '{spell_ramps(name, {fields[0]: Ramp()})}'; regbench show {name} --plot ramp draws it"
