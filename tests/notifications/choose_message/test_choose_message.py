"""Something happened that a client should hear of."""

from __future__ import annotations

from datetime import timedelta

from services.notifications import events as ev
from services.notifications.decider_recipient import RECENT_MAX
from shared.ids import derived_id
from tests.notifications.sample import ANNA, CAUSE, CHOSEN, ENDS, ERASED, SENT, T0, began, choose, to_anna

OTHERS = [derived_id("other", str(number)) for number in range(RECENT_MAX + 3)]
MANY = [ev.MessageChosen(ANNA, id_, CAUSE, "request_ended", {}, T0, ENDS, T0) for id_ in OTHERS[:RECENT_MAX]]
ONE_MORE, ANOTHER = OTHERS[RECENT_MAX : RECENT_MAX + 2]
SUMMARY_ID = derived_id(ONE_MORE, "summary")
LATER = T0 + timedelta(hours=1)
SUMMARY = ev.MessageChosen(ANNA, SUMMARY_ID, CAUSE, "summary", {}, LATER, ENDS, T0)


def gathered(message_id: str) -> ev.MessageGathered:
    return ev.MessageGathered(ANNA, message_id, CAUSE, "request_noted", SUMMARY_ID, T0)


def test_a_message_is_chosen_for_now() -> None:
    to_anna.when(choose()).then(CHOSEN)


def test_one_message_for_one_cause_however_often_it_is_told() -> None:
    to_anna.given(CHOSEN).when(choose()).then_nothing()
    to_anna.given(CHOSEN, began(), SENT).when(choose()).then_nothing()


def test_nothing_is_chosen_for_whoever_is_erased_and_nothing_that_is_over() -> None:
    to_anna.given(ERASED).when(choose()).then_nothing()
    to_anna.when(choose(expires_at=T0)).then_nothing()


def test_a_flood_becomes_one_summary_that_counts() -> None:
    flood = to_anna.given(*MANY).when(choose(message_id=ONE_MORE)).then(SUMMARY, gathered(ONE_MORE))
    more = flood.when(choose(message_id=ANOTHER)).then(gathered(ANOTHER))
    assert (more.state.gathered, more.state.summary_id) == (2, SUMMARY_ID)
    more.when(choose(message_id=ONE_MORE)).then_nothing()


def test_an_hour_later_there_is_room_for_a_message_of_its_own() -> None:
    at = T0 + timedelta(hours=1)
    own = ev.MessageChosen(ANNA, ONE_MORE, CAUSE, "request_noted", CHOSEN.fields, at, ENDS, at)
    to_anna.given(*MANY).when(choose(message_id=ONE_MORE, at=at)).then(own)


def test_what_goes_out_when_the_flood_is_over_is_no_part_of_it() -> None:
    """The end of a stay that is told in a year and a half is not counted in a summary tonight, and then forgotten."""
    then = T0 + timedelta(days=517)
    far = {"message_id": ONE_MORE, "send_at": then, "expires_at": then + timedelta(days=30)}
    own = ev.MessageChosen(
        ANNA, ONE_MORE, CAUSE, "request_noted", CHOSEN.fields, then, then + timedelta(days=30), T0
    )  # fmt: skip
    to_anna.given(*MANY).when(choose(**far)).then(own)


def test_a_storm_of_ten_thousand_is_ten_messages_and_a_summary() -> None:
    given = to_anna.given()
    for number in range(10_000):
        given = given.after(choose(message_id=derived_id("storm", str(number))))
    assert len(given.state.open) == RECENT_MAX + 1
    assert given.state.gathered == 10_000 - RECENT_MAX


def test_what_no_template_can_hold_is_refused() -> None:
    to_anna.when(choose(fields={"date": "x" * 201})).then_rejected("message-fields-invalid")
    to_anna.when(choose(fields={str(n): "x" for n in range(9)})).then_rejected("message-fields-invalid")
