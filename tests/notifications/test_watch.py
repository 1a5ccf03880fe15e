"""What nobody tells: a sum of the room there is, and whoever waits with a message that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.notifications.app_watch import UNHEARD_SECONDS, caught_up
from services.notifications.views_room import ROOM, free_by_kind, room_rows
from shared.beats import LATE_SECONDS, Beat, Links
from shared.contracts.placement import CapacityTold
from shared.envelope import Message, Origin
from shared.ports import Append
from tests.support.memory_store import Disk, MemoryStore

T0 = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)


def told(
    site: str, kind: str, total: int, occupied: int, *, blocked: int = 0, overflow: int = 0
) -> tuple[Message, CapacityTold]:
    row = {
        "kind": kind, "size_class": "1", "feature_class": "", "total": total, "overflow": overflow,
        "occupied": occupied, "held": 1, "blocked": blocked, "people": occupied, "observed_at": None,
    }  # fmt: skip
    said = CapacityTold.of(location=site, site=site, title="A house", district="West", rows=(row,))
    origin = Origin(site, "placement", 1)
    return Message(origin, "pub", 1, "id", said.type_name, site, T0, "c", "c", said.encode()), said


async def test_free_places_are_counted_by_kind_over_the_sites_there_are() -> None:
    store = MemoryStore(Disk(), "stad", "notifications")
    for message, said in (
        told("west", "shelter_24h", 20, 10), told("noord", "shelter_24h", 5, 1, blocked=1, overflow=2),
        told("noord", "night_shelter", 3, 9), told("oost", "shelter_24h", 90, 0),
        told("west", "shelter_24h", 20, 12),
    ):  # fmt: skip
        await store.append(Append(T0, rows=[*room_rows(message, said)]))
    assert await free_by_kind(store, {"west", "noord"}) == {"shelter_24h": 7 + 4, "night_shelter": 0}
    assert list(ROOM.contracts) == [CapacityTold.type_name]


def heard(links: Links, site: str, sequence: int, epoch: int = 1) -> None:
    links.heard(Beat.of(Origin(site, "placement", epoch), {"pub": sequence}), 0.0)


@pytest.mark.parametrize(
    ("applied", "whole"),
    [
        ({"west/placement": (1, 7), "noord/placement": (1, 3)}, True),
        ({"west/placement": (1, 6), "noord/placement": (1, 3)}, False),  # it is read anew, or was cut off
        ({"noord/placement": (1, 3)}, False),
        ({"west/placement": (2, 1), "noord/placement": (1, 3)}, True),  # its new epoch is known before its beat
    ],
)
def test_a_sum_is_whole_when_all_is_applied_that_sites_said_they_told(
    applied: dict[str, tuple[int, int]], whole: bool
) -> None:
    links = Links("stad", ("west", "noord"))
    heard(links, "west", 7)
    heard(links, "noord", 3)
    assert caught_up(links, ("west", "noord"), lambda origin: applied.get(origin, (0, 0)), 0.0, 1.0) is whole


def test_a_new_epoch_is_waited_for_and_a_house_that_has_told_nothing_is_not() -> None:
    links = Links("stad", ("west", "noord"))
    heard(links, "west", 7)
    heard(links, "noord", 0)
    known = {"west/placement": (1, 9)}
    assert caught_up(links, ("west", "noord"), lambda origin: known.get(origin, (0, 0)), 0.0, 1.0)
    heard(links, "west", 2, epoch=2)
    assert not caught_up(links, ("west", "noord"), lambda origin: known.get(origin, (0, 0)), 0.0, 1.0)


def test_a_site_nobody_has_heard_since_the_start_is_waited_for_as_long_as_one_that_is_late() -> None:
    links = Links("stad", ("west", "noord"))
    heard(links, "west", 7)
    known = {"west/placement": (1, 7)}
    for seconds, whole in ((UNHEARD_SECONDS - 1, False), (UNHEARD_SECONDS, True)):
        assert caught_up(links, ("west", "noord"), lambda origin: known.get(origin, (0, 0)), 0.0, seconds) is whole


def test_what_a_silent_site_told_last_is_not_waited_for_till_the_cut_is_healed() -> None:
    """Its beat came through before the cut, what it told did not: the city runs short of places all the same."""
    links = Links("stad", ("west", "noord"))
    heard(links, "west", 7)
    known = {"west/placement": (1, 6)}
    for now, whole in ((LATE_SECONDS - 1, False), (LATE_SECONDS, True)):
        links.heard(Beat.of(Origin("noord", "placement", 1), {"pub": 0}), now)
        assert caught_up(links, ("west", "noord"), lambda origin: known.get(origin, (0, 0)), 0.0, now) is whole
