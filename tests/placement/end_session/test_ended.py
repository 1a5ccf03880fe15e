"""When a session's time is over its seats count nowhere any more."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import commands_house as ch
from services.placement import events as ev
from services.placement import events_house as eh
from services.placement import policy
from services.placement.decider_seats import Seats
from services.placement.publish import tell
from shared.contracts.placement import SessionsTold
from shared.timers import TimerSet
from tests.placement.sample import AT, after, uid, west

SESSION = uid(601)
OPENED = ev.SessionOpened(SESSION, "consultation", AT, after(hours=2), 3, AT, "west")
BOOKED = ev.SeatBooked(SESSION, uid(1), AT)
END = ch.EndSession(at=after(hours=2), role="system", location="west", session_id=SESSION)
ENDED = eh.SessionEnded(SESSION, after(hours=2))

under_way = west.given(OPENED, BOOKED)


def test_its_seats_are_in_nobodys_figures_then() -> None:
    assert under_way.state.seats == {"consultation": Seats("consultation", 1, 3, 1)}
    over = under_way.when(END).then(ENDED).state
    assert over.sessions == {}
    assert over.seats == {"consultation": Seats("consultation", 0, 0, 0)}


def test_early_twice_or_of_none_it_changes_nothing() -> None:
    under_way.when(replace(END, at=after(minutes=119))).then_nothing()
    under_way.given(ENDED).when(END).then_nothing()
    west.when(END).then_nothing()
    west.when(replace(END, location="noord")).then_rejected("location-unknown")


def test_nothing_can_be_booked_any_more() -> None:
    book = cmd.BookSeat(at=after(hours=3), role="operator", location="west", session_id=SESSION, booking_id=uid(2))
    under_way.given(ENDED).when(book).then_rejected("session-unknown")


def test_everybody_is_told_how_many_seats_of_a_kind_there_are_and_are_booked() -> None:
    def said(*events: ev.LocationEvent) -> list[tuple[str, int, int, int]]:
        before = west.given(*events[:-1]).state
        after_it = west.given(*events).state
        contracts = [telling.contract for telling in tell(before, events[-1:], after_it)]
        found = [contract for contract in contracts if isinstance(contract, SessionsTold)]
        return [(row.kind, row.sessions, row.seats, row.booked) for contract in found for row in contract.rows]

    other = ev.SessionOpened(uid(602), "activation", AT, after(hours=9), 8, AT, "west")
    assert said(OPENED) == [("consultation", 1, 3, 0)]
    assert said(OPENED, BOOKED) == [("consultation", 1, 3, 1)]
    assert said(OPENED, BOOKED, other) == [("activation", 1, 8, 0)]
    assert said(OPENED, BOOKED, other, ENDED) == [("consultation", 0, 0, 0)]


def test_a_timer_is_set_for_its_end() -> None:
    timer, _ = policy.timers([OPENED])
    assert isinstance(timer, TimerSet)
    assert (timer.id, timer.due_at) == (f"session/{SESSION}", after(hours=2))
    assert policy.due(timer.kind, timer.key, timer.id, END.at).command == END
    assert policy.timers([replace(OPENED, location="")]) == []
