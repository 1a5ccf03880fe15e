"""What a process knows of the others from their beats, on its own monotonic clock."""

from __future__ import annotations

import pytest

from shared.beats import BEAT_BYTES_MAX, SERVICES_MAX, Beat, Link, Links, beat_subject, read_beat
from shared.envelope import Log, Origin

WEST = Origin("west", "placement", 2)


def beat(site: str = "west", service: str = "placement", epoch: int = 2, **sequences: int) -> Beat:
    told: dict[Log, int] = {"pub": sequences.get("pub", 0), "loc": sequences.get("loc", 0)}
    return Beat.of(Origin(site, service, epoch), told)


@pytest.fixture
def links() -> Links:
    return Links("stad", ["stad", "west", "noord"])


@pytest.mark.parametrize(
    ("silent_seconds", "state"),
    [(0.0, "live"), (14.9, "live"), (15.0, "late"), (299.9, "late"), (300.0, "silent"), (90_000.0, "silent")],
)
def test_a_link_ages_from_live_to_late_to_silent(links: Links, silent_seconds: float, state: str) -> None:
    links.heard(beat(), 1_000.0)
    link = links.link("west", 1_000.0 + silent_seconds)
    assert link.state == state
    assert link.silent_seconds == pytest.approx(silent_seconds)


def test_a_site_never_heard_is_unknown(links: Links) -> None:
    assert links.link("west", 5.0) == Link("unknown", None)


def test_the_own_site_is_always_live(links: Links) -> None:
    assert links.link("stad", 1e9) == Link("live", 0.0)


def test_a_beat_makes_a_silent_link_live_again(links: Links) -> None:
    links.heard(beat(), 0.0)
    assert links.link("west", 400.0).state == "silent"
    links.heard(beat(), 401.0)
    assert links.link("west", 402.0).state == "live"


def test_a_site_is_heard_when_any_of_its_services_is_and_a_service_only_by_itself(links: Links) -> None:
    links.heard(beat(service="placement"), 0.0)
    links.heard(beat(service="console"), 100.0)
    assert links.link("west", 101.0).state == "live"
    assert links.link("west", 101.0, "placement").state == "late"
    assert links.link("west", 101.0, "intake").state == "unknown"


def test_what_was_told_is_the_highest_sequence_heard(links: Links) -> None:
    assert links.told(WEST) == 0
    links.heard(beat(pub=5, loc=9), 0.0)
    links.heard(beat(pub=4, loc=8), 1.0)
    assert (links.told(WEST), links.told(WEST, "loc")) == (5, 9)


def test_a_new_epoch_counts_from_its_own_beginning_and_an_old_one_changes_nothing(links: Links) -> None:
    links.heard(beat(pub=50), 0.0)
    links.heard(beat(epoch=3, pub=1), 1.0)
    links.heard(beat(epoch=2, pub=60), 2.0)
    assert links.told(Origin("west", "placement", 3)) == 1
    assert links.told(WEST) == 0
    assert links.origins() == [Origin("west", "placement", 3)]


@pytest.mark.parametrize(
    ("subject", "data"),
    [
        ("beat.west.placement", b""),
        ("beat.west.placement", b"\xff\x00"),
        ("beat.west.placement", b"[" * 900),
        ("beat.west.placement", b'{"site": "west"}'),
        ("beat.west.placement", beat(epoch=2, pub=1).model_dump_json().encode().replace(b"2", b'"2"')),
        ("beat.west.placement", beat().model_dump_json().encode().replace(b'"pub":0', b'"pub":-1')),
        ("beat.west.placement", beat().model_dump_json().encode().replace(b'"pub"', b'"priv"')),
        ("beat.west.placement", beat().model_dump_json().encode()[:-1] + b',"more":1}'),
        ("beat.west.placement", beat().model_dump_json().encode() + b" " * BEAT_BYTES_MAX),
        ("beat.noord.placement", beat().model_dump_json().encode()),
        ("beat.west.console", beat().model_dump_json().encode()),
        ("beat.zuid.placement", beat(site="zuid").model_dump_json().encode()),
    ],
)
def test_a_beat_that_is_malformed_lying_or_of_a_strange_site_is_counted_and_ignored(
    links: Links, subject: str, data: bytes
) -> None:
    links.hear(subject, data, 0.0)
    assert links.refused == 1
    assert links.origins() == []
    assert links.link("west", 0.0).state == "unknown"


def test_a_site_cannot_fill_the_memory_with_services(links: Links) -> None:
    for number in range(SERVICES_MAX + 5):
        links.heard(beat(service=f"s{number}"), 0.0)
    assert len(links.origins()) == SERVICES_MAX
    assert links.refused == 5


def test_a_beat_is_read_as_it_was_sent() -> None:
    sent = beat(pub=3, loc=4)
    assert read_beat(beat_subject("west", "placement"), sent.model_dump_json().encode()) == sent


def test_who_has_left_is_waited_for_no_longer() -> None:
    """What it had not told yet went with it: nobody would ever have caught up."""
    sites = ["stad", "west"]
    links = Links("stad", sites)
    links.heard(beat(pub=5), 0.0)
    assert links.origins() == [WEST]
    sites.remove("west")
    assert links.origins() == []
