"""Card of one option: what it does, its settings with range and default, and for a regularizer where it acts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from regbench.config.catalogue import Option
from regbench.config.containers import Nested, declared, defaults_of
from regbench.config.kinds import Kind
from regbench.config.values import spell

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def make_card(option: Option) -> Iterator[RenderableType]:
    """Yield the parts of an option's card; an option without a class (an experiment) shows its YAML.

    Raises:
        ConfigError: the option comes from an installed package that cannot be imported.
    """
    from rich.padding import Padding
    from rich.text import Text

    cls = option.load_class()
    yield Text(f"{option.group}={option.name}", style="bold")
    if cls is None:
        yield Padding(Text(option.text.rstrip()), (1, 0, 1, 2))
        return
    body, source = split_docstring(inspect.getdoc(cls) or "")
    yield Padding(Text("\n".join(refill(body))), (1, 0, 0, 2))
    settings = list(iterate_settings(cls, option.values()))
    if settings:
        yield Padding(make_settings_table(settings), (1, 0, 0, 2))
    facts = make_facts_table(option, cls, source)
    if facts.row_count:
        yield Padding(facts, (1, 0, 0, 2))
    yield ""


def split_docstring(docstring: str) -> tuple[str, str]:
    """Return a docstring without its `Source:` paragraph, and that paragraph's text in one line."""
    paragraphs = docstring.split("\n\n")
    sources = [text for text in paragraphs if text.startswith("Source")]
    body = "\n\n".join(text for text in paragraphs if text not in sources)
    return body, " ".join(re.sub(r"^Sources?:\s*", "", text).replace("\n", " ") for text in sources)


def refill(text: str) -> list[str]:
    """Join the lines of each paragraph, so that the terminal can wrap them; formulas and lists keep their lines."""
    lines: list[str] = []
    for line in text.splitlines():
        flows = line[:1].strip() and not line.startswith(("- ", "* ", "|"))
        if flows and lines and lines[-1][:1].strip() and not lines[-1].endswith(":"):
            lines[-1] = f"{lines[-1]} {line}"
        else:
            lines.append(line)
    return lines


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


def make_settings_table(settings: list[tuple[str, Kind[object], object]]) -> Table:
    """Return the table of settings: default, the value that switches it off, the tuner's range, meaning and range."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    searched = any(kind.describe_search() for _, kind, _ in settings)
    switched = any(kind.off is not None for _, kind, _ in settings)
    table.add_column("setting", no_wrap=True, style="bold")
    table.add_column("default", overflow="fold", max_width=14)
    if switched:
        table.add_column("off", no_wrap=True)
    if searched:
        table.add_column("tuned in", max_width=12)
    table.add_column("meaning, and what is allowed", ratio=1)
    for name, kind, value in settings:
        row = [name, kind.spell(value)]
        row += [spell(kind.off) if kind.off is not None else ""] if switched else []
        row += [kind.describe_search()] if searched else []
        table.add_row(*row, "; ".join(part for part in (kind.help, kind.allowed()) if part))
    return table


def make_facts_table(option: Option, cls: type, source: str) -> Table:
    """Return what is known besides the settings: for a regularizer its stages, conflicts and columns; the reference."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    if option.group == "regularizer":
        from regbench.regularizers.base import Regularizer
        from regbench.regularizers.stages import describe_stages

        if issubclass(cls, Regularizer):
            table.add_row("stages", describe_stages(cls) or "none")
            table.add_row("conflicts", ", ".join(cls.conflicts) or "none")
            table.add_row("ramps", describe_ramps(option.name, cls))
            table.add_row("reports", ", ".join(f"{option.name}.{effect}" for effect in cls.effects) or "none")
    if source:
        table.add_row("reference", source)
    return table


def describe_ramps(name: str, cls: type) -> str:
    """Return which hyper-parameters of a regularizer can rise from off during training, and how that is written."""
    from regbench.schedules.ramps import Ramp, list_rampable, spell_ramps

    fields = list_rampable(cls)
    if not fields:
        return "none: no hyper-parameter has a finite off value"
    return f"{', '.join(fields)}: '{spell_ramps(name, {fields[0]: Ramp()})}'; regbench show {name} --plot ramp draws it"
