"""Sealed JSON gives back exactly what was sealed, or refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.store.sealed_json import DamagedFileError, read_sealed, seal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.text(max_size=4).filter(lambda key: key != "sha256")


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_facts_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, facts: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("sealed") / "facts.json"
    path.write_bytes(seal(facts))
    again = read_sealed(path)
    assert again == facts
    assert repr(sorted(again.items(), key=lambda item: item[0])) == repr(
        sorted(facts.items(), key=lambda item: item[0])
    )


def test_another_digit_is_refused_and_another_layout_is_not(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    sealed = seal({"mean": [0.1, 0.25], "name": "é"})
    path.write_text(json.dumps(json.loads(sealed)))
    assert read_sealed(path) == {"mean": [0.1, 0.25], "name": "é"}
    path.write_bytes(sealed.replace(b"0.25", b"0.26"))
    with pytest.raises(DamagedFileError, match="its sha256 differs"):
        read_sealed(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"sha256": 3}', b"\xff", b"[" * 100_000])
def test_what_is_not_sealed_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "facts.json").write_bytes(content)
    with pytest.raises(DamagedFileError):
        read_sealed(tmp_path / "facts.json")


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_sealed(tmp_path / "facts.json")
