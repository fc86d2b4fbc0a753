"""Options that a person can choose, found by reading files: nothing is imported, so a list is there at once.

An option is a YAML file in a group of `configs/` or of a folder in REGBENCH_CONFIG_PATH, or an entry point of an
installed package. Its class is in the group's package, found by its `name` or by its camel-case name; options
without a class (experiments) are only YAML.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from regbench.config.folders import environment_folders
from regbench.config.paths import config_dir
from regbench.errors import ConfigError

PACKAGES = {
    "dataset": "data",
    "model": "models",
    "regularizer": "regularizers",
    "schedule/curve": "schedules",
    "schedule/optimizer": "schedules",
    "schedule/stop": "schedules",
}
"""The package of regbench that holds the classes of a group."""

PLUGINS = {"dataset": "regbench.datasets", "model": "regbench.models", "regularizer": "regbench.regularizers"}
"""The entry-point group through which installed packages add to a group."""


@dataclass(frozen=True)
class Source:
    """A class as its file describes it, read without importing it."""

    module: str
    name: str
    choice: str
    """Name in a configuration: the literal of its `name`, or else its own name in small letters."""
    docstring: str
    bases: tuple[str, ...]
    methods: frozenset[str]
    aim: str = ""
    """What a person wants who takes it, where the class says so itself."""


@dataclass(frozen=True)
class Option:
    """One thing to choose: `group=name`."""

    group: str
    name: str
    text: str = ""
    """Its YAML; nothing for an option that an installed package adds."""
    plugin: EntryPoint | None = None

    def values(self) -> dict[str, object]:
        """Return the settings that its own YAML gives.

        Raises:
            ConfigError: its file is not a YAML mapping.
        """
        import yaml

        try:
            loaded = yaml.safe_load(self.text) or {}
        except yaml.YAMLError:
            loaded = None
        if not isinstance(loaded, dict):
            raise ConfigError(f"{self.group}/{self.name}.yaml is not a YAML mapping")
        return {key: value for key, value in loaded.items() if key != "defaults"}

    def source(self) -> Source | None:
        """Return its class, unread; several options may have one class, told apart by their settings."""
        return find_source(self.group, self.name) or find_source(self.group, str(self.values().get("name", "")))

    def summary(self) -> str:
        """Return in one line what it is: its docstring's first line, or the comment at the head of its YAML."""
        own, head = find_source(self.group, self.name), self.text.partition("\n")[0]
        if own is None and head.startswith("#"):
            return head.lstrip("# ").rstrip()
        source = own or self.source()
        if source is not None:
            return source.docstring.partition("\n")[0]
        return f"from the installed package {self.plugin.value.partition('.')[0]}" if self.plugin else ""

    def load_class(self) -> type | None:
        """Import its class, if it has one.

        Raises:
            ConfigError: an installed package's entry point cannot be imported.
        """
        source = self.source()
        if source is not None:
            found: type = getattr(importlib.import_module(source.module), source.name)
            return found
        if self.plugin is None:
            return None
        try:
            loaded: type = self.plugin.load()
        except (ImportError, AttributeError) as reason:
            raise ConfigError(
                f"{self.group}={self.name}: its entry point {self.plugin.value} cannot be imported: {reason}"
            ) from None
        return loaded


def list_options() -> list[Option]:
    """Return all options, by group and name; a shipped one hides a person's own of that name, as it does in a run.

    Raises:
        ConfigError: a folder in REGBENCH_CONFIG_PATH does not exist.
    """
    found: dict[tuple[str, str], Option] = {}
    for root in (config_dir(), *environment_folders()):
        for option in _read_options(root):
            found.setdefault((option.group, option.name), option)
    options = list(found.values())
    for group, plugins in PLUGINS.items():
        added = (Option(group, point.name, plugin=point) for point in entry_points(group=plugins))
        options += [option for option in added if (option.group, option.name) not in found]
    return sorted(options, key=lambda option: (option.group, option.name))


def _read_options(root: Path) -> Iterator[Option]:
    for path in root.rglob("*.yaml"):
        if path.parent != root and path.relative_to(root).parts[0] != "hydra":
            text = path.read_text(encoding="utf-8", errors="replace")
            yield Option(path.parent.relative_to(root).as_posix(), path.stem, text)


def find_source(group: str, choice: str) -> Source | None:
    """Return the class behind a choice; where two classes have its name, the one in the file of that name."""
    package = PACKAGES.get(group)
    if package is None:
        return None
    found = [source for source in read_sources(package) if source.choice in (choice, choice.replace("_", ""))]
    return min(found, key=lambda source: source.module.rpartition(".")[2] != choice, default=None)


@cache
def read_sources(package: str) -> tuple[Source, ...]:
    """Return the public classes of one of regbench's packages, in the order of its files."""
    folder = Path(__file__).resolve().parent.parent / package
    return tuple(source for path in sorted(folder.glob("*.py")) for source in _read_classes(path))


def stages_of_source(source: Source) -> tuple[str, ...]:
    """Return the stages at which a regularizer acts, in order, without importing it.

    It agrees with `regbench.regularizers.stages.stages_of` for classes whose bases stand in the same file.
    """
    methods = frozenset[str]().union(*(cls.methods for cls in _lineage(source)))
    return tuple(stage for method, stage in read_stages().items() if method in methods)


def aim_of_source(source: Source) -> str:
    """Return the `aim` of a regularizer, its own or that of a base in the same file; empty where none is given."""
    return next((cls.aim for cls in _lineage(source) if cls.aim), "")


def _lineage(source: Source) -> Iterator[Source]:
    """Yield a regularizer and those of its bases that stand in the same file, the nearest first."""
    same_file = {other.name: other for other in read_sources("regularizers") if other.module == source.module}
    waiting = [source]
    while waiting:
        cls = waiting.pop(0)
        yield cls
        waiting += [same_file[base] for base in cls.bases if base in same_file]


@cache
def read_stages() -> dict[str, str]:
    """Return `STAGES` of `regbench.regularizers.stages`, which cannot be imported without torch."""
    path = Path(__file__).resolve().parent.parent / "regularizers" / "stages.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node.target) == "STAGES":
            return dict(ast.literal_eval(node.value))
    raise LookupError("regularizers/stages.py must assign STAGES a literal")


def _read_classes(path: Path) -> Iterator[Source]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError:
        return  # a broken file of a person's own must not hide the others; chosen, it is refused by name
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            given = {
                ast.unparse(item.target): str(item.value.value)
                for item in node.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.value, ast.Constant)
            }
            yield Source(
                module=f"regbench.{path.parent.name}.{path.stem}",
                name=node.name,
                choice=given.get("name", node.name.lower()),
                docstring=ast.get_docstring(node) or "",
                bases=tuple(ast.unparse(base) for base in node.bases),
                methods=frozenset(item.name for item in node.body if isinstance(item, ast.FunctionDef)),
                aim=given.get("aim", ""),
            )
