"""Composition of the runs of a sweep: by Hydra, or copied from a run that differs in plain values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hydra.types import RunMode
from omegaconf import AnyNode, DictConfig, OmegaConf

from regbench.compose.axes import Axis, Choice
from regbench.compose.guard import declared_sweep
from regbench.compose.loader import CheckedLoader
from regbench.config.added_keys import leave_out_idle
from regbench.config.run_config import RunConfig, build_run, resolve
from regbench.config.values import check_plain
from regbench.errors import ConfigError

Path = tuple[str, ...]


class RunComposer:
    """Composes the runs of one sweep, with Hydra once for each combination of words that are not plain values.

    `declared` is the sweep that the configuration itself declares; a run in which it differs is refused.
    """

    def __init__(
        self, loader: CheckedLoader, name: str, hydra_words: Sequence[str], axes: Sequence[Axis], declared: object
    ) -> None:
        self._loader, self._name, self._hydra_words, self._declared = loader, name, list(hydra_words), declared
        self._plain = [place for place, axis in enumerate(axes) if axis.path]
        self._fixed = [place for place, axis in enumerate(axes) if not axis.path]
        self._paths = [axes[place].path for place in self._plain]
        self._templates: dict[tuple[str, ...], Template | None] = {}

    def compose(self, choices: Sequence[Choice]) -> RunConfig:
        """Return the run of these choices, one of each axis, exactly as composing it alone would.

        Raises:
            ConfigError: it cannot be used.
        """
        words = [choice.word for choice in choices]
        fixed = tuple(words[place] for place in self._fixed)
        template = self._templates.get(fixed)
        if template is not None:
            try:
                return build_run(template.fill([choices[place] for place in self._plain]), words)
            except ConfigError:
                pass  # composed in full, below, it is refused in the same words as alone
        cfg = self._loader.load_configuration(self._name, [*self._hydra_words, *words], RunMode.RUN)
        if declared_sweep(cfg) != self._declared:
            raise ConfigError(f"{' '.join(words)}: an experiment that declares a sweep cannot be one value of another")
        values = resolve(cfg)
        if self._plain and fixed not in self._templates:
            self._templates[fixed] = template = Template(values, self._paths) if can_copy(cfg, self._paths) else None
            if template is not None:
                # the same values, but shared with the others
                values = template.fill([choices[place] for place in self._plain])
        return build_run(values, words)


class Template:
    """The resolved values of one run, to be filled with the plain values of others; what is equal is shared."""

    def __init__(self, values: Mapping[str, object], paths: Sequence[Path]) -> None:
        self._values = values
        self._settled = {head: _settle(head, node) for head, node in values.items()}
        self._by_head: dict[str, list[tuple[int, Path]]] = {}
        for place, (head, *rest) in enumerate(paths):
            self._by_head.setdefault(head, []).append((place, tuple(rest)))
        self._made: dict[tuple[str, ...], object] = {}

    def fill(self, choices: Sequence[Choice]) -> dict[str, object]:
        """Return the values of the run that has these choices, one for each path.

        Raises:
            ConfigError: a value cannot be used.
        """
        changed = {}
        for head, places in self._by_head.items():
            words = tuple(choices[place].word for place, _ in places)  # not the values: 1, 1.0 and True are equal
            if words not in self._made:
                node = self._values[head]
                for place, rest in places:
                    where = ".".join((head, *rest))
                    node = put(node, rest, check_plain(choices[place].value, where))
                self._made[words] = _settle(head, node)
            changed[head] = self._made[words]
        return {**self._settled, **changed}


def _settle(head: str, node: object) -> object:
    """Leave out, here once and not for each run anew, the keys that change nothing."""
    if not isinstance(node, Mapping):
        return node
    if head == "dataset":
        return leave_out_idle(node, head)
    if head != "regularizer":
        return node
    return {
        name: leave_out_idle(member, f"{head}.{name}") if isinstance(member, Mapping) else member
        for name, member in node.items()
    }


def put(node: object, path: Path, value: object) -> object:
    """Return a copy of nested mappings with another value at a path; everything off the path is shared.

    Raises:
        LookupError: the path does not lead through mappings.
    """
    if not path:
        return value
    if not isinstance(node, Mapping):
        raise LookupError(path[0])
    return {**node, path[0]: put(node[path[0]], path[1:], value)}


def can_copy(cfg: DictConfig, paths: Sequence[Path]) -> bool:
    """Tell whether runs that differ from a composed one in plain values at these paths differ nowhere else.

    They may differ if anything refers to another key, or if a node has a type of its own and so changes or refuses
    what it is given.
    """
    raw = OmegaConf.to_container(cfg, resolve=False)
    if not isinstance(raw, dict) or "${" in repr([value for key, value in raw.items() if key != "hydra"]):
        return False
    groups = {str(group).replace("/", ".") for group in cfg.hydra.runtime.choices}
    return all(".".join(path) not in groups and _is_untyped(cfg, path) for path in paths)


def _is_untyped(cfg: DictConfig, path: Path) -> bool:
    node: object = cfg
    for key in path:
        if type(node) is not DictConfig or node._is_none() or not all(isinstance(name, str) for name in node):
            return False
        node = node._get_node(key)
    return type(node) is AnyNode
