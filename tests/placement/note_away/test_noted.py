"""A household that is away, and whose places are kept."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, AT, STAY, STAY2, after, began, ended, opened, west

AWAY = cmd.NoteAway(at=AT, role="operator", location="west", stay_id=STAY, until=after(days=2))
NOTED = ev.AwayNoted(STAY, after(days=2), AT)
LIVED_IN = west.given(opened(A1), began(A1))


def test_their_place_is_kept() -> None:
    state = LIVED_IN.when(AWAY).then(NOTED).state
    assert (state.places[A1].status, state.stays[STAY].away_until) == ("occupied", after(days=2))


def test_they_are_back() -> None:
    back = LIVED_IN.given(NOTED).when(replace(AWAY, until=None)).then(ev.AwayNoted(STAY, None, AT))
    assert back.state.stays[STAY].away_until is None


def test_the_same_again_changes_nothing() -> None:
    LIVED_IN.given(NOTED).when(AWAY).then_nothing()
    LIVED_IN.when(replace(AWAY, until=None)).then_nothing()


def test_away_until_when_lies_ahead() -> None:
    LIVED_IN.when(replace(AWAY, until=AT)).then_rejected("until-in-past")
    LIVED_IN.when(replace(AWAY, until=after(days=4000))).then_rejected("until-too-far")


def test_who_is_not_there_is_not_away() -> None:
    LIVED_IN.when(replace(AWAY, stay_id=STAY2)).then_rejected("stay-unknown")
    LIVED_IN.given(ended(A1)).when(AWAY).then_rejected("stay-ended")
    LIVED_IN.when(replace(AWAY, if_version=2)).then_rejected("version-stale")
