"""A consultation hour, an activity or an internship."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import AT, after, uid, west

SESSION = uid(601)
OPEN = cmd.OpenSession(
    at=AT, role="operator", location="west", session_id=SESSION, kind="consultation", starts_at=after(hours=1),
    ends_at=after(hours=3), seats=2,
)  # fmt: skip
OPENED = ev.SessionOpened(SESSION, "consultation", after(hours=1), after(hours=3), 2, AT, "west")


def test_there_is_a_session_with_seats() -> None:
    assert west.when(OPEN).then(OPENED).state.sessions[SESSION].seats == 2


def test_what_is_over_is_forgotten_when_a_new_one_opens() -> None:
    new = replace(OPEN, session_id=uid(602), at=after(hours=4), starts_at=after(hours=5), ends_at=after(hours=6))
    opened = ev.SessionOpened(uid(602), "consultation", after(hours=5), after(hours=6), 2, after(hours=4), "west")
    assert list(west.given(OPENED).when(new).then(opened).state.sessions) == [uid(602)]


def test_the_same_again_changes_nothing() -> None:
    west.given(OPENED).when(OPEN).then_nothing()
    west.given(OPENED).when(replace(OPEN, seats=3)).then_rejected("session-id-used")


@pytest.mark.parametrize(("change", "code"), [
    ({"kind": "hotel"}, "kind-unknown"), ({"kind": "shelter_24h"}, "kind-without-seats"),
    ({"seats": 0}, "seats-invalid"), ({"seats": 1001}, "seats-invalid"),
    ({"ends_at": after(hours=1)}, "session-times-invalid"),
    ({"starts_at": AT - timedelta(hours=3), "ends_at": AT}, "session-times-invalid"),
    ({"ends_at": after(days=367)}, "session-times-invalid"), ({"session_id": "x"}, "id-invalid"),
    ({"starts_at": AT.replace(year=9999), "ends_at": AT.replace(year=9999, month=2)}, "until-too-far"),
    ({"starts_at": after(days=4000), "ends_at": after(days=4001)}, "until-too-far"),
    ({"starts_at": AT.replace(tzinfo=None)}, "time-without-zone"),
])  # fmt: skip
def test_sessions_that_cannot_be(change: dict[str, object], code: str) -> None:
    west.when(replace(OPEN, **change)).then_rejected(code)
