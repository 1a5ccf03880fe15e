"""A site that left the network says nothing more: what it kept is withdrawn, and who lived there has left."""

from msgspec.structs import replace

from services.intake import commands_offers as oc
from services.intake.events_offers import OfferWordHeard
from tests.intake.offers import EXPECTED, HOUSED, OFFER, PLACED, heard, with_accepted, with_offer, with_request
from tests.intake.sample import asked, at_desk


def epoch_of(word: OfferWordHeard) -> OfferWordHeard:
    """Before its owner has said anything there is no epoch."""
    return replace(word, epoch=0)


CLOSE = asked(oc.CloseOffer, offer_id=OFFER)


def test_what_was_accepted_there_is_withdrawn_and_the_slot_is_free() -> None:
    gone = epoch_of(heard("withdrawn", 0, reason="site-retired"))
    assert with_accepted.when(CLOSE).then(gone).state.slot == ""


def test_who_lived_there_has_left() -> None:
    with_accepted.given(EXPECTED, HOUSED, PLACED).when(CLOSE).then(heard("left", 12, reason="site-retired"))


def test_what_is_over_or_unknown_stays_as_it_is() -> None:
    with_offer.given(heard("lapsed", turn=0)).when(CLOSE).then_nothing()
    with_request.when(CLOSE).then_nothing()


def test_there_is_no_such_file() -> None:
    at_desk.given().when(CLOSE).then_rejected("client-unknown")
