"""The words after a command."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import NoReturn

from regbench.errors import ConfigError


class Words(ArgumentParser):
    """Parser of a command's words, for which a mistake is one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the words."""
        raise ConfigError(f"{self.prog}: {message}; {self.usage}")
