"""A person is forgotten."""

from __future__ import annotations

from datetime import timedelta

from services.intake import commands as cmd
from services.intake import events as ev
from tests.intake.sample import ANNA, ERASED, KEY_GONE, OPENED, REGISTERED, T0, WITHDRAWN, asked, at_desk

ERASE = asked(cmd.EraseClient, because="asked_by_client")


def test_what_is_open_ends_and_nothing_is_left_in_the_file() -> None:
    ended = ev.RequestWithdrawn(ANNA, OPENED.request_id, "erased", T0)
    erased = (
        at_desk.given(REGISTERED, OPENED)
        .when(ERASE)
        .then(ev.RequestUnmet(ANNA, OPENED.request_id, "anywhere", T0), ended, ERASED)
    )
    assert (erased.state.card, erased.state.personal, erased.state.open_requests) == ("", None, [])


def test_what_had_ended_stays_as_it_was() -> None:
    at_desk.given(REGISTERED, OPENED, WITHDRAWN).when(ERASE).then(ERASED)


def test_a_second_time_changes_nothing() -> None:
    at_desk.given(REGISTERED, ERASED).when(ERASE).then_nothing()
    at_desk.given(REGISTERED, ERASED, KEY_GONE).when(ERASE).then_nothing()


def test_retention_leaves_alone_whoever_was_here_since() -> None:
    idle = asked(cmd.EraseClient, because="retention", idle_since=T0 - timedelta(seconds=1))
    at_desk.given(REGISTERED).when(idle).then_rejected("client-in-use")
    due = asked(cmd.EraseClient, because="retention", idle_since=T0)
    at_desk.given(REGISTERED).when(due).then(ev.ClientErased(ANNA, "retention", T0))


def test_what_cannot_be_erased_says_why() -> None:
    at_desk.when(ERASE).then_rejected("client-unknown")
    given = at_desk.given(REGISTERED)
    given.when(asked(cmd.EraseClient, because="spring")).then_rejected("erasure-cause-unknown")
    given.when(asked(cmd.EraseClient, because="retention", if_version=4)).then_rejected("version-stale")
    bare = asked(cmd.EraseClient, because="retention", idle_since=T0.replace(tzinfo=None))
    given.when(bare).then_rejected("time-without-zone")
