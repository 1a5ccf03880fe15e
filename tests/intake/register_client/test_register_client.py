"""A file begins."""

from __future__ import annotations

import pytest

from services.intake import commands as cmd
from services.intake import events as ev
from tests.intake.sample import ANNA, CARD, CARD_2, ERASED, KEY_GONE, PERSONAL, REGISTERED, asked, at_desk

REGISTER = asked(cmd.RegisterClient, card=CARD, personal=PERSONAL)


def test_somebody_is_here_for_the_first_time() -> None:
    at_desk.when(REGISTER).then(REGISTERED)


def test_nothing_personal_need_be_given() -> None:
    at_desk.when(asked(cmd.RegisterClient, card=CARD)).then(ev.ClientRegistered(ANNA, CARD, None, REGISTERED.at))


def test_the_same_once_more_changes_nothing() -> None:
    at_desk.given(REGISTERED).when(REGISTER).then_nothing()


def test_an_id_is_one_clients() -> None:
    at_desk.given(REGISTERED).when(asked(cmd.RegisterClient, card=CARD_2)).then_rejected("client-id-used")


def test_an_erased_file_does_not_begin_again() -> None:
    at_desk.given(REGISTERED, ERASED, KEY_GONE).when(REGISTER).then_rejected("client-erased")


@pytest.mark.parametrize("text", ["Anna Petrova", "", "v1.", "v1.short.x", "v1." + "a" * 16 + ". b"])
def test_nothing_in_the_open_gets_into_an_event(text: str) -> None:
    at_desk.when(asked(cmd.RegisterClient, card=text)).then_rejected("not-sealed")
    at_desk.when(asked(cmd.RegisterClient, card=CARD, personal=text)).then_rejected("not-sealed")


def test_an_id_is_an_id() -> None:
    at_desk.when(asked(cmd.RegisterClient, card=CARD, client_id="anna")).then_rejected("id-invalid")
