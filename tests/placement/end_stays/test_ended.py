"""Many stays that end at once: a room, or a night shelter in the morning."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, A2, A3, AT, B1, STAY, STAY2, after, began, ended, opened, uid, west

END = cmd.EndStays(at=AT, role="operator", location="west", room="a", reason="moved_on")
ROOMS = west.given(opened(A1, A2, A3), opened(B1, room="b", kind="night_shelter"))
STAY3 = uid(203)
LIVED_IN = ROOMS.given(began(A1, A2, size=2), began(B1, stay_id=STAY3, kind="night_shelter"), began(A3, stay_id=STAY2))


def test_a_room_is_left() -> None:
    state = LIVED_IN.when(END).then(ended(A1, A2), ended(A3, stay_id=STAY2)).state
    assert list(state.stays) == [STAY3]


def test_a_night_shelter_is_left_in_the_morning() -> None:
    LIVED_IN.when(replace(END, room=None, kind="night_shelter")).then(ended(B1, stay_id=STAY3))


def test_stays_can_be_named_and_what_is_planned_happens() -> None:
    planned = LIVED_IN.given(ev.BlockPlanned((A3,), "cleaning", None, AT))
    command = replace(END, room=None, stay_ids=(STAY2, STAY3, STAY2))
    planned.when(command).then(
        ended(A3, stay_id=STAY2), ev.PlacesBlocked((A3,), "cleaning", None, AT, AT), ended(B1, stay_id=STAY3)
    )


def test_the_same_again_changes_nothing() -> None:
    LIVED_IN.after(END).when(END).then_nothing()
    LIVED_IN.after(END).when(replace(END, room=None, stay_ids=(STAY, STAY2))).then_nothing()


def test_one_that_cannot_end_so_refuses_them_all() -> None:
    early = replace(END, at=after(hours=1), observed_at=AT.replace(hour=19))
    LIVED_IN.when(early).then_rejected("observed-before-stay-began", stay_id=STAY)
    LIVED_IN.when(replace(END, room=None, stay_ids=(STAY, uid(9)))).then_rejected("stay-unknown", stay_id=uid(9))
    LIVED_IN.when(replace(END, reason="because")).then_rejected("end-reason-unknown")


def test_it_has_to_be_said_whose() -> None:
    LIVED_IN.when(replace(END, room=None)).then_rejected("places-missing")
    LIVED_IN.when(replace(END, room="z")).then_rejected("room-unknown")
    LIVED_IN.when(replace(END, stay_ids=(STAY,) * 501)).then_rejected("too-many-places")
