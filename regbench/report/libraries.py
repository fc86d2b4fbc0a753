"""What the page needs besides regbench's own dependencies."""

from __future__ import annotations

from importlib import import_module

from regbench.errors import ConfigError

NEEDED = ("matplotlib", "jinja2")
INSTALL = "pip install 'regbench[report]'"


def require_libraries() -> None:
    """Refuse, in one line, where matplotlib or jinja2 is missing.

    Raises:
        ConfigError: one of them cannot be imported; the line says how to install both.
    """
    for name in NEEDED:
        try:
            import_module(name)
        except ImportError:
            raise ConfigError(f"the page needs {name}, which is not installed: {INSTALL}") from None
