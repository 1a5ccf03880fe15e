"""The network file: what it means, and one clear line for every mistake in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.network import DEFAULT_FILE, NetworkError, load_network

GOOD = """
[[site]]
name = "stad"
hub = true
municipality = true
services = ["placement", "console"]

[[site]]
name = "west"
link = "stad"
services = ["placement", "console"]
[[site.location]]
name = "west"
title = "West"
"""


def mistakes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "network.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(NetworkError) as caught:
        load_network(path)
    for line in str(caught.value).splitlines():
        assert line.startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == len(caught.value.mistakes)
    return caught.value.mistakes


def test_the_default_network_is_a_municipality_and_three_linked_sites() -> None:
    network = load_network(DEFAULT_FILE)
    assert network.topology.sites == ["stad", "noord", "west", "zuidoost"]
    assert network.hub.name == "stad"
    assert network.site("stad").municipality
    assert network.site("stad").locations == []
    for name in ("west", "noord", "zuidoost"):
        assert [at.name for at in network.site(name).locations] == [name]
    assert network.topology.sites[0] == "stad"
    assert network.topology.tellers("west", "pub") == ["allowance", "intake", "placement"]
    assert network.topology.tellers("stad", "pub") == ["allowance", "placement"]


def test_any_number_of_sites_is_a_network(tmp_path: Path) -> None:
    path = tmp_path / "network.toml"
    more = "".join(f'[[site]]\nname = "s{n}"\nlink = "stad"\nservices = ["placement"]\n' for n in range(40))
    path.write_text(GOOD + more, "utf-8")
    assert len(load_network(path).topology.sites) == 42


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('link = "stad"', 'link = "stad"\nlocatoin = 1', 'site "west": unknown key "locatoin"'),
        ('title = "West"', 'title = "West"\nbeds = 3', 'site "west": location "west": unknown key "beds"'),
        ("\n[[site]]", "\ncolour = 1\n[[site]]", 'unknown key "colour"'),
        ('name = "west"\nlink = "stad"', 'name = "west"\nhub = true', "only one site can be the hub, not stad"),
        ("hub = true", "", "no site is the hub: give one site `hub = true`"),
        ("municipality = true", "", "no site is the municipality: give one site `municipality = true`"),
        ('link = "stad"', "", 'site "west": no link: a site is linked to the hub'),
        ('link = "stad"', 'link = "noord"', 'site "west": linked to "noord", which is no site'),
        ('link = "stad"', 'link = "west"', 'site "west": linked to "west", which is not the hub'),
        ("hub = true", 'hub = true\nlink = "west"', 'site "stad": the hub has no link of its own'),
        ('title = "West"', "", 'site "west": location "west": "title" is missing'),
        ('name = "stad"', "", 'site 1: "name" is missing'),
        ('name = "stad"', 'name = "Stad"', 'site "Stad": name "Stad": a name is a lower case letter, then'),
        ('name = "stad"', f'name = "{"s" * 32}"', f'site "{"s" * 32}": name '),
        ('name = "stad"', 'name = "west"', 'site "west" is named 2 times'),
        ('["placement", "console"]', '["kitchen"]', 'site "stad": unknown service "kitchen", known are '),
        ('["placement", "console"]', '["console", "console"]', 'site "stad": service "console" is named 2 times'),
        ('["placement", "console"]', "[]", 'site "stad": services: '),
        ('["placement", "console"]', '"placement"', 'site "stad": services: '),
        ("hub = true", 'hub = "perhaps"', 'site "stad": hub: '),
        (GOOD, "", '"site" is missing'),
        (GOOD, "[[site", "is not TOML: "),
        ('title = "West"\n', 'title = "W"\n' * 2, "is not TOML: "),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_says_where(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert before in GOOD
    found = mistakes(tmp_path, GOOD.replace(before, after, 1))
    assert any(line.startswith(expected) for line in found), found


def test_a_location_named_twice_or_at_two_sites_is_refused(tmp_path: Path) -> None:
    again = '[[site.location]]\nname = "west"\ntitle = "West"\n'
    assert 'site "west": location "west" is named 2 times' in mistakes(tmp_path, GOOD + again)
    third = '[[site]]\nname = "noord"\nlink = "stad"\nservices = ["placement"]\n'
    assert 'location "west" is at two sites: west and noord' in mistakes(tmp_path, GOOD + third + again)


def test_several_mistakes_are_several_lines(tmp_path: Path) -> None:
    text = GOOD.replace('["placement", "console"]', '["kitchen"]').replace('link = "stad"', "")
    assert len(mistakes(tmp_path, text)) == 3


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="there is no such file"):
        load_network(tmp_path / "none.toml")


def test_no_secret_shows_in_a_mistake(tmp_path: Path) -> None:
    text = GOOD.replace('link = "stad"', 'link = "stad"\npostgres = ["postgresql://user:hunter2@db/postgres"]')
    assert all("hunter2" not in line for line in mistakes(tmp_path, text))


def test_the_tests_of_a_file_stay_with_one_worker(request: pytest.FixtureRequest) -> None:
    """Else each worker would start the file's network for itself (`tests/conftest.py`)."""
    marked = request.node.get_closest_marker("xdist_group")
    assert marked is not None
    assert marked.args == ("system/test_network_file",)
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@system/test_network_file")
