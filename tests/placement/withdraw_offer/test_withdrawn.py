"""The location takes an offer back, with a reason; and whatever else ends its hold ends the offer."""

from typing import Any

from services.placement import commands as cmd
from services.placement import commands_offers as oc
from services.placement import events as ev
from tests.placement.offers import CANCELLED, OFFER, OFFER_2, ended, with_accepted, with_offer, with_unit
from tests.placement.sample import AT


def withdraw(**fields: Any) -> oc.WithdrawOffer:
    given: dict[str, Any] = {
        "at": AT,
        "role": "operator",
        "location": "west",
        "offer_id": OFFER,
        "reason": "place_unusable",
    }
    return oc.WithdrawOffer(**(given | fields))


def test_it_is_withdrawn_also_after_it_was_accepted() -> None:
    gone: list[ev.LocationEvent] = [CANCELLED, ended("withdrawn", "place_unusable")]
    over = with_offer.when(withdraw()).then(*gone)
    with_accepted.when(withdraw()).then(*gone)
    over.when(withdraw()).then_nothing()
    over.when(withdraw(reason="other")).then_rejected("offer-ended", how="withdrawn")


def test_it_is_not_withdrawn_unknown_stale_or_for_no_reason() -> None:
    with_unit.when(withdraw(offer_id=OFFER_2)).then_rejected("offer-unknown")
    with_offer.when(withdraw(if_version=1)).then_rejected("version-stale")
    with_offer.when(withdraw(reason="rain")).then_rejected("withdraw-reason-unknown")


def test_a_hold_that_is_cancelled_takes_its_offer_along() -> None:
    tap = cmd.CancelHold(at=AT, role="operator", location="west", hold_id=OFFER)
    with_offer.when(tap).then(CANCELLED, ended("withdrawn", "other"))


def test_a_house_that_closes_withdraws_its_offers() -> None:
    closed = with_offer.when(cmd.CloseLocation(at=AT, role="operator", location="west"))._outcome()
    assert ended("withdrawn", "location_closed") in list(closed)  # type: ignore[arg-type]


def test_an_offer_is_not_taken_back_as_a_wrong_tap() -> None:
    undo = cmd.UndoHold(at=AT, role="operator", location="west", hold_id=OFFER, again_id=OFFER_2)
    with_offer.when(undo).then_rejected("undo-not-possible")
