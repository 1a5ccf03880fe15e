"""Whoever came by an offer, or whose stay was claimed, is followed by their desk: in which kind of place since when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement.decider_late import lived
from services.placement.publish import tell
from shared.contracts import placement as told
from shared.contracts.base import Draft
from shared.contracts.offer_letters import StayToldBody
from shared.contracts.vocabulary import LIVED_MAX
from tests.placement.offers import OFFER, REQUEST, WORD, with_housed
from tests.placement.sample import A1, A2, AT, B1, STAY, after, opened, west

FAMILY, NIGHT = "family_shelter", "night_shelter"
MORNING, NOON, EVENING = after(hours=12), after(hours=18), after(hours=24)
house = with_housed.given(opened(B1, kind=NIGHT, sleeps=6), opened(A2, kind=FAMILY, sleeps=6, room="c"))
TO_NIGHT = ev.StayMoved(STAY, (A1,), (B1,), NIGHT, MORNING, MORNING)
BACK = ev.StayMoved(STAY, (B1,), (A1,), FAMILY, NOON, NOON)


def told_of(given: Any, *events: ev.LocationEvent) -> list[StayToldBody]:
    """What the desk hears of the stay with these events."""
    drafts = [one.contract for one in tell(given.state, events, given.given(*events).state)]
    letters = [draft for draft in drafts if isinstance(draft, Draft) and draft.letter is told.StayTold]
    assert all((draft.to, draft.request_id) == ("noord", OFFER) for draft in letters)
    return [draft.body for draft in letters if isinstance(draft.body, StayToldBody)]


def test_a_move_to_another_kind_is_told_whole_and_one_to_a_place_of_the_same_kind_is_not() -> None:
    [body] = told_of(house, TO_NIGHT)
    assert (body.lived, body.ended_at, body.offered_for) == (((FAMILY, AT), (NIGHT, MORNING)), None, REQUEST)
    [again] = told_of(house.given(TO_NIGHT), BACK)
    assert again.lived == ((FAMILY, AT), (NIGHT, MORNING), (FAMILY, NOON))
    assert again.number > body.number
    assert told_of(house, ev.StayMoved(STAY, (A1,), (A2,), FAMILY, MORNING, MORNING)) == []


def test_a_move_that_is_taken_back_never_was() -> None:
    undone = ev.StayMoved(STAY, (B1,), (A1,), FAMILY, MORNING, MORNING, undo=True)
    assert [body.lived for body in told_of(house.given(TO_NIGHT), undone)] == [((FAMILY, AT),)]
    earlier = ev.StayMoved(STAY, (A1,), (B1,), NIGHT, after(hours=2), EVENING)
    back = ev.StayMoved(STAY, (B1,), (A1,), FAMILY, EVENING, EVENING, undo=True)
    [body] = told_of(house.given(TO_NIGHT, BACK, earlier), back)
    assert body.lived == ((FAMILY, AT), (NIGHT, MORNING), (FAMILY, NOON))


def test_a_move_that_was_seen_earlier_overrules_what_was_said_of_a_later_time() -> None:
    earlier = ev.StayMoved(STAY, (B1,), (A1,), FAMILY, after(hours=6), EVENING)
    assert [body.lived for body in told_of(house.given(TO_NIGHT), earlier)] == [((FAMILY, AT),)]


def test_a_first_day_that_is_put_right_is_told_and_a_size_is_not() -> None:
    before = AT - timedelta(days=2)
    [body] = told_of(house.given(TO_NIGHT), ev.StayCorrected(STAY, (B1,), 4, before, EVENING))
    assert body.lived == ((FAMILY, before), (NIGHT, MORNING))
    [later] = told_of(house.given(TO_NIGHT), ev.StayCorrected(STAY, (B1,), 4, NOON, EVENING))
    assert later.lived == ((NIGHT, NOON),)
    assert told_of(house.given(TO_NIGHT), ev.StayCorrected(STAY, (B1,), 3, AT, EVENING)) == []


def test_the_end_is_told_with_the_day_it_was_seen_and_so_is_an_end_that_was_none() -> None:
    gone = ev.StayEnded(STAY, (B1,), "left_without_notice", NOON, after(hours=90))
    [body] = told_of(house.given(TO_NIGHT), gone)
    assert (body.lived[-1], body.ended_at) == ((NIGHT, MORNING), NOON)
    [back] = told_of(house.given(TO_NIGHT, gone), ev.StayResumed(STAY, (B1,), after(hours=90)))
    assert (back.lived[-1], back.ended_at) == ((NIGHT, MORNING), None)


def test_a_desk_that_asks_is_told_again() -> None:
    assert [body.lived for body in told_of(house.given(TO_NIGHT), WORD)] == [((FAMILY, AT), (NIGHT, MORNING))]
    gone = house.given(ev.StayEnded(STAY, (A1,), "moved_on", NOON, NOON))
    assert [body.ended_at for body in told_of(gone, WORD)] == [NOON]


def test_nobody_is_told_of_a_stay_that_is_nobodys() -> None:
    walked_in = west.given(opened(A1), opened(B1, kind=NIGHT), ev.StayBegan(STAY, (A1,), "shelter_24h", 1, AT, AT))
    assert told_of(walked_in, TO_NIGHT) == []
    claimed = oe.StayClaimed(OFFER, REQUEST, "noord", 1, STAY, EVENING)
    [body] = told_of(walked_in.given(TO_NIGHT), claimed)
    assert body.lived == (("shelter_24h", AT), (NIGHT, MORNING))


def test_of_more_moves_than_a_letter_holds_the_oldest_are_one() -> None:
    given, moves = house, [TO_NIGHT, BACK] * LIVED_MAX
    for number, move in enumerate(moves[: LIVED_MAX + 1], 1):
        at = after(hours=12 + number)
        given = given.given(ev.StayMoved(STAY, move.from_ids, move.place_ids, move.kind, at, at))
    kinds = lived(given.state.stays[STAY])
    assert (len(kinds), kinds[0], kinds[-1]) == (LIVED_MAX, (FAMILY, AT), (NIGHT, after(hours=12 + LIVED_MAX + 1)))
