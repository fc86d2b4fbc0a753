"""What the page needs besides regbench's own dependencies."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from regbench.errors import ConfigError

NEEDED = ("matplotlib", "jinja2")
INSTALL = "pip install 'regbench[report]'"


def require_libraries(names: Sequence[str] = NEEDED) -> None:
    """Refuse, in one line, where one of these libraries is missing.

    Raises:
        ConfigError: one of them cannot be imported; the line says how to install all.
    """
    for name in names:
        try:
            import_module(name)
        except ImportError:
            raise ConfigError(f"the page needs {name}, which is not installed: {INSTALL}") from None
