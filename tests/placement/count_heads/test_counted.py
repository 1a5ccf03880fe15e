"""A walk round the house: what was seen, held against what is known."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.publish import figures, tell
from shared.contracts.placement import HeadsCounted
from tests.placement.sample import A1, A2, A3, AT, B1, after, began, opened, uid, west

COUNT_ID = uid(501)
COUNT = cmd.CountHeads(at=AT, role="operator", location="west", count_id=COUNT_ID, kind="shelter_24h", counted=3)
HOUSE = west.given(opened(A1, A2, A3), opened(B1, room="b", kind="night_shelter"), began(A1, A2, size=2))


def counted(
    number: int = 3,
    missing: tuple[str, ...] = (),
    unexpected: tuple[str, ...] = (),
    *,
    superseded: bool = False,
    seen: datetime = AT,
) -> ev.HeadsCounted:
    return ev.HeadsCounted(COUNT_ID, "shelter_24h", number, 2, missing, unexpected, superseded, seen, AT)


def test_people_are_counted_and_no_place_changes() -> None:
    state = HOUSE.when(COUNT).then(counted()).state
    assert state.places == HOUSE.state.places
    assert len(state.stays) == 1


def test_the_places_that_differ_are_named() -> None:
    HOUSE.when(replace(COUNT, seen=(A1, A3))).then(counted(missing=(A2,), unexpected=(A3,)))
    HOUSE.when(replace(COUNT, counted=0, seen=())).then(counted(0, missing=(A1, A2)))


def test_a_count_is_a_look_at_every_place_of_its_kind() -> None:
    state = (
        HOUSE.when(replace(COUNT, at=after(hours=1)))
        .then(replace(counted(), observed_at=after(hours=1), at=after(hours=1)))
        .state
    )
    assert {row.kind: row.observed_at for row in figures(state).read().rows} == {
        "shelter_24h": after(hours=1), "night_shelter": AT,
    }  # fmt: skip


def test_an_older_count_is_kept_and_never_replaces_a_newer_look() -> None:
    early = AT - timedelta(hours=2)
    state = HOUSE.when(replace(COUNT, observed_at=early)).then(counted(superseded=True, seen=early)).state
    assert {row.observed_at for row in figures(state).read().rows} == {AT}


def test_those_who_work_there_hear_how_many_and_not_where_somebody_was_missing() -> None:
    event = counted(3, missing=(A2,), unexpected=(A3,))
    state = HOUSE.given(event).state
    [heads] = [told for told in tell(HOUSE.state, [event], state) if isinstance(told.contract, HeadsCounted)]
    assert (heads.event.kind.log, heads.subject, heads.observed_at) == ("loc", COUNT_ID, AT)
    assert heads.contract == HeadsCounted.of(
        location="west", count_id=COUNT_ID, kind="shelter_24h", counted=3, expected=2, superseded=False, observed_at=AT,
        at=AT,
    )  # fmt: skip


def test_the_same_again_changes_nothing() -> None:
    HOUSE.given(counted()).when(COUNT).then_nothing()
    HOUSE.given(counted()).when(replace(COUNT, counted=4)).then_rejected("count-id-used")


@pytest.mark.parametrize(("change", "code"), [
    ({"counted": -1}, "count-invalid"), ({"counted": 10_001}, "count-invalid"), ({"kind": "hotel"}, "kind-unknown"),
    ({"kind": "activation"}, "kind-without-beds"), ({"seen": (uid(9),)}, "place-unknown"),
    ({"seen": (B1,)}, "place-of-another-kind"), ({"seen": (A1, A1)}, "id-repeated"), ({"count_id": "x"}, "id-invalid"),
    ({"observed_at": AT - timedelta(days=8)}, "observed-too-old"),
    ({"observed_at": AT + timedelta(minutes=3)}, "observed-in-future"),
])  # fmt: skip
def test_counts_that_cannot_be(change: dict[str, object], code: str) -> None:
    HOUSE.when(replace(COUNT, **change)).then_rejected(code)
