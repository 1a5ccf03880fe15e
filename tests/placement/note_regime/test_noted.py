"""A location knows of a regime: when it acts is told by its own clock, whatever came late, twice or never."""

from datetime import timedelta, timezone

from msgspec.structs import replace

from services.placement import events as ev
from services.placement import events_regimes as rg
from services.placement.decider_location import REGIMES_KEPT, REGIMES_MAX
from tests.placement.sample import (
    A1,
    A2,
    AT,
    B1,
    FROM,
    REGIME,
    UNTIL,
    after,
    note,
    noted,
    regime_began,
    standby,
    turn,
    uid,
    west,
)

beds = west.given(standby(A1, A2), standby(B1, room="n", kind="night_shelter"))


def test_nothing_opens_before_its_time() -> None:
    state = beds.when(note()).then(noted()).state
    assert (list(state.standby), len(state.places)) == ([A1, A2, B1], 0)


def test_one_that_has_begun_opens_at_once_the_places_of_its_kinds() -> None:
    opens = (noted(at=FROM), regime_began(), rg.StandbyOpened((A1, A2), FROM))
    state = beds.when(note(at=FROM)).then(*opens).state
    assert [(place.id, place.overflow) for place in state.places.values()] == [(A1, True), (A2, True)]
    assert list(state.standby) == [B1]


def test_a_house_without_standby_places_follows_it_too() -> None:
    west.when(note(at=FROM)).then(noted(at=FROM), regime_began())


def test_what_is_known_or_was_over_before_it_was_heard_changes_nothing() -> None:
    beds.given(noted()).when(note()).then_nothing()
    beds.when(note(at=UNTIL)).then_nothing()
    beds.when(note(ends=FROM, starts=FROM)).then_nothing()


def test_cut_short_while_it_runs_it_closes_what_is_free() -> None:
    now = after(hours=5)
    running = beds.given(noted(), regime_began(), rg.StandbyOpened((A1, A2), FROM))
    cut = noted(revision=2, ends=now, turns=now, at=now)
    ended = rg.RegimeEnded("west", REGIME, now)
    state = running.when(note(revision=2, ends=now, at=now)).then(cut, ended, rg.StandbyClosed((A1, A2), now)).state
    assert not state.places
    assert state.groups["shelter_24h|1|"].overflow == 0


def test_cut_short_before_it_began_it_opens_nothing() -> None:
    cut = noted(revision=2, ends=after(hours=1), turns=after(hours=1), at=after(hours=1))
    word = note(revision=2, ends=after(hours=1), at=after(hours=1))
    after_it = beds.given(noted()).when(word).then(cut, rg.RegimeEnded("west", REGIME, after(hours=1)))
    assert list(after_it.state.standby) == [A1, A2, B1]
    beds.given(noted(), cut, rg.RegimeEnded("west", REGIME, after(hours=1))).when(turn(FROM)).then_nothing()


def test_old_news_after_the_end_opens_nothing_again() -> None:
    over = beds.given(noted(), rg.RegimeEnded("west", REGIME, AT))
    over.when(note(revision=3, at=FROM)).then_nothing()


def test_a_location_follows_so_many_at_once() -> None:
    crowd = [noted(regime=uid(1000 + n)) for n in range(REGIMES_MAX)]
    west.given(*crowd).when(note()).then_rejected("too-many-regimes")


def test_it_remembers_so_many_that_are_over() -> None:
    many: list[ev.LocationEvent] = []
    for n in range(REGIMES_KEPT + 3):
        many += [noted(regime=uid(1000 + n)), rg.RegimeEnded("west", uid(1000 + n), AT)]
    state = west.given(*many).when(note()).then(noted()).state
    assert list(state.regimes) == [uid(1003 + n) for n in range(REGIMES_KEPT)] + [REGIME]


def test_times_are_kept_in_utc() -> None:
    zone = timezone(timedelta(hours=1))
    word = replace(note(), starts_at=FROM.astimezone(zone), ends_at=UNTIL.astimezone(zone))
    beds.when(word).then(noted())
