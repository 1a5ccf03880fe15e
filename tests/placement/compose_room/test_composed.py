"""Who a room is for: a rule of fit."""

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, A2, AT, B1, STAY, STAY2, began, begin, held, hold, moved, opened, west

COMPOSE = cmd.ComposeRoom(at=AT, role="operator", location="west", room="a", composition="women")
COMPOSED = ev.RoomComposed("a", "women", AT)
ROOMS = west.given(opened(A1, A2), opened(B1, room="b"))
WOMEN_FIRST = ROOMS.given(COMPOSED)


def test_a_room_is_for_these_from_now_on() -> None:
    assert ROOMS.given(began(A1)).when(COMPOSE).then(COMPOSED).state.rooms == {"a": "women"}
    WOMEN_FIRST.when(replace(COMPOSE, composition="mixed")).then(ev.RoomComposed("a", "mixed", AT))


def test_the_same_again_changes_nothing() -> None:
    WOMEN_FIRST.when(COMPOSE).then_nothing()


def test_who_a_room_is_not_for_gets_another() -> None:
    WOMEN_FIRST.when(hold(kind="shelter_24h")).then(held(B1))
    WOMEN_FIRST.when(replace(hold(kind="shelter_24h"), composition="men")).then(held(B1))
    WOMEN_FIRST.when(replace(hold(kind="shelter_24h"), composition="women")).then(held(A1))


def test_a_mixed_room_is_for_anybody() -> None:
    mixed = ROOMS.given(ev.RoomComposed("a", "mixed", AT))
    mixed.when(begin(A1)).then(began(A1))
    mixed.when(replace(begin(A1), composition="men")).then(began(A1))


def test_naming_a_place_in_a_room_for_others_is_refused() -> None:
    WOMEN_FIRST.when(begin(A1)).then_rejected("room-for-others", room="a", composition="women")
    WOMEN_FIRST.when(replace(begin(A1), composition="family")).then_rejected("room-for-others")
    lived_in = WOMEN_FIRST.given(began(B1))
    move = cmd.MoveStay(at=AT, role="operator", location="west", stay_id=STAY, place_ids=(A1,))
    lived_in.when(move).then_rejected("room-for-others")
    lived_in.when(replace(move, composition="women")).then(moved(A1, away=(B1,)))


def test_where_only_rooms_for_others_are_free_no_place_is() -> None:
    taken = WOMEN_FIRST.given(began(B1, stay_id=STAY2))
    taken.when(begin(kind="shelter_24h")).then_rejected("no-place-free")


@pytest.mark.parametrize(("change", "code"), [({"composition": "cats"}, "composition-unknown"),
                                              ({"room": "z"}, "room-unknown")])  # fmt: skip
def test_what_cannot_be(change: dict[str, str], code: str) -> None:
    ROOMS.when(replace(COMPOSE, **change)).then_rejected(code)
    ROOMS.when(replace(begin(A1), composition="cats")).then_rejected("composition-unknown")
