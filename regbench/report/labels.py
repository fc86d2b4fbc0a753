"""Where the names of points and lines go, so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH_OF_LETTER = 0.6
"""Mean width of a letter as a share of the font's size, rounded up: fonts differ from one reader to the next."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, from its lower left corner."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: Box) -> float:
        """Return the area that two boxes share."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        along = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(across, 0.0) * max(along, 0.0)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return places that keep their order, are `gap` apart and lie as near to the given ones as that allows.

    Where there is no room for the gap between `low` and `high`, they are evenly spaced.

    >>> spread([0.0, 1.0, 20.0], 5.0, 0.0, 30.0)
    [0.0, 5.0, 20.0]
    """
    count = len(places)
    if count > 1:
        gap = min(gap, (high - low) / (count - 1))
    order = sorted(range(count), key=lambda place: (places[place], place))
    # Less rank x gap, places that keep their distance are places that do not fall: those that do share their mean.
    pools: list[tuple[float, int]] = []
    for rank, place in enumerate(order):
        pools.append((places[place] - rank * gap, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (right, many), (left, few) = pools.pop(), pools.pop()
            pools.append(((right * many + left * few) / (many + few), many + few))
    levels = [level for level, size in pools for _ in range(size)]
    found, top = [0.0] * count, high - gap * (count - 1)
    for rank, (place, level) in enumerate(zip(order, levels, strict=True)):
        found[place] = min(max(level, low), max(top, low)) + rank * gap
    return found


def place_labels(points: Sequence[tuple[float, float]], names: Sequence[str], font: float, frame: Box) -> list[Box]:
    """Return a box for the name of each point, in pixels: where it overlaps least with names and points.

    Each name is tried to the right, left, above and below its point and then ever farther away; it stays in the frame.
    """
    marks = [Box(x - 4, y - 4, 8, 8) for x, y in points]
    placed: list[Box] = []
    for (x, y), name in zip(points, names, strict=True):
        width = len(name) * font * WIDTH_OF_LETTER
        tried = [_keep_inside(box, frame) for box in _list_places(x, y, width, font * 1.15)]
        placed.append(min(tried, key=lambda box: _crowd(box, [*placed, *marks])))
    return placed


def _list_places(x: float, y: float, width: float, height: float) -> Iterator[Box]:
    for distance in range(6):
        lift = distance * height * 0.75
        for sign in (1, -1) if distance else (1,):
            yield Box(x + 7, y - height / 2 + sign * lift, width, height)
            yield Box(x - 7 - width, y - height / 2 + sign * lift, width, height)
        if distance:
            yield Box(x - width / 2, y + lift, width, height)
            yield Box(x - width / 2, y - height - lift, width, height)


def _crowd(box: Box, others: Sequence[Box]) -> float:
    return sum(box.overlap(other) for other in others)


def _keep_inside(box: Box, frame: Box) -> Box:
    x = min(max(box.x, frame.x), frame.x + frame.width - box.width)
    y = min(max(box.y, frame.y), frame.y + frame.height - box.height)
    return Box(x, y, box.width, box.height)
