"""Docstrings as the text of cards: their labelled paragraphs, and their lines as paragraphs, formulas and lists."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import dataclass
from itertools import groupby

LABELS = {"When": "when", "Other libraries": "others", "Source": "source", "Sources": "source"}
"""How a labelled paragraph begins, and the part of the text that it is."""

LABELLED = re.compile(rf"({'|'.join(LABELS)}):\s+")
BULLETS = ("- ", "* ")


@dataclass(frozen=True)
class Told:
    """What a docstring tells: its body, and in one line each when to use it, other libraries, and the source."""

    body: str = ""
    when: str = ""
    others: str = ""
    source: str = ""


@dataclass(frozen=True)
class Block:
    """A `paragraph` of one line, a `formula` (or table) of several, or a `list` of items."""

    kind: str
    lines: tuple[str, ...]


def read_docstring(docstring: str) -> Told:
    """Split a docstring into its labelled paragraphs and the rest."""
    parts: dict[str, list[str]] = {"body": []}
    for paragraph in inspect.cleandoc(docstring).split("\n\n"):
        label = LABELLED.match(paragraph)
        if label is None:
            parts["body"].append(paragraph)
        else:
            text = " ".join(paragraph[label.end() :].split())
            parts.setdefault(LABELS[label.group(1)], []).append(text)
    return Told(
        body="\n\n".join(parts["body"]),
        when=" ".join(parts.get("when", ())),
        others=" ".join(parts.get("others", ())),
        source=" ".join(parts.get("source", ())),
    )


def refill(text: str) -> list[str]:
    """Join the lines of each paragraph, so that the terminal can wrap them; formulas and lists keep their lines."""
    lines: list[str] = []
    for line in text.splitlines():
        flows = line[:1].strip() and not line.startswith((*BULLETS, "|"))
        if flows and lines and lines[-1][:1].strip() and not lines[-1].endswith(":"):
            lines[-1] = f"{lines[-1]} {line}"
        else:
            lines.append(line)
    return lines


def split_blocks(text: str) -> tuple[Block, ...]:
    """Return a text as paragraphs, formulas and lists.

    >>> split_blocks("What\\nit is:\\n\\n    a = b\\n      = c")
    (Block(kind='paragraph', lines=('What it is:',)), Block(kind='formula', lines=('a = b', '  = c')))
    """
    blocks: list[Block] = []
    for kind, lines in groupby(refill(text), _kind_of):
        if kind == "formula":
            blocks.append(Block(kind, tuple(textwrap.dedent("\n".join(lines)).splitlines())))
        elif kind == "list":
            blocks.append(Block(kind, tuple(line[2:] for line in lines)))
        elif kind == "paragraph":
            blocks += [Block(kind, (line,)) for line in lines]
    return tuple(blocks)


def _kind_of(line: str) -> str:
    if not line.strip():
        return ""
    if line.startswith(BULLETS):
        return "list"
    return "formula" if line.startswith((" ", "|")) else "paragraph"
