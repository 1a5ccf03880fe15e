"""A story on the screen: every step a line, with how long it waited, and what one wants first a click away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.console.story import WIDTH, Hop, shown
from services.console.words import words
from shared.causes import Parked, Step

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
EN, NL = words("en"), words("nl")
TOLD = "nl.plek.placement.hold-asked.v1"


def step(id_: str, cause: str | None, milliseconds: int, kind: str, where: str, **more: object) -> Step:
    facts = {"name": "place-held.v1", "site": "west", "service": "placement", "role": "operator"} | more
    at = AT + timedelta(milliseconds=milliseconds)
    return Step(id=id_, kind=kind, at=at, where=where, cause=cause, **facts)  # type: ignore[arg-type]


PARKED = Parked("stad", "placement", "capacity", "not-storable", AT, 1)
STORY = [
    step("c@west/placement", None, 0, "command", "request"),
    step("e", "c@west/placement", 0, "event", "location/west"),
    step("m", "e", 1, "message", "pub 12", name=TOLD, role=None, parked=(PARKED,)),
    step("p@noord/placement", "m", 51, "command", "policy letters", role="system", site="noord", refused="no-room"),
    step("t@west/placement", "e", 1_000, "command", "timer", role="system"),
    step("f", "t@west/placement", 1_000, "event", "location/west", name="hold-lapsed.v1"),
]


def hops(language: str = "en") -> dict[str, Hop]:
    return {hop.what: hop for hop in shown(STORY, "e", words(language)).hops}


def test_each_step_is_a_line_in_the_words_of_the_reader() -> None:
    told = [(hop.depth, hop.what, hop.where) for hop in shown(STORY, "e", EN).hops]
    assert told == [
        (0, "Asked by: Operator", "west/placement"),
        (1, "place-held", "west/placement location/west"),
        (2, "hold-asked", "west/placement pub 12"),
        (3, "Answered by itself (letters)", "noord/placement"),
        (2, "A timer fell due", "west/placement"),
        (3, "hold-lapsed", "west/placement location/west"),
    ]
    assert "Een wekker liep af" in hops("nl")


def test_what_went_wrong_is_said_and_only_that_alarms() -> None:
    assert hops()["hold-asked"].note == "Waits to be looked at: stad/placement capacity (not-storable)"
    assert hops()["Answered by itself (letters)"].note == "Refused: no-room"
    assert [hop.what for hop in hops().values() if hop.alarm] == ["hold-asked", "Answered by itself (letters)"]
    nothing = shown([step("c@w/p", None, 0, "command", "policy x", refused="")], "c", EN).hops[0]
    assert (nothing.note, nothing.alarm) == ("Nothing had to be done", False)


def test_the_root_the_longest_wait_and_the_first_failure_are_named_and_a_timer_is_no_wait() -> None:
    found = shown(STORY, "e", EN)
    keys = {hop.key: hop.what for hop in found.hops}
    assert (keys[found.first], keys[found.slowest], keys[found.failure]) == (
        "Asked by: Operator", "Answered by itself (letters)", "hold-asked",
    )  # fmt: skip
    assert found.slowest_words == "50 ms"
    assert hops()["A timer fell due"].waited == "1 second"
    assert [hop.what for hop in found.hops if hop.asked] == ["place-held"]
    calm = shown(STORY[:1], "c", EN)
    assert (calm.slowest, calm.failure) == ("", "")


def test_of_several_trees_the_root_is_that_of_what_was_asked_about() -> None:
    later = [
        step("d@west/placement", None, 2_000, "command", "request"),
        step("g", "d@west/placement", 2_000, "event", "x"),
    ]
    found = shown([*STORY, *later], "g", EN)
    assert {hop.key: hop.id or hop.where for hop in found.hops}[found.first] == "west/placement"
    assert [hop.depth for hop in found.hops if hop.key == found.first] == [0]
    assert found.first != found.hops[0].key


def test_a_bar_ends_when_its_step_happened_and_is_as_long_as_it_waited() -> None:
    for hop in hops().values():
        assert 0 <= hop.x <= hop.x + hop.width <= WIDTH
    timer, told = hops()["A timer fell due"], hops()["hold-asked"]
    assert timer.width == WIDTH
    assert told.x + told.width < timer.x + timer.width
