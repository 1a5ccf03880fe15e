"""A programme and an entitlement to test with: two seats at the municipality, and somebody at `west` who wants one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.allowance import commands as cmd
from services.allowance import commands_entitlement as en
from services.allowance import commands_handout as ch
from services.allowance import commands_payroll as cp
from services.allowance import events as ev
from services.allowance import events_client as ec
from services.allowance import events_entitlement as ee
from services.allowance import events_handout as eh
from services.allowance import events_payroll as ep
from services.allowance.days import Span, Tariff
from services.allowance.decider import CLIENT, ENTITLEMENT, HANDOUT, PAYROLL, PROGRAMME
from services.allowance.transfers import order_id
from shared.ids import derived_id
from tests.support.scenario import Scenario

T0 = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)
TODAY = date(2026, 1, 5)
SOON = T0 + timedelta(seconds=2)
LEEFGELD = "11111111-1111-4111-8111-111111111111"
ANNA = "22222222-2222-4222-8222-222222222222"
SEAT, SEAT_2, SEAT_3, SEAT_4 = (f"{n}{n}{n}{n}3333-3333-4333-8333-333333333333" for n in "abcd")

at_municipality, at_desk = Scenario(PROGRAMME), Scenario(ENTITLEMENT)

OPENED = ev.ProgrammeOpened(LEEFGELD, "stad", "Leefgeld", "month", 2, ("prepaid_card", "voucher"), T0)
TARIFF = ev.TariffAdded(LEEFGELD, "1", 45_000, date(2026, 1, 1), T0)
OPEN_ENDED = (Span(TODAY, None, "1"),)
RESERVED = ev.SeatReserved(LEEFGELD, SEAT, "west", 1, "voucher", T0)
RESERVED_2 = ev.SeatReserved(LEEFGELD, SEAT_2, "noord", 1, "voucher", T0)
GRANTED = ev.SeatGranted(LEEFGELD, SEAT, "west", 2, "voucher", OPEN_ENDED, T0)
SEAT_ENDED = ev.SeatEnded(LEEFGELD, SEAT, "west", 3, "voucher", (Span(TODAY, date(2026, 2, 1), "1"),), T0)

ASKED = ee.EntitlementAsked(SEAT, ANNA, LEEFGELD, "stad", 1, "voucher", OPEN_ENDED, SOON, T0)
WON = ee.EntitlementGranted(SEAT, 2, SOON, T0)
REFUSED = ee.EntitlementRefused(SEAT, "no-seat-free", T0)
CONFIRMED = ee.EntitlementConfirmed(SEAT, 2, T0)
SUSPENDED = ee.EntitlementSuspended(SEAT, date(2026, 1, 10), (Span(TODAY, date(2026, 1, 10), "1"),), 3, SOON, T0)
TOMORROW = date(2026, 1, 6)
ENDED = ee.EntitlementEnded(SEAT, TOMORROW, "sheltered", (Span(TODAY, TOMORROW, "1"),), 3, SOON, T0)


def asked(command: type[Any], **fields: Any) -> Any:
    """A command of finance about the programme."""
    return command(**({"at": T0, "role": "finance", "programme_id": LEEFGELD} | fields))


def open_programme(**fields: Any) -> cmd.OpenProgramme:
    """What `OPENED` and `TARIFF` follow from."""
    given = {
        "site": "stad", "name": "Leefgeld", "period": "month", "ceiling": 2, "methods": ("voucher", "prepaid_card"),
        "tariffs": (Tariff("1", 45_000, date(2026, 1, 1)),),
    }  # fmt: skip
    made: cmd.OpenProgramme = asked(cmd.OpenProgramme, **(given | fields))
    return made


def stated(**fields: Any) -> cmd.HearEntitlement:
    """West asks for a seat, unless said otherwise."""
    given = {
        "seat_id": SEAT, "site": "west", "revision": 1, "status": "asked", "method": "voucher", "spans": OPEN_ENDED,
        "role": "system",
    }  # fmt: skip
    made: cmd.HearEntitlement = asked(cmd.HearEntitlement, **(given | fields))
    return made


def desk(command: type[Any], **fields: Any) -> Any:
    """A command of a caseworker about Anna's entitlement."""
    return command(**({"at": T0, "role": "caseworker", "entitlement_id": SEAT} | fields))


def answered(**fields: Any) -> en.HearSeat:
    """The municipality has reserved the seat, unless said otherwise."""
    made: en.HearSeat = desk(en.HearSeat, **({"site": "stad", "revision": 1, "status": "reserved"} | fields))
    return made


# --- paying -----------------------------------------------------------------------------------------------------------

