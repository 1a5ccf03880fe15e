"""Nobody comes: the owner is told until it has said so, and only then is the slot free."""

from services.intake import commands as cmd
from services.intake import events as ev
from tests.intake.offers import (
    EXPECTED,
    HOUSED,
    OFFER,
    OFFER_2,
    PLACED,
    decline,
    declined,
    heard,
    with_accepted,
    with_offer,
    with_request,
)  # fmt: skip
from tests.intake.sample import ANNA, ASKED, T0, asked


def test_an_offer_is_declined() -> None:
    with_offer.when(decline()).then(declined("too_far"))


def test_an_accepted_one_keeps_the_slot_until_its_owner_has_heard() -> None:
    off = with_accepted.given(EXPECTED).when(decline()).then(declined("too_far", turn=2))
    assert off.state.slot == OFFER
    assert off.given(heard("called_off", number=12, turn=1)).state.slot == ""


def test_a_second_time_changes_nothing() -> None:
    with_offer.given(declined("too_far")).when(decline()).then_nothing()
    with_offer.given(declined("too_far")).when(decline(reason="other")).then_rejected("offer-ended", how="declined")


def test_what_is_not_there_or_over_is_not_declined() -> None:
    with_request.when(decline()).then_rejected("offer-unknown")
    with_offer.given(heard("withdrawn", turn=0)).when(decline()).then_rejected("offer-ended", how="withdrawn")
    with_accepted.given(EXPECTED, HOUSED, PLACED).when(decline()).then_rejected("client-housed")
    with_offer.when(decline(reason="overridden")).then_rejected("decline-reason-unknown")
    with_offer.when(decline(if_version=1)).then_rejected("version-stale")


def test_a_request_that_is_withdrawn_and_a_file_that_is_erased_decline_what_is_kept_for_them() -> None:
    off = [declined("request_ended", turn=2), declined("request_ended", OFFER_2)]
    withdraw = asked(cmd.WithdrawRequest, request_id=ASKED, reason="found_elsewhere")
    with_accepted.when(withdraw).then(*off, ev.RequestWithdrawn(ANNA, ASKED, "found_elsewhere", T0))
    erase = asked(cmd.EraseClient, because="asked_by_client")
    gone = ev.RequestWithdrawn(ANNA, ASKED, "erased", T0)
    with_accepted.when(erase).then(*off, gone, ev.ClientErased(ANNA, "asked_by_client", T0))
