"""Which event makes which message, and when it is taken up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.notifications import app, policy, policy_appointments, policy_clients, policy_staff
from services.notifications import commands as cmd
from services.notifications.wording import TEMPLATES
from shared.contracts import allowance, intake, placement
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


UNTIL_NOON = datetime(2026, 1, 26, 11, 0, tzinfo=UTC)
READY = allowance.AllowanceReady.of(
    entitlement_id=ASKED, client_id=CLIENT, handout_id="44444444-4444-4444-8444-444444444444", until=UNTIL_NOON, at=T0
)


def withdrawn(reason: str) -> intake.RequestWithdrawn:
    return intake.RequestWithdrawn.of(client_id=CLIENT, request_id=ASKED, reason=reason, at=T0)


def hear(
    said: Contract, at: datetime = T0, *, origin: str = "west", id_: str = "e", staff: bool = False
) -> Reaction | None:
    """What follows, for clients or for those who work there."""
    message = Message(
        Origin(origin, "intake", 1), "loc", 1, id_, said.type_name, "s", T0, id_, id_, said.encode(),
    )  # fmt: skip
    listening = app.heard_by_staff("west", "stad") if staff else app.heard("west")
    return listening.react(message, said, at) if said.type_name in listening.contracts else None


def chosen(said: Contract, **how: Any) -> cmd.ChooseMessage:
    reaction = hear(said, staff=isinstance(said, placement.HoldEnded | placement.RegimeTold), **how)
    assert reaction is not None
    assert isinstance(reaction.command, cmd.ChooseMessage)
    assert reaction.key == reaction.command.recipient
    return reaction.command


@pytest.mark.parametrize(
    ("said", "origin", "recipient", "template"),
    [
        (OPENED, "west", CLIENT, "request_noted"),
        (withdrawn("found_elsewhere"), "west", CLIENT, "request_ended"),
        (READY, "west", CLIENT, "allowance_ready"),
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
    assert hear(REGIME, T0 + timedelta(days=4), origin="stad", staff=True) is None


def test_another_site_speaks_of_nobody_here() -> None:
    assert hear(OPENED, origin="noord") is None
    assert hear(REGIME, origin="noord", staff=True) is None


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
    one = policy_staff.silent("noord", policy.ONCALL, T0, T0 + timedelta(minutes=6))
    again = policy_staff.silent("noord", policy.ONCALL, T0, T0 + timedelta(minutes=9))
    tomorrow = policy_staff.silent("noord", policy.ONCALL, T0 + timedelta(days=1), T0 + timedelta(days=1))
    ids = [reaction.command.message_id for reaction in (one, again, tomorrow)]  # type: ignore[attr-defined]
    assert ids[0] == ids[1] != ids[2]


# --- those who work here ---------------------------------------------------------------------------------------------

COUNTED = placement.HeadsCounted.of(
    location="west", count_id=ASKED, kind="shelter_24h", counted=3, expected=3, superseded=False, observed_at=T0, at=T0
)
RUN = {"programme_id": ASKED, "run_id": CLIENT, "at": T0}


def told_to(said: Contract, at: datetime = T0) -> tuple[str, set[str], dict[str, cmd.ChooseMessage]]:
    """Whom it concerns, the ids that are over, and what is told instead, by template."""
    reaction = hear(said, at, staff=True)
    assert reaction is not None
    command = reaction.command
    assert isinstance(command, cmd.ReplaceMessages)
    assert reaction.key == command.recipient
    for one in command.instead:
        assert one.fields.keys() == TEMPLATES[one.template].fields.keys()
    return command.recipient, set(command.over), {one.template: one for one in command.instead}


def test_a_count_that_is_as_expected_says_when_the_next_one_is_late_and_ends_the_reminders_of_before() -> None:
    recipient, over, told = told_to(COUNTED)
    assert (recipient, set(told)) == ("operator", {"count_due"})
    due = told["count_due"]
    assert (due.send_at, due.expires_at) == (
        T0 + policy_staff.COUNTED_AGAIN, T0 + policy_staff.COUNTED_AGAIN + policy_staff.COUNT_OF_USE,
    )  # fmt: skip
    assert due.message_id not in over
    next_night = COUNTED.model_copy(update={"observed_at": T0 + timedelta(days=1), "at": T0 + timedelta(days=1)})
    assert due.message_id in told_to(next_night, T0 + timedelta(days=1))[1]
    elsewhere = COUNTED.model_copy(update={"kind": "night_shelter", "observed_at": T0 + timedelta(days=1)})
    assert due.message_id not in told_to(elsewhere)[1]


def test_two_counts_of_one_night_are_one_reminder() -> None:
    later = COUNTED.model_copy(update={"observed_at": T0 + timedelta(hours=1), "count_id": CLIENT})
    assert told_to(COUNTED)[2]["count_due"].message_id == told_to(later)[2]["count_due"].message_id


def test_a_night_counted_after_midnight_and_the_next_before_it_leave_the_later_reminder() -> None:
    """Both are of one date by the city's clock: half past midnight, and half past eleven in the evening."""
    first, second = T0 + timedelta(hours=5.5), T0 + timedelta(hours=28.5)
    early, late = (COUNTED.model_copy(update={"observed_at": at, "at": at}) for at in (first, second))
    reminder = told_to(early, first)[2]["count_due"]
    over, told = told_to(late, second)[1:]
    assert reminder.message_id in over
    assert told["count_due"].message_id not in {reminder.message_id, *over}
    assert told["count_due"].send_at == second + policy_staff.COUNTED_AGAIN