at_payroll = Scenario(PAYROLL)
RUN, RUN_2 = "44444444-4444-4444-8444-444444444444", "55555555-5555-4555-8555-555555555555"
DRAWN, SECOND = "66666666-6666-5666-8666-666666666666", "77777777-7777-5777-8777-777777777777"
LINE = ep.Line(SEAT, "west", "voucher", (("2025-12", 45_000),), 0, 45_000, 0)
DRAFTED = ep.PayRunDrafted(RUN, LEEFGELD, "2025-12", date(2025, 12, 31), (LINE,), 45_000, DRAWN, T0)
DROPPED = ep.PayRunDropped(RUN, LEEFGELD, T0)
APPROVED = ep.PayRunApproved(RUN, LEEFGELD, SECOND, 100_000, None, (), T0)
HANDED_OVER = derived_id("handout", LEEFGELD, "2025-12", "west", "")
EXECUTED = ep.PayRunExecuted(
    RUN, LEEFGELD, (ep.Handed(HANDED_OVER, "west", (SEAT,)),), (), (), b"", b"", SOON, T0
)  # fmt: skip
EXECUTE = asked(
    cp.ExecutePayRun, run_id=RUN, balance_cents_max=2_000_00, cash_cents_a_day_max=250_00
)  # fmt: skip


def draft(**fields: Any) -> cp.DraftPayRun:
    """What `DRAFTED` follows from, unless said otherwise."""
    due = (cp.Due(SEAT, "west", "voucher", (("2025-12", 45_000),)),)
    given = {"run_id": RUN, "kind": "month", "period": "2025-12", "due": due, "by": DRAWN}
    made: cp.DraftPayRun = asked(cp.DraftPayRun, **(given | fields))
    return made


# --- what is ordered of a bank and the cards' issuer ------------------------------------------------------------------

STAD_ACCOUNT = ep.Payee("stad", "Gemeente", "NL91ABNA0417164300")
WEST_ACCOUNT = ep.Payee("west", "Stichting West & Co", "BE68539007547034")
BY_TRANSFER = (
    ep.Line(SEAT, "west", "transfer", (("2025-12", 45_000),), 0, 45_000, 0),
    ep.Line(SEAT_2, "west", "transfer", (("2025-12", 9_001),), 0, 9_001, 0),
    ep.Line(SEAT_3, "noord", "prepaid_card", (("2025-12", 250_000),), 0, 250_000, 0),
)
ORDERING = ep.PayRunDrafted(RUN, LEEFGELD, "2025-12", date(2025, 12, 31), BY_TRANSFER, 304_001, DRAWN, T0)
WITH_ACCOUNTS = ep.PayRunApproved(RUN, LEEFGELD, SECOND, 400_000, STAD_ACCOUNT, (WEST_ACCOUNT,), T0)
TO_WEST, TO_CARD = order_id(LEEFGELD, "2025-12", "west"), order_id(LEEFGELD, "2025-12", SEAT_3)


# --- what intake says of a client -------------------------------------------------------------------------------------

about_client = Scenario(CLIENT)
STAY = "88888888-8888-4888-8888-888888888888"
MOVED_IN, LEFT_ON = date(2026, 1, 10), date(2026, 1, 20)
HAS_MEALS = ec.MealsNoted(ANNA, STAY, MOVED_IN, None, 1, T0)
HAD_MEALS = ec.MealsNoted(ANNA, STAY, MOVED_IN, LEFT_ON, 2, T0)
FORGOTTEN = ec.ClientForgotten(ANNA, TODAY, 1, T0)


def noted(command: type[Any], **fields: Any) -> Any:
    """What this site's intake says of Anna."""
    return command(**({"at": T0, "role": "system", "client_id": ANNA} | fields))


def follow(followed: int = 1, **fields: Any) -> en.FollowClient:
    """What is known of Anna, to her entitlement."""
    made: en.FollowClient = desk(en.FollowClient, followed=followed, **fields)
    return made


# --- handing out ------------------------------------------------------------------------------------------------------

at_counter = Scenario(HANDOUT)
CODE, OTHER_CODE = "a" * 64, "b" * 64
LATER = T0 + timedelta(days=21)
TO_PAY = eh.PaymentsHeard(
    HANDED_OVER, RUN, LEEFGELD, "2025-12", "stad", (eh.Payment(SEAT, 45_000), eh.Payment(SEAT_2, 9_000)), LATER, SOON,
    T0,
)  # fmt: skip
ISSUED = eh.VoucherIssued(HANDED_OVER, SEAT, CODE, T0)
REDEEMED = eh.VoucherRedeemed(HANDED_OVER, SEAT, 2, SOON, T0)
HEARD = eh.HandoutConfirmed(HANDED_OVER, 1, T0)


def counter(command: type[Any], **fields: Any) -> Any:
    """A command about what west hands out."""
    return command(**({"at": T0, "role": "caseworker", "handout_id": HANDED_OVER} | fields))


def to_pay(**fields: Any) -> ch.HearPayments:
    """What `TO_PAY` follows from, unless said otherwise."""
    given = {
        "run_id": RUN, "programme_id": LEEFGELD, "period": "2025-12", "site": "stad", "payments": TO_PAY.payments,
    }  # fmt: skip
    made: ch.HearPayments = counter(ch.HearPayments, **(given | fields))
    return made


def at_desk_stands(revision: int = 2, **fields: Any) -> cp.HearHandout:
    """West says how it stands with what it hands out."""
    given = {"handout_id": HANDED_OVER, "site": "west", "paid": (), "refused": (), "role": "system"}
    made: cp.HearHandout = asked(cp.HearHandout, revision=revision, **(given | fields))
    return made
