"""Hydra's configuration loader over regbench's search path, with every composition checked before Hydra acts on it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import IConfigRepository
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.default_element import ResultDefault
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from regbench.compose.explain import explain
from regbench.compose.guard import check_groups, check_hydra, check_overrides
from regbench.compose.yaml_names import refuse_respelled_names
from regbench.config.folders import environment_folders, existing_folder
from regbench.config.paths import config_dir
from regbench.errors import RegbenchError, escape

PRIMARY = "config"
ENTRY_POINTS = "regbench.configs"


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's loader, which refuses what `guard` refuses and says everything else in one line.

    Args:
        path: the folders to search.
        warn: takes each warning as one line.
    """

    def __init__(self, path: ConfigSearchPath, warn: Callable[[str], None]) -> None:
        super().__init__(path)
        self.warn = warn

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose one configuration; without a name, the primary one.

        Raises:
            ConfigError: it cannot be composed, or it would make Hydra write or execute something.
        """
        check_overrides(overrides)
        with explained(self):
            cfg = super().load_configuration(
                config_name or PRIMARY, overrides, run_mode, from_shell, validate_sweep_overrides
            )
        check_hydra(cfg.hydra)
        check_groups(cfg)
        return cfg

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        loaded = super()._load_single_config(default, repo)
        folder = loaded.path.removeprefix("file://") if loaded.path.startswith("file://") else None
        if folder is not None and default.config_path is not None:
            file = Path(folder, default.config_path).with_suffix(".yaml")
            refuse_respelled_names(file.read_text(encoding="utf-8"), escape(str(file)))
        return loaded

    def _compose_config_from_defaults_list(self, *args: Any, **kwargs: Any) -> DictConfig:
        cfg: DictConfig = super()._compose_config_from_defaults_list(*args, **kwargs)
        for group in set(cfg) - {"hydra"}:
            _open_empty(cfg._get_node(group))
        return cfg


@contextmanager
def open_loader(main: str | None, extra: str | None, warn: Callable[[str], None]) -> Iterator[CheckedLoader]:
    """Provide a loader over the folders that `search_path` returns, and leave Hydra's global state as it was.

    Args:
        main: `--config-path`, in place of the shipped configurations.
        extra: `--config-dir`.
        warn: takes each warning as one line.

    Raises:
        ConfigError: a folder does not exist.
    """
    with hydra_1_3():
        yield CheckedLoader(search_path(main, extra), warn)


@contextmanager
def hydra_1_3() -> Iterator[None]:
    """Let Hydra behave as version 1.3 does; a program that calls regbench may have chosen another for itself."""
    before = version.VersionBase.instance()
    version.VersionBase.set_instance(version.VersionBase.__new__(version.VersionBase))
    version.setbase("1.3")
    try:
        yield
    finally:
        version.VersionBase.set_instance(before)


def search_path(main: str | None, extra: str | None) -> ConfigSearchPath:
    """Return the folders Hydra searches, first match wins: Hydra's, regbench's, then the person's own.

    Args:
        main: `--config-path`, in place of the shipped configurations.
        extra: `--config-dir`. After it come REGBENCH_CONFIG_PATH and the entry points `regbench.configs`.

    Raises:
        ConfigError: a folder does not exist.
    """
    path = create_config_search_path(str(existing_folder(main, "--config-path") if main else config_dir()))
    schema = SearchPathQuery(provider="schema", path=None)  # Hydra wants its own schema source to stay last
    if extra:
        path.prepend("command-line", f"file://{existing_folder(extra, '--config-dir')}", schema)
    for folder in environment_folders():
        path.prepend("environment", f"file://{folder}", schema)
    for name, module in _entry_points():
        path.prepend(f"plugin:{name}", f"pkg://{module}", schema)
    return path


def shadowed(loader: CheckedLoader, name: str, overrides: list[str]) -> Iterator[str]:
    """Yield, for each of a person's own files that a shipped one hides, a line that says so.

    The overrides and the primary configuration count because `hydra.searchpath` may stand in either.
    """
    with explained(loader):
        sources = loader._parse_overrides_and_create_caching_repo(name, overrides)[1].get_sources()
    shipped = next(source for source in sources if source.provider == "main")
    own = [source for source in sources if source.provider not in ("hydra", "main", "schema")]
    if not own:
        return
    root = Path(shipped.path)
    files = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.yaml"))]
    for source in own:
        for file in files:
            if source.is_config(file.removesuffix(".yaml")):
                yield f"{source.path}/{file} is ignored because regbench has one of that name; choose another name"


def _open_empty(node: object) -> None:
    """Let overrides add keys to the empty mappings inside a node, such as `layers: {}`, whose keys are a person's own.

    Hydra refuses every key that the composed configuration lacks. The node itself stays closed: `regularizer: {}`
    means that none is selected.
    """
    if not isinstance(node, DictConfig) or node._is_none() or node._is_missing() or node._is_interpolation():
        return
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_interpolation() and not len(child):
            OmegaConf.set_struct(child, False)
        _open_empty(child)


def _entry_points() -> Sequence[tuple[str, str]]:
    from importlib.metadata import entry_points

    return sorted((point.name, point.value) for point in entry_points(group=ENTRY_POINTS))


@contextmanager
def explained(loader: CheckedLoader) -> Iterator[None]:
    """Turn whatever composing raises or warns into one line each.

    Hydra, OmegaConf and PyYAML raise exceptions of many unrelated classes on a bad file; none of them may end in a
    traceback. HYDRA_FULL_ERROR=1, Hydra's own switch, lets them through.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        warnings.filterwarnings("error", message=".*path=.* is not available")
        try:
            yield
        except RegbenchError:
            raise
        except Exception as error:
            if os.environ.get("HYDRA_FULL_ERROR") == "1":
                raise
            raise explain(error, loader) from error
    for line in dict.fromkeys(str(warning.message) for warning in caught):
        loader.warn(" ".join(line.split()))