def test_a_difference_is_told_once_and_an_old_look_is_no_news() -> None:
    differs = COUNTED.model_copy(update={"counted": 4})
    told = told_to(differs)[2]
    assert told["count_differs"].fields == {"location": "west", "counted": "4", "expected": "3"}
    assert told_to(differs, T0 + policy.NEWS)[2].keys() == {"count_due"}
    assert told_to(differs, T0 + timedelta(days=9))[2] == {}
    assert hear(differs.model_copy(update={"superseded": True}), staff=True) is None


def test_a_run_waits_for_whoever_approves_until_somebody_has() -> None:
    drafted = hear(allowance.PayRunDrafted.of(**RUN, period="2026-W02"), staff=True)
    assert drafted is not None
    waits = drafted.command
    assert isinstance(waits, cmd.ChooseMessage)
    assert (drafted.key, waits.template, waits.fields) == ("finance", "run_waits", {"period": "2026-W02"})
    for how in ("approved", "dropped"):
        recipient, over, told = told_to(allowance.PayRunDecided.of(**RUN, how=how), T0 + timedelta(days=30))
        assert (recipient, over, told) == ("finance", {waits.message_id}, {})


def test_an_operator_is_asked_until_somebody_has_answered_or_time_is_over() -> None:
    question = placement.QuestionTold.of(
        location="west", question_id=ASKED, kind="shelter_24h", open=True, answer_by=T0 + timedelta(minutes=15), at=T0
    )
    recipient, over, told = told_to(question)
    assert (recipient, over, set(told)) == ("operator", set(), {"question_waits"})
    waits = told["question_waits"]
    assert waits.expires_at == question.answer_by
    assert told_to(question.model_copy(update={"open": False})) == ("operator", {waits.message_id}, {})


def test_what_somebody_has_looked_after_is_told_once_a_day() -> None:
    def short(at: datetime) -> Reaction:
        return policy_staff.short("shelter_24h", 20, at)

    def parked(at: datetime) -> Reaction:
        return policy_staff.parked("west", "placement", "capacity", at)

    for make, recipient in ((short, "coordinator"), (parked, "oncall")):
        ids = []
        for at in (T0, T0 + timedelta(hours=2), T0 + timedelta(days=1)):
            reaction = make(at)
            assert reaction.key == recipient
            assert isinstance(reaction.command, cmd.ChooseMessage)
            assert reaction.command.fields.keys() == TEMPLATES[reaction.command.template].fields.keys()
            ids.append(reaction.command.message_id)
        assert ids[0] == ids[1] != ids[2]


# --- offers ---------------------------------------------------------------------------------------------------------

