"""The vault has destroyed the key of an erased file."""

from __future__ import annotations

from services.intake import commands as cmd
from tests.intake.sample import ERASED, KEY_GONE, REGISTERED, T0, asked, at_desk

NOTE = asked(cmd.NoteKeyDestroyed, destroyed_at=T0)


def test_since_when_nobody_can_read_it() -> None:
    assert at_desk.given(REGISTERED, ERASED).when(NOTE).then(KEY_GONE).state.key_gone_at == T0


def test_a_second_time_changes_nothing() -> None:
    at_desk.given(REGISTERED, ERASED, KEY_GONE).when(NOTE).then_nothing()


def test_a_key_does_not_go_before_its_file() -> None:
    at_desk.given(REGISTERED).when(NOTE).then_rejected("key-before-file")
    at_desk.when(NOTE).then_rejected("client-unknown")
    bare = asked(cmd.NoteKeyDestroyed, destroyed_at=T0.replace(tzinfo=None))
    at_desk.given(REGISTERED, ERASED).when(bare).then_rejected("time-without-zone")
