"""What is personal is opened for a purpose, and that is written down."""

from __future__ import annotations

from services.intake import commands as cmd
from services.intake import events as ev
from tests.intake.sample import ANNA, ERASED, READ, REGISTERED, T0, asked, at_desk

READ_IT = asked(cmd.ReadPersonal, read_id=READ, purpose="medical_care")
WAS_READ = ev.PersonalRead(ANNA, READ, "medical_care", "caseworker", T0)


def test_it_is_written_down_who_reads_and_why() -> None:
    at_desk.given(REGISTERED).when(READ_IT).then(WAS_READ)


def test_one_look_counts_once() -> None:
    at_desk.given(REGISTERED, WAS_READ).when(READ_IT).then_nothing()


def test_curiosity_is_no_purpose() -> None:
    curious = asked(cmd.ReadPersonal, read_id=READ, purpose="curiosity")
    at_desk.given(REGISTERED).when(curious).then_rejected("read-purpose-unknown")


def test_there_is_nothing_to_read_in_an_erased_file() -> None:
    at_desk.given(REGISTERED, ERASED).when(READ_IT).then_rejected("client-erased")


def test_a_look_has_an_id() -> None:
    at_desk.given(REGISTERED).when(asked(cmd.ReadPersonal, read_id="x", purpose="contact")).then_rejected("id-invalid")
