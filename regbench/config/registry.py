"""Registries of the classes that a configuration names: one module each in a package, or an entry point."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Generic, TypeGuard, TypeVar

from regbench.errors import ConfigError, suggest

Item = TypeVar("Item")


@dataclass(frozen=True)
class Registry(Generic[Item]):
    """All classes of one kind: those regbench ships, and those that installed packages add.

    `group` is the configuration group they are chosen from (`model`); `base` is their base class; `package` holds one
    module for each, named as the configuration names it, and is also the entry-point group for other packages.
    `helpers` are the modules of the package that hold none, besides those whose name begins with an underscore.
    A shipped name cannot be taken by a package.
    """

    group: str
    base: type
    package: str
    helpers: tuple[str, ...]

    def names(self) -> list[str]:
        """Return all names, shipped and installed, sorted; nothing is imported."""
        return sorted({*_shipped(self.package, self.helpers), *_installed(self.package)})

    def load(self, name: str) -> type[Item]:
        """Return the class of this name.

        Raises:
            ConfigError: there is no such name, or its module or entry point does not give one class of this kind.
        """
        if name in _shipped(self.package, self.helpers):
            return self._load_module(f"{self.package}.{name}")
        if name in _installed(self.package):
            return self._load_entry(_installed(self.package)[name])
        raise ConfigError(f"{self.group}={name}: no such {self.group}; {suggest(name, self.names())}")

    def _load_module(self, path: str) -> type[Item]:
        module = self._import(path)
        own = [item for item in vars(module).values() if getattr(item, "__module__", None) == path]
        found: list[type[Item]] = [item for item in own if self._accepts(item)]
        if len(found) != 1:
            raise ConfigError(f"{path} must hold exactly one {self.base.__name__}, it holds {len(found)}")
        return found[0]

    def _import(self, path: str) -> ModuleType:
        try:
            return importlib.import_module(path)
        except SyntaxError as error:
            raise ConfigError(f"{path} is not Python: {error.filename}, line {error.lineno}: {error.msg}") from error
        except ImportError as error:
            raise ConfigError(f"{path} cannot be imported: {error}") from error

    def _load_entry(self, entry: EntryPoint) -> type[Item]:
        try:
            found: type[Item] = entry.load()
        except (ImportError, AttributeError) as reason:
            raise ConfigError(
                f"{self.group}={entry.name}: its entry point {entry.value} cannot be imported: {reason}"
            ) from None
        if not self._accepts(found):
            raise ConfigError(
                f"{self.group}={entry.name}: its entry point {entry.value} is not a subclass of {self.base.__name__}"
            )
        return found

    def _accepts(self, item: object) -> TypeGuard[type[Item]]:
        return isinstance(item, type) and issubclass(item, self.base)


@cache
def _shipped(package: str, helpers: tuple[str, ...]) -> tuple[str, ...]:
    found = (module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))
    return tuple(name for name in found if name not in helpers and not name.startswith("_"))


@cache
def _installed(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}
