"""Files of every kind with random damage: read as finite numbers or refused in one line, never anything else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regbench.data import load
from regbench.errors import ConfigError

DRAW = np.random.default_rng(1)
ROUNDS = 60
PIECES = (
    "?", ",", ":", "\n", "@", "{", "}", "'", '"', "nan", "inf", "1e999", "-", "\t", " ", "\0", "é", "\u2028", "%", "#",
    "@data", "(", ")", "1_0", "<null>", "\r", "9" * 400, "@attribute x string\n", "1e308", "0:1 ",
    "999999999:1", "qid:1",
)  # fmt: skip


def numbers(count: int) -> list[str]:
    return [f"{value:.3f}" for value in DRAW.normal(size=count)]


def ts(target: str, stamped: bool = False) -> str:
    """Return 24 series of two channels, one value missing."""
    lines = [
        f"@problemName p\n@timeStamps {stamped}\n@univariate false\n@dimensions 2\n@equalLength true\n{target}\n@data"
    ]
    for row in range(24):
        channels = [[*numbers(3), "?", *numbers(2)] for _ in range(2)]
        if stamped:
            channels = [[f"(2020-01-0{k + 1} 00:00:00,{cell})" for k, cell in enumerate(one)] for one in channels]
        label = "ab"[row % 2] if "class" in target else str(row)
        lines.append(":".join([*map(",".join, channels), label]))
    return "\n".join(lines)


def rows(count: int, line: Any) -> str:
    return "\n".join(line(row) for row in range(count)) + "\n"


ARFF = (
    "% c\n@relation 'x y'\n@attribute 'a b' numeric\n@attribute c {red,'light blue'}\n"
    '@attribute d date "yyyy-MM-dd"\n@attribute y {no,yes}\n@data\n'
)
KEEL = (
    "@relation x\n@attribute a real [0, 1]\n@attribute b integer[0,9]\n@attribute c{p,q}\n@attribute y {no,yes}\n"
    "@inputs a, b, c\n@outputs y\n@data\n"
)
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "a.ts": (ts("@classLabel true a b"), {"name": "series"}),
    "stamped.ts": (ts("@classLabel true a b", stamped=True), {"name": "series"}),
    "number.ts": (ts("@targetLabel true"), {"name": "series", "lengths": "pad"}),
    "a.tsv": (rows(24, lambda row: "\t".join([str(row % 2), *numbers(6)])), {"name": "series"}),
    "wide.csv": (
        "y,a,b,c\n" + rows(24, lambda row: ",".join(["ab"[row % 2], *numbers(3)])),
        {"name": "series", "target": "y", "lengths": "resample"},
    ),
    "long.csv": (
        "id,t,u,y\n" + rows(64, lambda row: f"s{row // 4},{row % 4},{numbers(1)[0]},{'ab'[row // 4 % 2]}"),
        {"name": "series", "target": "y", "id": "id", "time": "t", "lengths": "pad"},
    ),
    "a.arff": (
        ARFF + rows(30, lambda row: f"{row},{('red', repr('light blue'), '?')[row % 3]},2020-01-{row % 28 + 1},yes"),
        {"name": "arff", "target": "a b"},
    ),
    "a.dat": (
        KEEL + rows(30, lambda row: f"0.5, {row % 9}, {('p', '<null>')[row % 2]}, {('no', 'yes')[row % 2]}"),
        {"name": "keel"},
    ),
    "a.svm": (rows(30, lambda row: f"{row % 2} 1:{row} 3:{numbers(1)[0]} 7:1e-3 # c"), {"name": "libsvm"}),
    "time.csv": (
        "t,u,v\n" + rows(60, lambda row: ",".join([str(row), *numbers(2)])),
        {"name": "forecast", "time": "t", "target": "u", "lookback": 5, "season": 7},
    ),
}


def damage(content: bytes, draw: random.Random) -> bytes:
    """Return the bytes with one piece lost, put in or replaced, cut short, or with a line twice or gone."""
    place, kind = draw.randrange(len(content)), draw.randrange(6)
    piece, lines = draw.choice(PIECES).encode(), content.split(b"\n")
    line = draw.randrange(len(lines))
    return (
        content[:place],
        content[:place] + content[place + 1 :],
        content[:place] + piece + content[place:],
        content[:place] + piece + content[place + draw.randrange(12) :],
        b"\n".join([*lines[: line + 1], *lines[line:]]),
        b"\n".join(lines[:line] + lines[line + 1 :]),
    )[kind]


@pytest.mark.parametrize("name", CASES)
def test_damaged_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    content, settings = CASES[name]
    draw, path = random.Random(name), tmp_path / name
    said: list[str] = []
    path.write_bytes(content.encode())
    values = {**settings, "path": str(path), "split": {} if name == "time.csv" else {"stratify": False}}
    load(values)
    for _ in range(ROUNDS):
        path.write_bytes(damage(content.encode(), draw))
        try:
            split = load(values)
        except ConfigError as reason:
            said.append(str(reason))
            continue
        for part in (split.train, split.val, split.test):
            assert np.isfinite(part.x).all()
            assert np.isfinite(part.y).all()
    assert 0 < len(said) < ROUNDS
    assert all(line.isprintable() for line in said)
