"""A real map: the outlines of districts out of a GeoJSON file, as paths of a picture. Pure.

The file is the municipality's (`map` in the network file): a FeatureCollection of polygons in degrees, each with the
name of a district in its properties. Degrees are drawn as on any city plan: north is up, and a degree east is as much
shorter than one north as it is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 840
"""Units of the picture; its height follows from the city."""
HEIGHT_MAX = 10 * WIDTH
"""No city is a line."""
BYTES_MAX = 4_000_000
POINTS_MAX = 50_000
NAMES = ("name", "naam", "Name", "Stadsdeel", "stadsdeel")
"""Properties in which the name of a district stands, the first that is there."""

Point = tuple[float, float]


class NoMap(ValueError):
    """The file is no map of districts."""


@dataclass(frozen=True)
class Shape:
    """One district: its outline, and where its name stands."""

    name: str
    path: str
    x: int
    y: int


@dataclass(frozen=True)
class Plan:
    shapes: Sequence[Shape]
    width: int
    height: int


def plan(geojson: Any) -> Plan:
    """The map of a file's content. Raises `NoMap`, whatever is wrong with it: the page has a map of its own then."""
    try:
        return _plan(list(_districts(geojson)))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        raise NoMap from None


def _plan(districts: Sequence[tuple[str, list[list[Point]]]]) -> Plan:
    points = [point for _, rings in districts for ring in rings for point in ring]
    if not points or len(points) > POINTS_MAX:
        raise NoMap
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    if not (-180 <= west < east <= 180 and -85 <= south < north <= 85):
        raise NoMap
    narrow = math.cos(math.radians((south + north) / 2))
    scale = WIDTH / ((east - west) * narrow)

    def at(point: Point) -> tuple[int, int]:
        return round((point[0] - west) * narrow * scale), round((north - point[1]) * scale)

    shapes = [_shape(name, [[at(point) for point in ring] for ring in rings]) for name, rings in districts]
    height = max(1, round((north - south) * scale))
    if height > HEIGHT_MAX:
        raise NoMap
    return Plan(shapes, WIDTH, height)


def _districts(geojson: Any) -> Iterator[tuple[str, list[list[Point]]]]:
    if geojson["type"] != "FeatureCollection":
        raise NoMap
    for feature in geojson["features"]:
        geometry, properties = feature["geometry"], feature["properties"]
        name = str(properties[min(NAMES, key=lambda key: (not properties.get(key), NAMES.index(key)))])
        if not name:
            raise NoMap
        polygons = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}[geometry["type"]]
        yield name, [[(float(x), float(y)) for x, y, *_ in ring] for polygon in polygons for ring in polygon]


def _shape(name: str, rings: Sequence[Sequence[tuple[int, int]]]) -> Shape:
    largest = max(rings, key=lambda ring: abs(_area(ring)))
    x, y = _middle(largest)
    return Shape(name, "".join(_path(ring) for ring in rings), x, y)


def _path(ring: Sequence[tuple[int, int]]) -> str:
    kept = [point for before, point in zip([None, *ring], ring, strict=False) if point != before]
    return "M" + "L".join(f"{x} {y}" for x, y in kept) + "Z"


def _area(ring: Sequence[tuple[int, int]]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


def _middle(ring: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The centre of a ring; of one without an area, of its points."""
    area = _area(ring)
    if not area:
        return round(sum(x for x, _ in ring) / len(ring)), round(sum(y for _, y in ring) / len(ring))
    x = y = 0.0
    for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
        part = a[0] * b[1] - b[0] * a[1]
        x, y = x + (a[0] + b[0]) * part, y + (a[1] + b[1]) * part
    return round(x / (6 * area)), round(y / (6 * area))