OFFER, UNTIL, BY = "33333333-3333-4333-8333-333333333333", T0 + timedelta(hours=4), T0 + timedelta(hours=6)
ABOUT: dict[str, Any] = {"client_id": CLIENT, "request_id": ASKED, "offer_id": OFFER, "at": T0}
WHERE: dict[str, Any] = {"site": "noord", "location": "noord", "kind": "shelter_24h"}
RECEIVED = intake.OfferReceived.of(**ABOUT, **WHERE, expires_at=UNTIL)
CONFIRMED = intake.OfferConfirmed.of(**ABOUT, expected_by=BY)
HOUSED = intake.ClientHoused.of(**ABOUT, **WHERE)
AT_NIGHT = intake.ClientHoused.of(**ABOUT, **WHERE | {"kind": "night_shelter"})
LEFT = intake.ClientLeft.of(**ABOUT)


def declined(reason: str) -> intake.OfferDeclined:
    return intake.OfferDeclined.of(**ABOUT, reason=reason)


def ended(how: str) -> intake.OfferEnded:
    return intake.OfferEnded.of(**ABOUT, how=how, reason=None)


def replaced(said: Contract, *, staff: bool = False, at: datetime = T0) -> tuple[set[str], list[str], bool]:
    """Templates of what is over and of what is told instead, and whether only to whoever has heard."""
    reaction = hear(said, at, staff=staff)
    assert reaction is not None
    command = reaction.command
    assert isinstance(command, cmd.ReplaceMessages)
    assert reaction.key == command.recipient == ("caseworker" if staff else CLIENT)
    names = {policy.message_id_of(command.recipient, template, OFFER): template for template in TEMPLATES}
    for one in command.instead:
        assert names[one.message_id] == one.template
        assert one.fields.keys() == TEMPLATES[one.template].fields.keys()
        assert "noord" not in repr(one), "where somebody will sleep is said at the desk"
    return {names[id_] for id_ in command.over}, [one.template for one in command.instead], command.only_if_told


WAITS, ALL = {"offer_waiting", "offer_lapsing"}, {"offer_waiting", "offer_lapsing", "offer_confirmed"}


@pytest.mark.parametrize(
    ("said", "over", "instead", "only_if_told"),
    [
        (RECEIVED, set(), ["offer_waiting", "offer_lapsing"], False),
        (intake.OfferAccepted.of(**ABOUT, expected_by=BY), WAITS, [], False),
        (declined("too_far"), WAITS, [], False),
        (declined("not_reached"), WAITS, ["offer_over"], True),
        (CONFIRMED, WAITS, ["offer_confirmed"], False),
        (ended("declined"), ALL, [], False),
        (ended("called_off"), ALL, [], False),
        (ended("withdrawn"), ALL, ["offer_over"], True),
        (ended("lapsed"), ALL, ["offer_over"], True),
        (ended("no_show"), ALL, ["offer_over"], True),
        (HOUSED, ALL, [], False),
        (AT_NIGHT, ALL, [], False),
        (LEFT, set(), [], False),
    ],
)
def test_what_a_client_hears_of_an_offer(
    said: Contract, over: set[str], instead: list[str], only_if_told: bool
) -> None:
    assert replaced(said) == (over, instead, only_if_told)


@pytest.mark.parametrize(
    ("said", "over", "instead"),
    [
        (RECEIVED, set(), ["answer_due"]),
        (declined("too_far"), {"answer_due"}, []),
        (ended("lapsed"), {"answer_due"}, ["offer_lapsed"]),
        (ended("no_show"), {"answer_due"}, ["offer_missed"]),
        (ended("withdrawn"), {"answer_due"}, []),
    ],
)
def test_what_caseworkers_hear_of_an_offer(said: Contract, over: set[str], instead: list[str]) -> None:
    assert replaced(said, staff=True) == (over, instead, False)


def test_a_client_is_told_again_only_if_there_is_time_for_it() -> None:
    command = policy_clients.planned(RECEIVED, T0)
    assert [one.send_at for one in command.wanted] == [T0 + policy.SETTLES, UNTIL - policy_clients.REMINDED]
    assert replaced(RECEIVED, at=UNTIL - 2 * policy_clients.REMINDED)[1] == ["offer_waiting", "offer_lapsing"]
    assert replaced(RECEIVED, at=UNTIL - 2 * policy_clients.REMINDED + timedelta(seconds=1))[1] == ["offer_waiting"]


