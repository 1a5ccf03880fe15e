"""A year of a whole city, and somebody who has every word in hand that left a site, of every service of every site, and
all that the hub has gathered: which of it is about one person?

The suite lives a third of a year. A whole one: `PLEK_YEAR_WEEKS=52 .venv/bin/pytest tests/simulation/test_year.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from shared.envelope import Message
from tests.simulation.oracle_unlinked import told_by
from tests.simulation.run import run_seed
from tests.simulation.world import World
from tests.support.joining import ids_of
from tests.support.laid_open import MARK, joined
from tests.support.memory_bus import CITY

WEEKS = int(os.environ.get("PLEK_YEAR_WEEKS", "16"))
SEED = 2
EVERYTHING = {
    "intake": {
        "request-noticed", "place-accepted", "place-declined", "place-given-up", "stay-claimed", "check-begun",
        "check-asked", "check-key-given", "check-answered", "week-told", "unmet-told", "flows-told",
    },
    "placement": {
        "place-offered", "place-answered", "capacity-told", "hold-asked", "hold-answered", "regime-told",
        "sessions-told", "session-week-told",
    },
    "allowance": {"entitlement-stated", "seat-answered", "seats-told", "handout-stated", "handout-answered"},
}  # fmt: skip
"""What must have been told for this to be a year of everything: requests of households, offers, transfers, checks
between desks, sessions, regimes, seats and what is paid. Of a hand-over nothing is told at all."""


@dataclass
class Told:
    """What there is of a year. inside: what the services of one site told each other. people: by person, what they
    asked for, were asked about and were entitled to, each of which is known by an id outside. offers: what each was
    offered."""

    outside: list[Message] = field(default_factory=list)
    inside: list[Message] = field(default_factory=list)
    gathered: list[str] = field(default_factory=list)
    people: dict[str, list[str]] = field(default_factory=dict)
    offers: dict[str, list[str]] = field(default_factory=dict)
    handed_over: int = 0
    moves: int = 0


def a_year() -> Told:
    """Lives it."""
    told = Told()

    def look(world: World) -> None:
        judge = world.oracle.intake
        disks = [disk for site in world.sites for disk in (*site.disks.values(), site.intake, site.allowance, site.post)
                 if disk is not None]  # fmt: skip
        told.outside = told_by(disks)
        told.inside = [message for disk in disks for (_, log), rows in disk.outbox.items() if log == "loc"
                       for message in rows]  # fmt: skip
        city = world.bus.stream(world.bus.hub, CITY).messages
        told.gathered = [f"{each.subject} {each.headers} {each.data.decode()}" for each in city]
        told.handed_over, told.moves = judge.handed_over(), judge.moves()
        known = judge.people()
        slots = {id_ for slots in judge.slots().values() for slot in slots.values() for id_ in slot.offers}
        told.people = {client: [id_ for id_ in ids if id_ not in slots] for client, ids in known.items()}
        told.offers = {client: [id_ for id_ in ids if id_ in slots] for client, ids in known.items()}
        for site in world.sites:
            for id_, one in world.oracle.allowance.entitlements(site.name).items():
                told.people.setdefault(judge.handed.first_of(one.client_id), []).append(id_)

    outcome = run_seed(SEED, weeks=WEEKS, look=look)
    assert outcome.failure is None, outcome.failure
    return told


@pytest.fixture(scope="module")
def year() -> Told:
    return a_year()


def laid_open(messages: list[Message]) -> Iterator[str]:
    """Each with every mark it bears, around it and in it."""
    for message in messages:
        yield f"{' '.join(sorted(ids_of(message)))} {message.data.decode()}"


def known_to_all(year: Told) -> set[str]:
    """Programmes and regimes: what everybody is told of is nobody's."""
    public = ("seats-told", "payments-told", "regime-told")
    return {message.subject for message in year.outside if message.name in public}


def test_it_is_a_year_of_everything(year: Told) -> None:
    said = {(message.origin.service, message.name) for message in year.outside}
    assert {(service, name) for service, names in EVERYTHING.items() for name in names} <= said
    assert len({message.origin.site for message in year.outside}) == 4
    assert year.handed_over > 0
    assert year.moves > 0
    assert sum(len(ids) > 2 for ids in year.people.values()) > 10
    gathered = {mark for record in year.gathered for mark in MARK.findall(record)}
    assert {message.id for message in year.outside} <= gathered, "the hub has all of it"


def test_no_two_things_about_one_person_can_be_joined_with_all_logs_of_it_in_hand(year: Told) -> None:
    everything = [*laid_open(year.outside), *year.gathered]
    marks = {mark for record in everything for mark in MARK.findall(record)}
    assert len(marks & {id_ for ids in year.people.values() for id_ in ids}) > 50, "it is looked where they are"
    assert not marks & year.people.keys(), "a client's id left a site"
    assert joined(everything, year.people, known_to_all(year)) == {}


def test_not_even_what_was_asked_for_and_what_was_offered_for_it(year: Told) -> None:
    """By their ids: that somebody accepted, and that a house was written to, is told at one moment."""
    everything = {client: [*ids, *year.offers.get(client, [])] for client, ids in year.people.items()}
    assert joined(laid_open(year.outside), everything, known_to_all(year)) == {}


def test_with_what_the_services_of_a_site_tell_each_other_everything_hangs_together(year: Told) -> None:
    """Whoever looks would find it: there a client is known by one id."""
    assert len(joined(laid_open(year.inside), year.people, known_to_all(year))) > 10
