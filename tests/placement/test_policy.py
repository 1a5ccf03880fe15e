"""Timers of holds, and whose regimes count."""

import pytest
from msgspec.structs import replace

from services.placement import events as ev
from services.placement.commands import LapseHold
from services.placement.policy import due, heard_by, timers
from shared.contracts.placement import RegimeTold
from shared.envelope import Message, Origin
from shared.kernel import Reaction
from shared.timers import TimerCleared, TimerSet
from tests.placement.regimes import FROM, HEAR, UNTIL
from tests.placement.sample import A1, AT, HOLD, after, began, held, opened

SET = TimerSet(f"hold/{HOLD}", after(minutes=90), "hold-expiry", "west")
CLEARED = TimerCleared(f"hold/{HOLD}")


def test_a_hold_sets_its_timer() -> None:
    assert timers([opened(A1), held(A1)]) == [SET]


def test_however_a_hold_ends_its_timer_is_cleared() -> None:
    assert timers([ev.HoldCancelled(HOLD, (A1,), AT)]) == [CLEARED]
    assert timers([ev.HoldLapsed(HOLD, (A1,), AT)]) == [CLEARED]
    assert timers([replace(began(A1), hold_id=HOLD)]) == [CLEARED]


def test_a_walk_in_has_no_timer() -> None:
    assert not timers([began(A1)])


def test_a_due_timer_lapses_its_hold() -> None:
    command = LapseHold(at=SET.due_at, role="system", location="west", hold_id=HOLD)
    assert due(SET.kind, SET.key, SET.id, SET.due_at) == Reaction("location", "west", command)


def test_a_timer_of_an_unknown_kind_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no timer of kind tea"):
        due("tea", "west", "x", AT)


def test_nobody_but_the_municipality_opens_standby_places() -> None:
    """A regime is told to everybody by whoever has a log; any site could open or use up what every house can follow."""

    def told_by(site: str) -> Reaction | None:
        said = RegimeTold.of(
            regime_id=HEAR.regime_id, site=site, revision=1, name=HEAR.name, kinds=HEAR.kinds, starts_at=FROM,
            ends_at=UNTIL,
        )  # fmt: skip
        message = Message(
            Origin(site, "placement", 1), "pub", 1, HOLD, said.type_name, HEAR.regime_id, AT, HOLD, HOLD, said.encode()
        )
        return heard_by("stad")(message, said, HEAR.at)

    assert told_by("stad") == Reaction("regime", HEAR.regime_id, HEAR)
    assert told_by("noord") is None