def test_what_is_over_is_over_however_late_it_is_heard_and_nothing_is_told_instead() -> None:
    assert replaced(ended("lapsed"), at=T0 + policy.NEWS) == (ALL, [], True)
    assert replaced(RECEIVED, at=T0 + policy.NEWS) == (set(), [], False)


def test_the_end_of_a_stay_is_told_a_month_before_however_late_it_is_heard_that_it_began() -> None:
    until = T0 + timedelta(days=547)
    for heard_at, send_at in ((T0, until - timedelta(days=30)), (until - timedelta(days=9), until - timedelta(days=9))):
        plan = limit(HOUSED, heard_at)
        near = plan.wanted
        assert near is not None
        assert (near.send_at, near.expires_at, near.fields) == (send_at, until, {"date": "2027-07-06"})
        assert not plan.whole, "since when they live there is known better by who owns the place"


def lived(*kinds: str, ended_at: datetime | None = None) -> intake.ClientStayTold:
    """In these kinds of place, ten days each."""
    rows = tuple((kind, T0 + timedelta(days=10 * number)) for number, kind in enumerate(kinds))
    return intake.ClientStayTold.of(client_id=CLIENT, offer_id=OFFER, lived=rows, ended_at=ended_at, at=T0)


def limit(said: Contract, at: datetime = T0) -> cmd.PlanMessage:
    """What is planned of the end of the stay."""
    reaction = hear(said, at)
    assert reaction is not None
    assert reaction.key == CLIENT
    plan = reaction.command.plan if isinstance(reaction.command, cmd.ReplaceMessages) else reaction.command
    assert isinstance(plan, cmd.PlanMessage)
    assert plan.plan_id == policy.message_id_of(CLIENT, policy_clients.LIMIT_NEAR, OFFER)
    return plan


@pytest.mark.parametrize(
    ("said", "day"),
    [
        (lived("shelter_24h"), "2027-07-06"),
        (lived("night_shelter", "shelter_24h"), "2027-07-16"),
        (lived("shelter_24h", "night_shelter"), None),
        (lived("shelter_24h", ended_at=T0 + timedelta(days=1)), None),
        (AT_NIGHT, None),
        (LEFT, None),
    ],
)
def test_the_end_of_a_stay_follows_its_owners_newest_word(said: Contract, day: str | None) -> None:
    plan = limit(said)
    assert (None if plan.wanted is None else plan.wanted.fields["date"]) == day
    assert plan.whole == isinstance(said, intake.ClientStayTold)


def expected(**fields: Any) -> intake.AppointmentMade:
    return intake.AppointmentMade.of(
        **{"client_id": CLIENT, "appointment_id": ASKED, "turn": 3, "replaces": None, "known": False,
           "starts_at": SEEN, "at": T0} | fields
    )  # fmt: skip


def no_more(how: str, **fields: Any) -> intake.AppointmentEnded:
    return intake.AppointmentEnded.of(
        **{"client_id": CLIENT, "appointment_id": ASKED, "turn": 3, "how": how, "starts_at": SEEN, "at": T0} | fields
    )


def of_appointment(said: Contract, at: datetime = T0) -> tuple[set[str], dict[str, datetime | None], bool]:
    """Templates of what is over (of the third appointment there), what is told instead and when, and whether only to
    whoever has heard."""
    reaction = hear(said, at)
    assert reaction is not None
    command = reaction.command
    assert isinstance(command, cmd.ReplaceMessages)
    assert reaction.key == command.recipient == CLIENT
    for one in command.instead:
        assert one.fields == {"time": SEEN.isoformat()}
        assert one.expires_at == SEEN
        assert one.fields.keys() == TEMPLATES[one.template].fields.keys()
    names = {policy.message_id_of(CLIENT, template, f"{ASKED}/3"): template for template in TEMPLATES}
    told = {one.template: one.send_at for one in command.instead}
    return {names[id_] for id_ in command.over if id_ in names}, told, command.only_if_told


