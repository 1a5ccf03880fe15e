"""Nothing was found for a request: it counts once."""

from __future__ import annotations

from services.intake import commands as cmd
from services.intake import events as ev
from tests.intake.offers import received
from tests.intake.sample import ANNA, ASKED, ASKED_AGAIN, OPENED, REGISTERED, T0, WITHDRAWN, asked, at_desk

UNMET = ev.RequestUnmet(ANNA, ASKED, "Noord", T0)
LEFT = ev.RequestUnmet(ANNA, ASKED, "anywhere", T0)
NOTE = asked(cmd.NoteUnmet, request_id=ASKED, district="Noord")
given = at_desk.given(REGISTERED, OPENED)


def test_somebody_looked_and_found_nothing() -> None:
    noted = given.when(NOTE).then(UNMET)
    assert (noted.state.requests[ASKED].unmet, noted.state.requests[ASKED].unmet_at) == ("Noord", T0)


def test_who_looks_again_or_leaves_is_not_counted_again() -> None:
    given.given(UNMET).when(NOTE).then_nothing()
    given.given(UNMET).when(asked(cmd.NoteUnmet, request_id=ASKED)).then_nothing()
    given.given(UNMET).when(asked(cmd.WithdrawRequest, request_id=ASKED, reason="found_elsewhere")).then(WITHDRAWN)


def test_who_was_offered_a_place_found_something() -> None:
    given.given(received()).when(NOTE).then_nothing()


def test_who_leaves_or_is_erased_without_an_offer_found_nothing_but_a_mistake_asked_for_nothing() -> None:
    for command, event in (
        (asked(cmd.WithdrawRequest, request_id=ASKED, reason="lost_contact"), "lost_contact"),
        (asked(cmd.EraseClient, because="asked_by_client"), "erased"),
    ):
        more = [ev.ClientErased(ANNA, "asked_by_client", T0)] if event == "erased" else []
        given.when(command).then(LEFT, ev.RequestWithdrawn(ANNA, ASKED, event, T0), *more)
    mistake = asked(cmd.WithdrawRequest, request_id=ASKED, reason="mistake")
    given.when(mistake).then(ev.RequestWithdrawn(ANNA, ASKED, "mistake", T0))


def test_what_cannot_be_counted_says_why() -> None:
    given.when(asked(cmd.NoteUnmet, request_id=ASKED, district="Utrecht")).then_rejected("district-unknown")
    given.when(asked(cmd.NoteUnmet, request_id=ASKED_AGAIN)).then_rejected("request-unknown")
    given.given(WITHDRAWN).when(NOTE).then_rejected("request-ended")
