"""Techniques that exclude each other, and techniques of other packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest
from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.config.registry import _installed as installed
from regbench.errors import ConfigError
from regbench.regularizers import registry
from regbench.regularizers.base import Context, Regularizer, Rows


@dataclass(frozen=True, kw_only=True)
class Foreign(Regularizer):
    """A technique that another package brings."""

    strength: Hyper = hyper(0.5, high=1.0, search=(0.0, 1.0), off=0.0)

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        return losses * (1.0 + self.strength)


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Let the list of installed techniques be made anew, before and after."""
    installed.cache_clear()
    yield
    installed.cache_clear()


def test_a_conflicting_pair_is_refused_whichever_is_named_first() -> None:
    for members in ({"l1": {}, "elastic_net": {}}, {"elastic_net": {}, "l1": {}}):
        with pytest.raises(ConfigError, match="elastic_net excludes l1"):
            registry.build_regularizers(members)


@pytest.mark.usefixtures("forgetful")
def test_an_installed_package_adds_a_technique(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("foreign", f"{__name__}:Foreign", "regbench.regularizers")
    monkeypatch.setattr(EntryPoint, "load", lambda self: Foreign)
    monkeypatch.setattr("regbench.config.registry.entry_points", lambda group: [point] if group == point.group else [])
    assert "foreign" in registry.names()
    built = registry.build_regularizers({"foreign": {"name": "foreign", "strength": 0.25}})
    assert built == {"foreign": Foreign(strength=0.25)}
    with pytest.raises(ConfigError, match=r"regularizer\.foreign\.strength=2 is not allowed.*\[0, 1\]"):
        registry.build_regularizers({"foreign": {"strength": 2}})
