"""A client does not want the house they live in to know their alias any more."""

from __future__ import annotations

from typing import Any

from services.intake import events_alias as ae
from services.intake.commands_alias import TakeAliasBack
from tests.intake.hand_alias_over.test_hand_alias_over import HANDED, SAY_SO, SAY_SO_2, housed
from tests.intake.handover import BEGUN
from tests.intake.offers import OFFER, heard
from tests.intake.sample import ANNA, ASKED, ERASED, T0, asked

BACK = ae.AliasTakenBack(ANNA, ASKED, OFFER, SAY_SO, T0)


def take_back(**fields: Any) -> TakeAliasBack:
    made: TakeAliasBack = asked(TakeAliasBack, **({"offer_id": OFFER, "say_so": SAY_SO} | fields))
    return made


def test_it_is_taken_back() -> None:
    assert housed.given(HANDED).when(take_back()).then(BACK).state.offers[OFFER].say_so == ""


def test_what_was_never_said_or_is_taken_back_already_changes_nothing() -> None:
    housed.when(take_back()).then_nothing()
    housed.given(HANDED, BACK).when(take_back()).then_nothing()


def test_a_request_that_comes_late_takes_back_none_that_was_said_since() -> None:
    again = ae.AliasHandedOver(ANNA, ASKED, OFFER, SAY_SO_2, T0)
    housed.given(HANDED, BACK, again).when(take_back()).then_nothing()


def test_it_waits_for_nothing() -> None:
    """Neither that the stay goes on, nor that another desk has decided."""
    housed.given(HANDED, heard("left", number=12)).when(take_back()).then(BACK)
    housed.given(HANDED, BEGUN).when(take_back()).then(BACK)


def test_of_what_nobody_offered_or_a_file_that_is_gone_it_is_refused() -> None:
    housed.when(take_back(offer_id=SAY_SO_2)).then_rejected("offer-unknown")
    housed.given(HANDED, ERASED).when(take_back()).then_rejected("client-erased", erased_at=T0.isoformat())
