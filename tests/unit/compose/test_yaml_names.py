"""Names of columns that YAML reads as numbers: refused where another column may be meant."""

from __future__ import annotations

import pytest

from regbench.compose.yaml_names import refuse_respelled_names
from regbench.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "target: y\ndrop: [a, 1_1]\n",
            "mine.yaml, line 2: drop: 1_1 is read as the number 11; write '1_1', in quotes",
        ),
        ("target: 0x10\n", "line 1: target: 0x10 is read as the number 16"),
        ("weight: 010\n", "line 1: weight: 010 is read as the number 8"),
        ("dataset:\n  split:\n    groups: 1_000\n", "line 3: groups: 1_000 is read as the number 1000"),
        ("dataset:\n  drop:\n    - b\n    - 1:30\n", "line 4: drop: 1:30 is read as the number 90"),
    ],
)
def test_a_number_in_other_digits_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        refuse_respelled_names(text, "mine.yaml")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["drop: ['1_1', 11, -3, 0]\n", "path: data_1_1.csv\nbatch: 1_000\n", "", "- 1_1\n", "drop: null\nseed: 0x10\n"],
)
def test_all_else_is_allowed(text: str) -> None:
    refuse_respelled_names(text, "mine.yaml")
