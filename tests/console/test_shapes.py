"""A real map out of GeoJSON: north is up, names stand inside, and what is no map leaves the schematic one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from services.console.api_city import PAPER, TILE, _plan
from services.console.city import city
from services.console.shapes import WIDTH, NoMap, plan
from services.console.words import words
from tests.console.test_board import NOW
from tests.console.test_city import answer, row
from tests.console.test_pages import Pages


def square(west: float, south: float, size: float = 1.0) -> list[list[float]]:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(name: str, *rings: list[list[Any]], **more: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": list(rings)}
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry} | more


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def test_north_is_up_and_a_degree_east_is_shorter_than_one_north() -> None:
    found = plan(collection(feature("South", square(4.0, 52.0)), feature("North", square(4.0, 53.0))))
    south, north = found.shapes
    assert (found.width, north.y < south.y) == (WIDTH, True)
    assert found.height == pytest.approx(2 * WIDTH / math.cos(math.radians(53)), abs=1)
    assert (south.x, north.x) == (WIDTH // 2, WIDTH // 2)
    assert south.path.startswith("M0 ")
    assert south.path.endswith("Z")


def test_a_district_of_several_pieces_has_its_name_in_the_largest() -> None:
    pieces = {"type": "MultiPolygon", "coordinates": [[square(4.0, 52.0, 0.1)], [square(4.5, 52.0, 0.5)]]}
    (shape,) = plan(collection(feature("Two", geometry=pieces))).shapes
    assert shape.path.count("M") == 2
    assert shape.x > WIDTH // 2


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {"type": "Feature"},
        collection(),
        collection(feature("", square(4, 52))),
        collection(feature("x", geometry={"type": "Point", "coordinates": [4, 52]})),
        collection(feature("x", [[4, "north"]])),
        collection(feature("x", [[4.0, 52.0], [4.0, 52.0]])),
        collection(feature("x", square(170, 52, 50))),
        collection({"geometry": None, "properties": None}),
        collection(feature("x", square(4, 52), [])),
        collection(feature("x", square(4, 52)), feature("y", [])),
        collection(feature("x", [[10**400, 52], [5, 53], [4, 53]])),
        collection(feature("x", square(4, 52), [[math.nan, 52], [5, 53], [4, 53]])),
        collection(feature("x", [[0, 84.9], [5e-324, 84.9], [0, 84.95]])),
        collection(feature("x", [[4, 40], [4.001, 52], [4, 60]])),
    ],
)
def test_what_is_no_map_is_refused(wrong: Any) -> None:
    with pytest.raises(NoMap):
        plan(wrong)


def test_a_file_that_changes_is_drawn_anew_and_one_that_is_none_leaves_the_schematic_map(tmp_path: Path) -> None:
    file = tmp_path / "map.geojson"
    assert _plan(None) is None
    assert _plan(file) is None
    for no_map in ("{", "[" * 200_000, json.dumps(collection(feature("x", square(4, 52), [])))):
        file.write_text(no_map, "utf-8")
        assert _plan(file) is None
    file.write_text(json.dumps(collection(feature("Noord", square(4, 52)))), "utf-8-sig")
    drawn = _plan(file)
    assert drawn is not None
    assert [shape.name for shape in drawn.shapes] == ["Noord"]


@pytest.mark.parametrize("paper", [None, PAPER])
def test_the_map_of_the_page_and_of_the_file_shows_each_district_as_it_is(tmp_path: Path, paper: Any) -> None:
    pages, spoken = Pages(tmp_path), words("en")
    asked = Request({"type": "http", "path": "/city", "query_string": b"", "headers": [(b"accept-language", b"en")]})
    shown = city(answer(row()), "stad", None, NOW, "", spoken)
    first = shown.tiles[0]
    found = plan(collection(feature(first.key.upper(), square(4, 52)), feature("<Elsewhere>", square(5, 52))))
    facts: dict[str, Any] = {"city": shown, "tile": TILE, "plan": found} | ({"paper": paper} if paper else {})
    drawn = bytes(pages.screens.page(asked, "city_map.html", **facts).body).decode()
    assert drawn.count("<path") == 2
    assert f"area tile-{first.level}" in drawn
    assert f">{first.free}</text>" in drawn
    assert "&lt;Elsewhere&gt;" in drawn
    assert first.about in drawn
    assert "<rect" not in drawn
