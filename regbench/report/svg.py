"""From a matplotlib figure to SVG that stands inside a page: small, the same bytes each time, readable by anyone.

Text stays text, identifiers carry the figure's key so that two figures never share one, coordinates have two digits,
colours are the page's variables, and a group named `arm-3` becomes one that the page's script finds (`data-arm`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from regbench.report.palette import GRID, INK, MUTED, PAPER, name_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 72
"""Units of an SVG drawing in one inch of matplotlib's."""
FONT = 11.0
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": FONT,
    "axes.linewidth": 0.8,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "hatch.color": PAPER,
    "path.simplify": False,
}
NUMBER = re.compile(r"-?\d*\.\d+(?:e-?\d+)?")
REFERENCE = re.compile(r"#([\w.-]+)")
URL = re.compile(r"url\(#([\w.-]+)\)")
ARM = re.compile(r"arm-(\d+)(-quiet)?")
NUMERIC = ("d", "transform", "x", "y", "width", "height", "viewBox", "points")
UNUSED = ("version", "width", "height")


def render(key: str, title: str, sentence: str, size: tuple[float, float], paint: Callable[[Figure], None]) -> str:
    """Return a figure as an `<svg>` element.

    Args:
        key: prefix of its identifiers, unique on the page.
        title: its name, for those who do not see it.
        sentence: what it shows.
        size: width and height in pixels.
        paint: draws into an empty figure.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    content = BytesIO()
    settings: Any = {**STYLE, "svg.hashsalt": key}
    with rc_context(settings):
        figure = Figure(figsize=(size[0] / POINTS, size[1] / POINTS), dpi=POINTS)
        paint(figure)
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return clean(content.getvalue(), key, title, sentence)


def clean(source: bytes, key: str, title: str, sentence: str) -> str:
    """Return matplotlib's SVG as it stands on the page."""
    root = ElementTree.fromstring(source)
    referred = {name for node in root.iter() for text in node.attrib.values() for name in REFERENCE.findall(text)}
    for node in root.iter():
        _plain_names(node)
        _tidy(node, key, referred)
        node.tail = None
        if node.tag != "text":
            node.text = None
    _drop(root)
    for name in UNUSED:
        root.attrib.pop(name, None)
    width = root.attrib.get("viewBox", "0 0 0 0").split()[2]
    root.attrib.update({"role": "img", "aria-labelledby": f"{key}-t {key}-d", "style": f"--w:{width}px"})
    for place, (tag, mark, text) in enumerate((("title", "t", title), ("desc", "d", sentence))):
        told = ElementTree.Element(tag, {"id": f"{key}-{mark}"})
        told.text = text
        root.insert(place, told)
    return ElementTree.tostring(root, encoding="unicode")


def _plain_names(node: ElementTree.Element) -> None:
    """Take the namespaces off: inside HTML they go without saying."""
    node.tag = node.tag.rpartition("}")[2]
    for name in [name for name in node.attrib if "}" in name]:
        node.attrib[name.rpartition("}")[2]] = node.attrib.pop(name)


def _tidy(node: ElementTree.Element, key: str, referred: set[str]) -> None:
    """Shorten the numbers of an element, prefix its identifier and what it refers to, and name its colours."""
    own = node.attrib.pop("id", None)
    found = ARM.fullmatch(own or "")
    if found:
        node.attrib.update({"class": "arm quiet" if found[2] else "arm", "data-arm": found[1]})
    elif own in referred:
        node.attrib["id"] = f"{key}-{own}"
    for name, text in list(node.attrib.items()):
        if name in NUMERIC:
            text = " ".join(NUMBER.sub(_shorten, text).split())
        if name == "d":
            text = re.sub(r" ?([A-Za-z]) ?", r"\1", text)
        if text.startswith("data:"):
            text = "".join(text.split())
        if name in ("href", "clip-path") and not text.startswith("data:"):
            text = REFERENCE.sub(lambda hit: f"#{key}-{hit[1]}", text)
        if name in ("style", "fill", "stroke"):
            text = URL.sub(lambda hit: f"url(#{key}-{hit[1]})", _restyle(name_colours(text)))
        node.attrib[name] = text


def _shorten(found: re.Match[str]) -> str:
    text = f"{float(found.group()):.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _restyle(text: str) -> str:
    """Leave the choice of the font to the page; sizes, weights and all else stay."""
    text = re.sub(r"font-family: [^;]*;?", "", text)
    return re.sub(r"\s*([:;,])\s*", r"\1", text.strip()).rstrip(";")


def _drop(node: ElementTree.Element) -> None:
    """Remove matplotlib's own style sheet and description, and groups that hold nothing or say nothing."""
    for child in list(node):
        _drop(child)
        place = list(node).index(child)
        unseen = child.tag == "path" and child.attrib.get("style") == "fill:none"
        if unseen or child.tag in ("metadata", "style") or (child.tag in ("g", "defs") and not len(child)):
            node.remove(child)
        elif child.tag == "g" and not child.attrib:
            node.remove(child)
            for offset, inner in enumerate(child):
                node.insert(place + offset, inner)


def add_axes(figure: Figure, left: float, top: float, right: float, bottom: float) -> Axes:
    """Return axes with margins in pixels."""
    width, height = (float(side) * POINTS for side in figure.get_size_inches())
    inner = ((width - left - right) / width, (height - top - bottom) / height)
    return figure.add_axes((left / width, bottom / height, *inner))


def tidy_axes(axes: Axes, grid: str = "y") -> None:
    """Give axes the page's look: one base line, faint lines along `grid` (x, y, both or none), no tick marks."""
    shown = {"x": ("left",), "y": ("bottom",), "both": (), "none": ("bottom", "left")}[grid]
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(side in shown)
    axes.tick_params(length=0, pad=4, labelsize=FONT - 1)
    axes.set_axisbelow(True)
    for side in ("x", "y"):
        if grid in (side, "both"):
            getattr(axes, f"{side}axis").grid(True, which="major")


def scale_log(axes: Axes, side: str, narrow: bool = False) -> None:
    """Make an axis (x or y) logarithmic, with a few ticks in plain numbers; `narrow`: less than two decades."""
    from matplotlib.ticker import LogLocator, NullLocator

    getattr(axes, f"set_{side}scale")("log")
    axis = getattr(axes, f"{side}axis")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=6))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, place: f"{value:g}")
