"""Hydra's configuration loader over regbench's search path, with every composition checked before Hydra acts on it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.types import RunMode
from omegaconf import DictConfig

from regbench.compose.explain import explain
from regbench.compose.guard import check_groups, check_hydra, check_overrides
from regbench.errors import ConfigError, RegbenchError
from regbench.paths import config_dir

PRIMARY = "config"
VARIABLE = "REGBENCH_CONFIG_PATH"
ENTRY_POINTS = "regbench.configs"


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's loader, which refuses what `guard` refuses and says everything else in one line."""

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


def search_path(main: str | None, extra: str | None) -> ConfigSearchPath:
    """Return the folders Hydra searches, first match wins: Hydra's, regbench's, then the person's own.

    Args:
        main: `--config-path`, in place of the shipped configurations.
        extra: `--config-dir`. After it come REGBENCH_CONFIG_PATH and the entry points `regbench.configs`.

    Raises:
        ConfigError: a folder does not exist.
    """
    version.setbase("1.3")
    path = create_config_search_path(str(_folder(main, "--config-path") if main else config_dir()))
    schema = SearchPathQuery(provider="schema", path=None)  # Hydra wants its own schema source to stay last
    if extra:
        path.prepend("command-line", f"file://{_folder(extra, '--config-dir')}", schema)
    for folder in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        path.prepend("environment", f"file://{_folder(folder, VARIABLE)}", schema)
    for name, module in _entry_points():
        path.prepend(f"plugin:{name}", f"pkg://{module}", schema)
    return path


def shadowed(loader: ConfigLoaderImpl, name: str, overrides: list[str]) -> Iterator[str]:
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
                yield f"{source.path}/{file} is ignored, for regbench has one of that name; choose another name"


def warn(line: str) -> None:
    """Print a warning, one line, to the error stream."""
    print(f"regbench: warning: {line}", file=sys.stderr)


def _folder(given: str, where: str) -> Path:
    folder = Path(given).expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError(f"{where}: there is no folder {str(folder)!r}")
    return folder


def _entry_points() -> Sequence[tuple[str, str]]:
    from importlib.metadata import entry_points

    return sorted((point.name, point.value) for point in entry_points(group=ENTRY_POINTS))


@contextmanager
def explained(loader: ConfigLoaderImpl) -> Iterator[None]:
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
        warn(" ".join(line.split()))
