"""A place is kept for somebody who asks; what cannot be taken is declined at once."""

from msgspec.structs import replace

from services.intake import commands as cmd
from services.intake.events import RequestUnmet
from services.intake.policy import timers
from shared.timers import TimerCleared
from tests.intake.offers import (
    EXPECTED,
    OFFER,
    OFFER_2,
    accepted,
    declined,
    hear,
    received,
    with_accepted,
    with_offer,
    with_request,
)  # fmt: skip
from tests.intake.sample import ANNA, ASKED, ASKED_AGAIN, ERASED, T0, WITHDRAWN, asked


def test_the_desk_has_an_offer() -> None:
    assert with_request.when(hear()).then(received()).state.offers[OFFER].status == "open"


def test_the_same_letter_again_changes_nothing() -> None:
    with_offer.when(hear()).then_nothing()


def test_an_unknown_request_or_another_sites_offer_is_not_listened_to() -> None:
    with_request.when(hear(request_id=ASKED_AGAIN)).then_rejected("request-unknown")
    with_offer.when(hear(site="zuidoost")).then_rejected("offer-of-another-site")
    with_request.when(hear("x")).then_rejected("id-invalid")


def test_what_is_too_small_is_declined_at_once() -> None:
    with_request.when(hear(sleeps=4)).then(received(sleeps=4, fits=False), declined("too_small"))


def test_what_nobody_asked_for_is_declined_at_once_and_above_all_where_they_must_not_go() -> None:
    with_request.when(hear(location="west")).then(
        replace(received(), location="west", fits=False), declined("not_suitable")
    )
    with_request.when(hear(kind="night_shelter")).then(
        replace(received(), kind="night_shelter", fits=False), declined("not_suitable")
    )


def test_what_does_not_fit_is_no_place_that_was_found() -> None:
    """The need counts after a day, and its timer goes on; one offer that fits ends both."""
    small = with_request.when(hear(sleeps=4)).then(received(sleeps=4, fits=False), declined("too_small"))
    assert not small.state.requests[ASKED].found
    timers_left = timers([received(sleeps=4, fits=False), declined("too_small")])
    assert TimerCleared(f"unmet/{ASKED}") not in timers_left
    assert TimerCleared(f"unmet/{ASKED}") in timers([received(OFFER_2)])
    small.when(asked(cmd.NoteUnmet, request_id=ASKED)).then(RequestUnmet(ANNA, ASKED, "anywhere", T0))
    small.given(received(OFFER_2)).when(asked(cmd.NoteUnmet, request_id=ASKED)).then_nothing()


def test_a_request_that_has_ended_declines_also_of_an_erased_file() -> None:
    with_request.given(WITHDRAWN).when(hear()).then(received(), declined("request_ended"))
    with_request.given(WITHDRAWN, ERASED).when(hear()).then(received(), declined("request_ended"))


def test_whoever_is_expected_somewhere_declines_while_one_that_is_unanswered_waits() -> None:
    other = "77777777-7777-4777-8777-777777777777"
    with_accepted.when(hear(other)).then(received(other))
    sure = with_offer.given(accepted(), EXPECTED)
    sure.when(hear(OFFER_2)).then(received(OFFER_2), declined("accepted_other", OFFER_2))


def test_a_file_listens_to_twenty_offers_at_once() -> None:
    many = [received(f"00000000-0000-4000-8000-{number:012d}") for number in range(20)]
    with_request.given(*many).when(hear()).then_rejected("too-many-offers", offers_max=20)
