"""The .ts format of sktime and aeon: a header, then a line for each series, its channels and its target after colons.

Format: Bagnall et al. (2018), The UEA multivariate time series classification archive, as sktime and aeon read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regbench.data.lines import number_lines, read_number, show
from regbench.data.records import Floats
from regbench.data.series_rows import Channels, SeriesRows, read_values
from regbench.data.times import read_time
from regbench.errors import ConfigError

SWITCHES = ("timestamps", "missing", "univariate", "equallength", "targetlabel", "classlabel")
STAMPED = re.compile(r"\(([^()]*),([^(),]*)\)(,|$)")
OUTSIDE_BRACKETS = re.compile(r":(?![^()]*\))")


@dataclass(frozen=True)
class Header:
    """What a header says: its switches that are on, the number of channels if it tells, and the names of the classes.

    Without class names every text is a class.
    """

    on: frozenset[str]
    channels: int | None
    classes: tuple[str, ...]

    @property
    def task(self) -> str:
        """What the targets are; empty where the file has none."""
        if "classlabel" in self.on:
            return "classification"
        return "regression" if "targetlabel" in self.on else ""


def parse_ts(content: bytes, path: str) -> SeriesRows:
    """Return the series of a file.

    Args:
        content: the bytes of the file.
        path: what messages call it.

    Raises:
        ConfigError: names the line that is not in the format, or is not as the header says.
    """
    lines = number_lines(content, path, comments="#%")
    header = _read_header(lines, path)
    rows: list[Channels] = []
    places: list[str] = []
    labels: list[str] = []
    for number, line in lines:
        where = f"{path}: line {number}"
        channels = OUTSIDE_BRACKETS.split(line)
        if header.task:
            labels.append(channels.pop().strip())
            _check_label(labels[-1], header, where)
        if not channels or len(channels) != (header.channels or len(channels)):
            raise ConfigError(
                f"{where}: {len(channels)} channel(s) of values, the header says {header.channels or 'at least 1'}"
                f"{' and a target after them' if header.task else ''}"
            )
        read = _read_stamped if "timestamps" in header.on else _read_plain
        rows.append([read(channel.strip(), where) for channel in channels])
        if "equallength" in header.on and {len(values) for values in rows[-1]} != {len(rows[0][0])}:
            raise ConfigError(f"{where}: @equalLength is true, but this series is not as long as the first one")
        places.append(f"line {number}")
    if not rows:
        raise ConfigError(f"{path}: no series after @data")
    targets = np.array(labels, dtype=np.float64 if header.task == "regression" else np.str_)
    return SeriesRows(rows=rows, places=places, targets=targets, task=header.task)


def _read_header(lines: Iterator[tuple[int, str]], path: str) -> Header:
    switches: dict[str, bool] = {}
    channels: int | None = None
    classes: tuple[str, ...] = ()
    for number, line in lines:
        tag, *words = line.split()
        key, where = tag[1:].lower(), f"{path}: line {number}"
        if tag[0] != "@":
            raise ConfigError(f"{where}: {show(line)} stands before @data; declarations start with @")
        if key == "data":
            break
        if key in SWITCHES:
            switches[key] = _read_switch(words, line, where)
        if key == "classlabel":
            classes = tuple(words[1:])
        if key in ("dimension", "dimensions"):
            channels = int(words[0]) if len(words) == 1 and words[0].isdecimal() and len(words[0]) < 10 else 0
            if channels == 0:
                raise ConfigError(f"{where}: {show(line)}; it takes the number of channels")
    else:
        raise ConfigError(f"{path}: there is no line @data")
    on = frozenset(key for key, value in switches.items() if value)
    if {"classlabel", "targetlabel"} <= on:
        raise ConfigError(f"{path}: @classLabel and @targetLabel are both true; a series has one target")
    return Header(on, 1 if "univariate" in on else channels, classes)


def _read_switch(words: list[str], line: str, where: str) -> bool:
    if not words or words[0].lower() not in ("true", "false"):
        raise ConfigError(f"{where}: {show(line)}; it takes true or false")
    return words[0].lower() == "true"


def _check_label(label: str, header: Header, where: str) -> None:
    """Refuse a line without a target, or with another than the header says."""
    if label in ("", "?"):
        raise ConfigError(f"{where}: the target is missing; it stands after the values and a colon")
    if header.task == "classification":
        if header.classes and label not in header.classes:
            raise ConfigError(f"{where}: class {show(label)} is not among those of @classLabel")
    elif (target := read_number(label)) is None or np.isnan(target):
        raise ConfigError(f"{where}: the target {show(label)} is not a finite number")


def _read_plain(channel: str, where: str) -> Floats:
    return read_values(channel.split(","), where)


def _read_stamped(channel: str, where: str) -> Floats:
    """Return the values of `(time,value),(time,value)`, in the order of time."""
    stamps: list[float] = []
    fields: list[str] = []
    start, comma = 0, ","
    while comma:
        found = STAMPED.match(channel, start)
        if found is None:
            raise ConfigError(f"{where}: {show(channel[start:])} is not (TIME,VALUE)")
        time = read_time(found[1])
        if time is None:
            raise ConfigError(f"{where}: {show(found[1])} is neither a number nor a time such as 2020-12-31 23:59:59")
        stamps.append(time)
        fields.append(found[2])
        start, comma = found.end(), found[3]
    if len(set(stamps)) < len(stamps):
        raise ConfigError(f"{where}: a time appears twice in one channel")
    return read_values(fields, where)[np.argsort(stamps)]
