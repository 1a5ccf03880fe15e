"""A location offers by itself, or asks its operator first; everybody hears which."""

from __future__ import annotations

from services.placement import commands_offers as oc
from services.placement import events_offers as oe
from services.placement.publish import tell
from services.placement.publish_epoch import epoch
from shared.contracts.placement import OfferModeTold
from tests.placement.offers import HELD, OFFERED, offer, with_unit
from tests.placement.questions import ASKS, asking, to
from tests.placement.sample import AT


def test_a_location_is_turned_and_says_so_to_everybody() -> None:
    done = with_unit.when(to(oc.TurnOffers, mode="ask")).then(ASKS)
    [telling] = tell(with_unit.state, [ASKS], done.state)
    assert telling.contract == OfferModeTold.of(location="west", site="west", mode="ask")
    asking.when(to(oc.TurnOffers, mode="ask")).then_nothing()
    asking.when(to(oc.TurnOffers, mode="automatic")).then(oe.OffersTurned("west", "automatic", AT))
    with_unit.when(to(oc.TurnOffers, mode="never")).then_rejected("offer-mode-unknown")


def test_a_new_epoch_says_it_again() -> None:
    modes = [one.contract for one in epoch([asking.state, with_unit.state], AT) if one.subject == "west"]
    assert sum(isinstance(contract, OfferModeTold) for contract in modes) == 1


def test_turned_back_it_offers_by_itself() -> None:
    back = oe.OffersTurned("west", "automatic", AT)
    asking.given(back).when(offer()).then(HELD, OFFERED)
