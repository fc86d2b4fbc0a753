"""Hydra's refusals, several lines for programmers, rewritten as one line for people with the nearest valid names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.object_type import ObjectType
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from regbench.config.run_config import NotSelectedError
from regbench.config.values import shorten
from regbench.errors import ConfigError, suggest

NOISE = ("See https://", "Config search path", "Search path", "To append to your", "full_key", "object_type")


def explain(error: Exception, loader: ConfigLoaderImpl) -> ConfigError:
    """Return the one line that says what a person can do about an error raised while composing."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        return _missing_option(error, loader)
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if isinstance(error.__cause__, (ConfigAttributeError, ConfigKeyError)) and "Could not override" in str(error):
        return _unknown_key(error.__cause__, loader)
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        problem = getattr(error, "problem", None) or "not valid YAML"
        return ConfigError(f"{mark.name}, line {mark.line + 1}: {problem}")
    text = str(error)
    for pattern, rewrite in REWRITES:
        found = re.search(pattern, text)
        if found:
            return ConfigError(rewrite(found, loader))
    return ConfigError(_first_lines(error))


def groups(loader: ConfigLoaderImpl, parent: str = "") -> Iterator[str]:
    """Yield every group that a person can choose from, nested ones as `schedule/optimizer`, without Hydra's own."""
    for name in loader.get_group_options(parent, ObjectType.GROUP):
        group = f"{parent}/{name}" if parent else name
        if group != "hydra":
            if loader.get_group_options(group, ObjectType.CONFIG):
                yield group
            yield from groups(loader, group)


def _missing_option(error: MissingConfigException, loader: ConfigLoaderImpl) -> ConfigError:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    if not group:
        return ConfigError(f"there is no configuration named {shorten(option)}")
    options = error.options if error.options is not None else loader.get_group_options(group)
    if not options:
        return ConfigError(f"{group}: unknown group; {suggest(group, groups(loader))}")
    return ConfigError(f"{group}={shorten(option)[1:-1]}: no such {group}; {suggest(option, options)}")


def _unknown_key(cause: OmegaConfBaseException, loader: ConfigLoaderImpl) -> ConfigError:
    parent, key, path = cause.parent_node, str(cause.key), str(cause.full_key)
    keys = [str(known) for known in parent] if OmegaConf.is_dict(parent) else []
    if path == f"regularizer.{key}":
        options = loader.get_group_options("regularizer")
        if key in options:
            return NotSelectedError(f"{path}: {key} is not selected; write 'regularizer=[{','.join([*keys, key])}]'")
        return ConfigError(f"{path}: no such regularizer; {suggest(key, keys or options)}")
    if not keys:
        return ConfigError(f"{path}: unknown key; what stands before it has no settings")
    if path == key:
        keys = sorted({*keys, *groups(loader)} - {"hydra"})
    return ConfigError(f"{path}: unknown key; {suggest(key, keys)}")


def _unreadable(error: OverrideParseException) -> ConfigError:
    typed = shorten(error.override)
    if "=" not in error.override:
        return ConfigError(f"{typed} is neither a flag nor key=value, such as seed=3")
    reason = error.message.splitlines()[1:2] if error.message.startswith("Error parsing override") else []
    detail = f": {reason[0].strip().rstrip('.')}" if reason else ""
    return ConfigError(f"cannot read {typed}{detail}; quote a text that has spaces or signs: key='\"a, b\"'")


def _ambiguous(match: re.Match[str], _: ConfigLoaderImpl) -> str:
    key, values = match[1].split("=", 1)
    return f"{shorten(match[1])}: several values; write '{key}=[{values}]' for a list, or add -m to run each in turn"


def _sweep_alone(match: re.Match[str], _: ConfigLoaderImpl) -> str:
    return f"{shorten(match[1])}: several values; add -m to run each in turn"


def _unknown_group(match: re.Match[str], loader: ConfigLoaderImpl) -> str:
    return f"{match[1]}: unknown group; {suggest(match[1], groups(loader))}"


REWRITES: tuple[tuple[str, Callable[[re.Match[str], ConfigLoaderImpl], str]], ...] = (
    (r"Ambiguous value for argument '(.*)'", _ambiguous),
    (r"Sweep parameters '(.*)' requires --multirun", _sweep_alone),
    (r"Could not override '([^']*)'\. No match in the defaults list", _unknown_group),
    (r"An item is already at '([^']*)'", lambda m, _: f"{m[1]} exists already; drop the +"),
    (r"Could not delete[^']*'([^']*)'", lambda m, _: f"~{m[1]}: there is nothing of that name and value to delete"),
    (r"config group '([^']*)' does not exist", _unknown_group),
    (r"In '([^']*)': \w+ raised while composing config:\n(.*)", lambda m, _: f"{m[1]}: {m[2]}"),
    (r"Config group override must be a string", lambda m, _: "a group takes the name of an option, never null"),
    (r"path=(\S+) is not available", lambda m, _: f"hydra.searchpath: there is no folder {m[1]!r}"),
    (r"codec can't decode", lambda m, _: "a configuration file is not UTF-8 text"),
    (r"maximum recursion depth", lambda m, _: "the defaults lists refer to each other in a circle"),
)


def _first_lines(error: BaseException) -> str:
    """Return the telling lines of an error and of its cause as one line."""
    texts = [str(error), str(error.__cause__ or "")]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    kept = [line for line in lines if line and not line.startswith(NOISE)]
    return "; ".join(dict.fromkeys(kept[:3])) or f"{type(error).__name__} while composing the configuration"
