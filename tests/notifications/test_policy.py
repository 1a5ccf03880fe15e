"""Which event makes which message, and when it is taken up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.notifications import commands as cmd
from services.notifications import policy
from services.notifications.wording import TEMPLATES
from shared.contracts import intake, placement
from shared.contracts.base import Contract
from shared.envelope import Message, Origin
from shared.kernel import Reaction
from shared.timers import TimerCleared, TimerSet
from tests.notifications.sample import AT_DESK, CHOSEN, DELIVERED, ENDS, NEWS, SENT, T0, began, failed

CLIENT, ASKED = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
OPENED = intake.RequestOpened.of(
    client_id=CLIENT, request_id=ASKED, kinds=("shelter_24h",), features=(), household_size=1,
    waiting_since=date(2026, 1, 5), at=T0,
)  # fmt: skip
LAPSED = placement.HoldEnded.of(location="west", hold_id=ASKED, place_ids=(CLIENT,), how="lapsed", stay_id=None, at=T0)
REGIME = placement.RegimeTold.of(
    regime_id=ASKED, site="stad", revision=1, name="Cold", kinds=("night_shelter",), starts_at=T0,
    ends_at=T0 + timedelta(days=3),
)  # fmt: skip


def withdrawn(reason: str) -> intake.RequestWithdrawn:
    return intake.RequestWithdrawn.of(client_id=CLIENT, request_id=ASKED, reason=reason, at=T0)


def hear(said: Contract, at: datetime = T0, *, origin: str = "west", id_: str = "e") -> Reaction | None:
    message = Message(
        Origin(origin, "intake", 1), "loc", 1, id_, said.type_name, "s", T0, id_, id_, said.encode(),
    )  # fmt: skip
    return policy.heard_by("west", "stad")(message, said, at)


def chosen(said: Contract, **how: str) -> cmd.ChooseMessage:
    reaction = hear(said, **how)  # type: ignore[arg-type]
    assert reaction is not None
    assert isinstance(reaction.command, cmd.ChooseMessage)
    assert reaction.key == reaction.command.recipient
    return reaction.command


@pytest.mark.parametrize(
    ("said", "origin", "recipient", "template"),
    [
        (OPENED, "west", CLIENT, "request_noted"),
        (withdrawn("found_elsewhere"), "west", CLIENT, "request_ended"),
        (LAPSED, "west", "operator", "hold_lapsed"),
        (REGIME, "stad", "operator", "regime_told"),
    ],
)
def test_an_event_makes_a_message(said: Contract, origin: str, recipient: str, template: str) -> None:
    command = chosen(said, origin=origin)
    assert (command.recipient, command.template) == (recipient, template)
    assert command.fields.keys() == TEMPLATES[template].fields.keys()


def test_one_thing_told_twice_is_one_message_and_two_things_are_two() -> None:
    assert chosen(OPENED, id_="a").message_id == chosen(OPENED, id_="b").message_id
    ids = {chosen(said).message_id for said in (OPENED, withdrawn("lost_contact"), LAPSED)}
    assert len(ids) == 3


@pytest.mark.parametrize("said", [withdrawn("erased"), withdrawn("mistake")])
def test_nobody_is_told_what_was_nothing(said: Contract) -> None:
    assert hear(said) is None


def test_an_erased_client_is_forgotten_here_too_however_late_it_is_heard() -> None:
    reaction = hear(intake.ClientErased.of(client_id=CLIENT, at=T0), T0 + timedelta(days=400))
    assert reaction is not None
    assert isinstance(reaction.command, cmd.EraseRecipient)


def test_old_news_is_no_news() -> None:
    assert hear(OPENED, T0 + policy.NEWS - timedelta(seconds=1)) is not None
    assert hear(OPENED, T0 + policy.NEWS) is None
    assert hear(REGIME, T0 + timedelta(days=4), origin="stad") is None


def test_another_site_speaks_of_nobody_here() -> None:
    assert hear(OPENED, origin="noord") is None
    assert hear(REGIME, origin="noord") is None


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (datetime(2026, 1, 5, 20, 0, tzinfo=UTC), datetime(2026, 1, 6, 7, 0, tzinfo=UTC)),  # 21:00 in the city
        (datetime(2026, 1, 5, 19, 59, tzinfo=UTC), None),
        (datetime(2026, 1, 6, 6, 59, tzinfo=UTC), datetime(2026, 1, 6, 7, 0, tzinfo=UTC)),
        (datetime(2026, 1, 6, 7, 0, tzinfo=UTC), None),
        (datetime(2026, 7, 5, 19, 0, tzinfo=UTC), datetime(2026, 7, 6, 6, 0, tzinfo=UTC)),  # summer
        (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 3, 29, 6, 0, tzinfo=UTC)),  # the short night
    ],
)
def test_the_night_is_the_citys(at: datetime, until: datetime | None) -> None:
    assert policy.quiet_until(at) == until


def test_every_message_that_is_not_settled_has_its_timer() -> None:
    timer = policy.send_timer(NEWS)

    def due(at: datetime) -> TimerSet:
        return TimerSet(timer, at, policy.SEND, CHOSEN.recipient)

    first, failure = began(), failed()
    assert policy.timers([CHOSEN, first, failure, AT_DESK]) == [
        due(T0), due(first.again_at), due(failure.again_at), due(ENDS),
    ]  # fmt: skip
    assert policy.timers([SENT, DELIVERED]) == [TimerCleared(timer)] * 2
    assert policy.message_of(timer) == NEWS


def test_a_silent_site_is_told_of_once_a_day() -> None:
    one = policy.silent("noord", policy.ONCALL, T0, T0 + timedelta(minutes=6))
    again = policy.silent("noord", policy.ONCALL, T0, T0 + timedelta(minutes=9))
    tomorrow = policy.silent("noord", policy.ONCALL, T0 + timedelta(days=1), T0 + timedelta(days=1))
    ids = [reaction.command.message_id for reaction in (one, again, tomorrow)]  # type: ignore[attr-defined]
    assert ids[0] == ids[1] != ids[2]