SEEN = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
EVE = datetime(2026, 1, 11, 9, 0, tzinfo=UTC)
"""Ten in the morning in the city, on the day before."""
SOON = T0 + policy_appointments.SETTLES
OF_ONE = {"appointment_made", "appointment_moved", "appointment_near"}


@pytest.mark.parametrize(
    ("said", "at", "over", "instead", "only_if_told"),
    [
        (expected(), T0, set(), {"appointment_made": SOON, "appointment_near": EVE}, False),
        (expected(turn=5, replaces=3), T0, OF_ONE, {"appointment_moved": SOON, "appointment_near": EVE}, True),
        (expected(known=True), T0, set(), {"appointment_near": EVE}, False),
        (no_more("called_off"), T0, OF_ONE, {"appointment_off": None}, True),
        (no_more("over"), T0, OF_ONE, {}, True),
        # heard late: that there is one is old, the reminder is not
        (expected(), T0 + policy.NEWS, set(), {"appointment_near": EVE}, False),
        (expected(), EVE + timedelta(hours=1), set(), {"appointment_near": EVE + timedelta(hours=1)}, False),
        (no_more("called_off"), T0 + policy.NEWS, OF_ONE, {}, True),
        # made on the evening before: whoever hears so now needs no reminder in the morning after
        (expected(at=EVE - timedelta(hours=11)), EVE - timedelta(hours=11), set(),
         {"appointment_made": EVE - timedelta(hours=11) + policy_appointments.SETTLES}, False),
        (expected(at=EVE - timedelta(hours=11), known=True), EVE - timedelta(hours=11), set(),
         {"appointment_near": EVE}, False),
    ],
)  # fmt: skip
def test_what_a_client_hears_of_an_appointment(
    said: Contract, at: datetime, over: set[str], instead: dict[str, datetime | None], only_if_told: bool
) -> None:
    assert of_appointment(said, at) == (over, instead, only_if_told)


def test_an_appointment_that_is_moved_there_and_back_is_another_one() -> None:
    ids = []
    for said in (expected(), expected(turn=7, replaces=5), expected()):
        reaction = hear(said)
        assert reaction is not None
        ids.append({one.message_id for one in reaction.command.instead})  # type: ignore[attr-defined]
    assert ids[0] == ids[2]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    ("starts_at", "reminded_at"),
    [
        (datetime(2026, 1, 11, 23, 30, tzinfo=UTC), EVE),  # half past midnight in the city: its day is the 12th
        (datetime(2026, 3, 29, 9, 0, tzinfo=UTC), datetime(2026, 3, 28, 9, 0, tzinfo=UTC)),
        (datetime(2026, 3, 30, 9, 0, tzinfo=UTC), datetime(2026, 3, 29, 8, 0, tzinfo=UTC)),  # summer has begun
    ],
)
def test_a_reminder_comes_at_ten_in_the_morning_of_the_day_before(starts_at: datetime, reminded_at: datetime) -> None:
    assert policy_appointments.reminded_at(starts_at) == reminded_at
    assert policy.quiet_until(reminded_at) is None


def test_cash_that_waits_is_told_as_long_as_it_does_and_once_for_a_handout() -> None:
    first = chosen(READY)
    assert (first.expires_at, first.fields) == (UNTIL_NOON, {"date": "2026-01-26"})
    late = chosen(READY, at=UNTIL_NOON - timedelta(days=2), id_="of another epoch")
    assert late.message_id == first.message_id
    other = chosen(READY.model_copy(update={"handout_id": ASKED}))
    assert other.message_id != first.message_id


def test_what_comes_back_is_of_use_until_the_time_it_speaks_of() -> None:
    assert policy_clients.of_use_until("offer_waiting", {"time": T0.isoformat()}) == T0
    day_begins = datetime(2026, 1, 25, 23, 0, tzinfo=UTC)
    for template in (policy_clients.READY, policy_clients.LIMIT_NEAR):
        assert policy_clients.of_use_until(template, {"date": "2026-01-26"}) == day_begins
    assert policy_clients.of_use_until("request_noted", {"date": "2026-01-05"}) is None
