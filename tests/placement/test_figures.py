"""What of a decision is told, and to whom."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.decider import LOCATION
from services.placement.decider_location import Location
from services.placement.publish import Telling, figures, tell
from services.placement.views_capacity import capacity_rows
from shared.contracts import placement as told
from shared.contracts.figures import CapacityRow
from shared.envelope import Message, Origin
from shared.kernel import Rejected
from shared.ports import Put
from tests.placement.record_night.nights import night, seen
from tests.placement.sample import A1, A2, AT, B1, HOLD, STAY, after, began, blocked, ended, held, opened, west
from tests.support.scenario import Given

Place: TypeAlias = Given[Location, cmd.LocationCommand, ev.LocationEvent]


def telling(given: Place, *events: ev.LocationEvent) -> list[Telling]:
    return tell(given.state, events, given.given(*events).state)


def told_figures(given: Place, *events: ev.LocationEvent) -> list[CapacityRow]:
    """The rows of the figures told with these events; there is at most one such message."""
    found = [item.contract for item in telling(given, *events) if isinstance(item.contract, told.CapacityTold)]
    assert len(found) <= 1
    return [row for contract in found for row in contract.rows]


def row(
    total: int,
    *,
    overflow: int = 0,
    occupied: int = 0,
    held: int = 0,
    blocked: int = 0,
    people: int = 0,
    observed_at: datetime | None = AT,
    kind: str = "shelter_24h",
    size_class: str = "1",
    feature_class: str = "",
) -> CapacityRow:
    return CapacityRow.model_validate(
        {
            "kind": kind,
            "size_class": size_class,
            "feature_class": feature_class,
            "total": total,
            "overflow": overflow,
            "occupied": occupied,
            "held": held,
            "blocked": blocked,
            "people": people,
            "observed_at": observed_at,
        }
    )


BEDS = west.given(opened(A1, A2), opened(B1, room="b", sleeps=4, features=("pets", "quiet")))


def test_every_place_counts_once() -> None:
    assert told_figures(west, opened(A1, A2)) == [row(2)]
    assert told_figures(BEDS, held(A1)) == [row(2, held=1)]
    assert told_figures(BEDS, held(A1, A2, size=2)) == [row(2, held=2)]
    assert told_figures(BEDS, began(A1)) == [row(2, occupied=1, people=1)]
    assert told_figures(BEDS, blocked(A1)) == [row(2, blocked=1)]
    assert told_figures(BEDS, ev.PlacesClosed((A1,), AT, AT)) == [row(1)]


def test_a_planned_block_counts_when_the_stay_has_ended() -> None:
    staying = BEDS.given(began(A1))
    plan = ev.BlockPlanned((A1,), "repair", None, AT)
    assert told_figures(staying, plan) == []
    assert told_figures(staying.given(plan), ended(A1), blocked(A1)) == [row(2, blocked=1)]


def test_overflow_is_beyond_total() -> None:
    extra = ev.PlacesOpened((A2,), "shelter_24h", "a", 1, (), AT, AT, overflow=True)
    rows = told_figures(west.given(opened(A1)), extra, began(A2))
    assert rows == [row(1, overflow=1, occupied=1, people=1)]
    assert rows[0].available == 1


def test_only_groups_that_changed_are_told_and_all_in_one_message() -> None:
    family = row(1, occupied=1, people=3, size_class="3-4", feature_class="pets+quiet")
    assert told_figures(BEDS, began(B1, size=3)) == [family]
    both = ev.PlacesBlocked((A1, B1), "safety", None, AT, AT)
    assert told_figures(BEDS, both) == [
        row(2, blocked=1),
        row(1, blocked=1, size_class="3-4", feature_class="pets+quiet"),
    ]


def test_a_group_that_is_gone_is_told_with_zeros() -> None:
    one = west.given(opened(A1))
    gone = ev.PlacesClosed((A1,), after(hours=1), after(hours=1))
    assert told_figures(one, gone) == [row(0, observed_at=after(hours=1))]
    assert list(figures(one.given(gone).state).read().rows) == [row(0, observed_at=after(hours=1))]


def test_nothing_is_told_when_nothing_told_changed() -> None:
    assert telling(west.given(opened(A1), began(A1)), ev.ClosingPlanned((A1,), AT)) == []
    assert telling(west) == []


def test_a_hold_is_no_look_at_the_place_and_a_stay_is() -> None:
    unseen = west.given(replace(opened(A1, A2), observed_at=None))
    assert told_figures(unseen, held(A1)) == [row(2, held=1, observed_at=None)]
    assert told_figures(unseen, began(A1)) == [row(2, occupied=1, people=1, observed_at=AT)]


def test_an_older_look_does_not_replace_a_newer() -> None:
    late = replace(began(A1), began_at=after(hours=-5), at=after(hours=1))
    assert told_figures(BEDS, late) == [row(2, occupied=1, people=1, observed_at=AT)]


def test_a_look_without_a_change_is_told() -> None:
    given = west.after(night(2, 0, 1))
    assert told_figures(given, *night_events(given, days=1)) == [row(2, occupied=1, people=1, observed_at=seen(1))]


def night_events(given: Place, days: int) -> list[ev.LocationEvent]:
    night_after = given.when(night(2, 0, 1, days=days))
    recorded = ev.NightRecorded(
        "12251", "shelter_24h", (), 1, night(0, 0, 0, days=days).night, 2, 0, 1, 0, seen(days), AT
    )
    night_after.then(recorded)
    return [recorded]


def test_two_programmes_counted_at_the_same_moment_are_both_figures_of_that_moment() -> None:
    one = west.after(night(5, 0, 5))
    command = night(4, 0, 3, programme="12252")
    outcome = LOCATION.decide(one.state, command)
    assert not isinstance(outcome, Rejected)
    figures_told = telling(one, *outcome)[-1]
    assert isinstance(figures_told.contract, told.CapacityTold)
    assert figures_told.observed_at == seen(0)


def test_a_hold_after_a_look_is_no_figure_of_that_look() -> None:
    told_now = telling(BEDS, held(A1))[-1]
    assert isinstance(told_now.contract, told.CapacityTold)
    assert told_now.observed_at is None


def test_figures_say_where_and_never_who() -> None:
    contract = telling(BEDS, began(A1))[-1].contract
    assert isinstance(contract, told.CapacityTold)
    assert (contract.location, contract.site, contract.district) == ("west", "west", "Nieuw-West")
    for id_ in (A1, STAY):
        assert id_.encode() not in contract.encode()


def test_an_epoch_begins_with_all_groups() -> None:
    assert list(figures(BEDS.state).read().rows) == [row(2), row(1, size_class="3-4", feature_class="pets+quiet")]
    assert figures(west.state).read().rows == ()


def test_a_check_in_tells_the_end_of_the_hold_and_the_stay() -> None:
    checked_in = replace(began(A1), hold_id=HOLD)
    first, second, last = telling(BEDS.given(held(A1)), checked_in)
    assert first.contract == told.HoldEnded(
        location="west", hold_id=HOLD, place_ids=(A1,), how="checked_in", stay_id=STAY, at=AT
    )
    assert second.contract == told.StayBegan(
        location="west",
        stay_id=STAY,
        place_ids=(A1,),
        kind="shelter_24h",
        household_size=1,
        began_at=AT,
        hold_id=HOLD,
        at=AT,
    )
    assert isinstance(last.contract, told.CapacityTold)
    assert (first.subject, second.subject, last.subject) == (HOLD, STAY, "west")


def test_figures_go_to_everybody_and_site_events_stay_at_the_site() -> None:
    logs = {item.event.kind.type_name: item.event.kind.log for item in telling(BEDS, held(A1))}
    assert logs == {"nl.plek.placement.place-held.v1": "loc", "nl.plek.placement.capacity-told.v1": "pub"}


def test_holds_that_end_without_anybody_say_how() -> None:
    cancelled = telling(BEDS.given(held(A1)), ev.HoldCancelled(HOLD, (A1,), AT))[0].contract
    lapsed = telling(BEDS.given(held(A1)), ev.HoldLapsed(HOLD, (A1,), AT))[0].contract
    ended_so = told.HoldEnded(location="west", hold_id=HOLD, place_ids=(A1,), how="cancelled", stay_id=None, at=AT)
    assert cancelled == ended_so
    assert lapsed == ended_so.model_copy(update={"how": "lapsed"})


def test_a_night_is_told_in_bulk() -> None:
    given = west.after(night(3, 1, 2))
    outcome = LOCATION.decide(given.state, night(4, 0, 1, days=1))
    assert not isinstance(outcome, Rejected)
    names = [item.event.kind.type_name.split(".")[3] for item in telling(given, *outcome)]
    assert names == ["stays-ended", "places-opened", "places-unblocked", "capacity-told"]


def test_figures_are_an_observation_only_when_somebody_looked_just_now() -> None:
    assert telling(BEDS, held(A1))[-1].observed_at is None
    later = replace(began(A1), began_at=after(minutes=5), at=after(minutes=5))
    assert telling(BEDS, later)[-1].observed_at == after(minutes=5)
    late_report = replace(began(A1), began_at=after(hours=-5), at=after(hours=1))
    assert telling(BEDS, late_report)[-1].observed_at is None


def test_figures_are_of_the_site_in_whose_log_they_are_whatever_name_it_gives_itself() -> None:
    ours = west.given(opened(A1)).state
    modes = told.OfferModeTold.of(location="west", site="west", mode="ask")
    row = {"kind": "consultation", "sessions": 1, "seats": 5, "booked": 1}
    seats = told.SessionsTold.of(location="west", site="west", title="West", district="", rows=[row])
    for contract in (figures(ours).read(), modes, seats):
        message = Message(
            Origin("noord", "placement", 1), "pub", 1, HOLD, contract.type_name, "west", AT, HOLD, HOLD, b""
        )
        for change in capacity_rows(message, contract):
            assert isinstance(change, Put)
            row = dict(zip([column.name for column in change.table.columns], change.values, strict=True))
            assert (row["site"], row["location"]) == ("noord", "west")
