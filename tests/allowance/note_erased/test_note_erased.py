"""A client was erased."""

from __future__ import annotations

from services.allowance import commands_client as cc
from tests.allowance.sample import FORGOTTEN, TODAY, about_client, noted

ERASED = noted(cc.NoteErased, from_day=TODAY)


def test_it_is_known_since_when() -> None:
    about_client.when(ERASED).then(FORGOTTEN)


def test_a_second_time_changes_nothing() -> None:
    about_client.given(FORGOTTEN).when(ERASED).then_nothing()


def test_what_is_no_id_is_refused() -> None:
    about_client.when(noted(cc.NoteErased, client_id="anna", from_day=TODAY)).then_rejected("id-invalid")
