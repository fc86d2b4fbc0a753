"""The page of one run: its losses, weights and, of two inputs, its decision boundary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from regbench.config.run_config import RunConfig
from regbench.config.values import spell
from regbench.errors import ConfigError, escape
from regbench.formatting import describe_idle, format_figure, format_seconds
from regbench.metrics import METRICS, PARTS, main_metric
from regbench.report.figures.boundary import draw_boundaries, read_boundary
from regbench.report.figures.loss_panels import best_epoch_of, draw_losses, read_metrics
from regbench.report.figures.weights import draw_weights, read_weights
from regbench.report.page import Card, Page
from regbench.report.papers import list_references
from regbench.report.picture import DataTable, Picture
from regbench.report.wording import Measure, read_list, read_mapping, read_number, read_text, write_number
from regbench.runs.saved_config import read_config
from regbench.statuses import read_state
from regbench.store.run_files import read_result, read_run

FILES = (
    ("config.yaml", "the whole configuration"),
    ("metrics.csv", "a row for each epoch"),
    ("result.json", "the figures of this page"),
    ("run.json", "data, code and versions"),
    ("run.log", "what happened when"),
    ("checkpoint", "the weights"),
)


def make_run_page(folder: Path) -> Page:
    """Return the page of a run.

    Raises:
        ConfigError: it has not ended.
        RegbenchError: a file is damaged.
    """
    config, result = read_config(folder), read_result(folder / "result.json")
    state = read_state(result.get("status")) if result else None
    if result is None or state is None or not state.ended:
        raise ConfigError(f"{escape(str(folder))}: the run is not complete; give its command again")
    facts = read_run(folder / "run.json") or {}
    name = "+".join(sorted(config.regularizers)) or "none"
    words = [escape(str(word)) for word in read_list(facts, "overrides")]
    versions = read_mapping(facts, "versions")
    return Page(
        title=f"{config.model['name']} on {config.dataset['name']} with {name}",
        mark=f"regbench run {escape(folder.resolve().name)}",
        kind="result",
        headline=_say(result),
        command=" ".join(["regbench run", *words]),
        warnings=tuple(
            f"{escape(key)}: {describe_idle(escape(str(reason)))}"
            for key, reason in read_mapping(result, "idle").items()
        ),
        notes=tuple(escape(str(note)) for note in read_list(result, "notes")),
        cards=(_describe_run(config, result, facts),),
        figures=_draw(folder, name, result),
        extra=(("figures at the best and the last epoch", _list_figures(result)), *_list_confusion(result)),
        files=tuple((name, told) for name, told in FILES if (folder / name).exists()),
        versions=tuple((str(key), str(text)) for key, text in sorted(versions.items())),
        references=list_references(config.regularizers),
    )


def _draw(folder: Path, name: str, result: Mapping[str, object]) -> tuple[Picture, ...]:
    curves, weights = read_metrics(folder / "metrics.csv", name, best_epoch_of(result)), read_weights(folder, name)
    boundary = read_boundary(folder, name)
    drawn = (
        draw_losses([curves], "this run") if curves else None,
        draw_weights([weights]) if weights else None,
        draw_boundaries([boundary]) if boundary else None,
    )
    return tuple(picture for picture in drawn if picture is not None)


def _say(result: Mapping[str, object]) -> str:
    names = read_mapping(result, "best", "test") or read_mapping(result, "best", "val")
    metric = main_metric([str(name) for name in names]) or "loss"
    measure = Measure(metric, METRICS[metric].unit, METRICS[metric].higher_is_better)
    told = [
        f"{part} {measure.value(read_number(result, 'best', part, metric))}"
        for part in PARTS
        if read_mapping(result, "best", part)
    ]
    status = read_text(result, "status").replace("_", " ")
    return f"{measure.words} at the best epoch: {', '.join(told)}. {status}: {read_text(result, 'stopping', 'reason')}."


def _describe_run(config: RunConfig, result: Mapping[str, object], facts: Mapping[str, object]) -> Card:
    settings = [
        (f"{name}.{key}", escape(str(value) if isinstance(value, str) else spell(value)))
        for name, own in sorted(config.regularizers.items())
        for key, value in own.items()
        if key != "name"
    ]
    rows = [
        f"{read_number(result, 'rows', part):,.0f} {part}" for part in PARTS if read_mapping(result, "rows").get(part)
    ]
    own = [
        ("rows", ", ".join(rows)),
        ("parameters", f"{read_number(result, 'parameters'):,.0f}"),
        ("learning rate", write_number(read_number(config.schedule, "optimizer", "lr"))),
        ("epochs", f"{read_number(result, 'epochs'):g}, best {best_epoch_of(result)}"),
        ("seed", str(config.seed)),
        ("seconds", format_seconds(read_number(result, "seconds"))),
        ("data checksum", read_text(facts, "data_checksum")[:16]),
        *settings,
    ]
    return Card("the run", tuple((name, text) for name, text in own if text))


def _list_figures(result: Mapping[str, object]) -> DataTable:
    columns = [(at, part) for at in ("best", "last") for part in PARTS if read_mapping(result, at, part)]
    found = {str(name) for at, part in columns for name in read_mapping(result, at, part)}
    rows = tuple(
        (name, *(format_figure(read_number(result, at, part, name)) for at, part in columns))
        for name in METRICS
        if name in found
    )
    return DataTable(("figure", *(f"{part}, {at}" for at, part in columns)), rows)


def _list_confusion(result: Mapping[str, object]) -> tuple[tuple[str, DataTable], ...]:
    """Return the table of true and predicted classes of the test rows."""
    classes = [escape(str(name)) for name in read_list(result, "classes")]
    counts = read_list(result, "confusion", "test")
    if not classes or len(counts) != len(classes) or len(classes) > 30:
        return ()
    rows = tuple(
        (name, *(str(count) for count in (row if isinstance(row, list) else [])))
        for name, row in zip(classes, counts, strict=True)
    )
    return (("test rows by true class (down) and predicted class (across)", DataTable(("true class", *classes), rows)),)
