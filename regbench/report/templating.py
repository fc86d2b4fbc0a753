"""HTML from jinja2's templates: whatever comes from data is escaped, and style and script stand in the page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files


def render(template: str, css: Sequence[str], js: str, **values: object) -> str:
    """Return one HTML file.

    Args:
        template: name of the template.
        css: names of the style sheets, a later one goes before an earlier one.
        js: name of the script.
        values: what the template shows.
    """
    from jinja2 import DictLoader, Environment, StrictUndefined

    folder = files("regbench.report") / "templates"

    def read(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    environment = Environment(
        loader=DictLoader({template: read(template)}),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    style = "\n".join(read(name) for name in css)
    return environment.get_template(template).render(css=style, js=read(js), **values)
