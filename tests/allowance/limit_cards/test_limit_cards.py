"""What may be on a card."""

from __future__ import annotations

from services.allowance import commands as cmd
from services.allowance import events as ev
from services.allowance.decider_programme import Cards, Programme
from tests.allowance.sample import LEEFGELD, OPENED, T0, asked, at_municipality

LIMITED = ev.CardsLimited(LEEFGELD, 1_500_00, 100_00, T0)
LIMIT = asked(cmd.LimitCards, balance_cents_max=1_500_00, cash_cents_a_day_max=100_00)


def test_a_card_holds_two_thousand_euros_unless_said_otherwise() -> None:
    assert Programme().cards == Cards(2_000_00, 250_00)
    assert at_municipality.given(OPENED).when(LIMIT).then(LIMITED).state.cards == Cards(1_500_00, 100_00)


def test_the_same_again_changes_nothing() -> None:
    at_municipality.given(OPENED, LIMITED).when(LIMIT).then_nothing()
    usual = asked(cmd.LimitCards, balance_cents_max=2_000_00, cash_cents_a_day_max=250_00)
    at_municipality.given(OPENED).when(usual).then_nothing()


def test_what_is_no_limit_says_why() -> None:
    given = at_municipality.given(OPENED)
    for most, cash in ((-1, 0), (0, -1)):
        wrong = asked(cmd.LimitCards, balance_cents_max=most, cash_cents_a_day_max=cash)
        given.when(wrong).then_rejected("amount-invalid")
    at_municipality.when(LIMIT).then_rejected("programme-unknown")
