"""Names of columns in configuration files: YAML reads `1_1` as the number 11, which is another column."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from omegaconf._utils import get_yaml_loader

from regbench.compose.spelling import NAMES
from regbench.errors import ConfigError

KEYS = frozenset(name.rpartition(".")[2] for name in NAMES)
PLAIN = re.compile(r"0|-?[1-9][0-9]*")
"""Whole numbers that are written back as they were."""

SUSPECT = re.compile(r"(?<![\w'\"])[+-]?(0[\dxob_]|\d+[_:]\d|\+\d)")


def refuse_respelled_names(text: str, file: str) -> None:
    """Refuse a file of a configuration in which the name of a column is a number in other digits.

    Args:
        text: the YAML text.
        file: what messages call it.

    Raises:
        ConfigError: names the line, what stands there and what YAML reads.
    """
    if not SUSPECT.search(text):
        return
    loader = get_yaml_loader()
    for key, node in _list_names(yaml.compose(text, Loader=loader)):
        if node.tag == "tag:yaml.org,2002:int" and not PLAIN.fullmatch(node.value):
            raise ConfigError(
                f"{file}, line {node.start_mark.line + 1}: {key}: {node.value} is read as the number "
                f"{yaml.load(node.value, Loader=loader)}; write '{node.value}', in quotes"
            )


def _list_names(node: yaml.Node | None) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """Yield each single value below a key that takes names of columns, with the key."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.value in KEYS:
            items = value.value if isinstance(value, yaml.SequenceNode) else [value]
            yield from ((key.value, item) for item in items if isinstance(item, yaml.ScalarNode))
        yield from _list_names(value)
