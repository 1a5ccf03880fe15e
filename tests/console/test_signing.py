"""Who may sign in, and how often a password may be tried: never so seldom that anybody is locked out."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from services.console.signing import (
    DEMO_PASSWORD,
    TRIES_AT_ONCE,
    TRY_EVERY_SECONDS,
    WATCHED_MAX,
    Tries,
    device_of,
    name_of,
    weakness,
)
from services.console.views_accounts import HASHES_WAITING_MAX, Account, Passwords, PasswordsBusy
from shared.clock import SystemClock

PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("anna", "anna"), ("  Anna.B ", "anna.b"), ("a", "a"), ("a" * 40, "a" * 40), ("a" * 41, None), ("", None),
        ("-a", None), ("anna b", None), ("änna", None), ("a'; drop table", None), ("a\n", "a"), ("a\x00", None),
    ],
)  # fmt: skip
def test_a_name_is_short_and_told_from_no_capitals(typed: str, name: str | None) -> None:
    assert name_of(typed) == name


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("correct horse battery", None),
        ("short", "password-too-short"),
        ("x" * 201, "password-too-long"),
        ("aaaaaaaaaaaaaaa", "password-too-plain"),
        ("i am Anna here!", "password-too-plain"),
    ],
)
def test_a_password_is_long_and_does_not_hold_the_name(password: str, code: str | None) -> None:
    assert weakness("anna", password) == code


def test_the_password_of_demonstrations_is_nobodys_own() -> None:
    assert weakness("anna", DEMO_PASSWORD) is not None


def test_so_many_tries_at_once_and_then_one_now_and_then() -> None:
    tries = Tries()
    assert [tries.take("anna", 100.0) for _ in range(TRIES_AT_ONCE)] == [0.0] * TRIES_AT_ONCE
    assert tries.take("anna", 100.0) == pytest.approx(TRY_EVERY_SECONDS)
    assert tries.take("anna", 110.0) == pytest.approx(TRY_EVERY_SECONDS - 10)
    assert tries.take("anna", 100.0 + TRY_EVERY_SECONDS) == 0.0
    assert tries.take("anna", 100.0 + TRY_EVERY_SECONDS) > 0


def test_nobody_waits_longer_for_having_tried_while_they_had_to_wait() -> None:
    tries = Tries()
    for _ in range(1_000):
        tries.take("anna", 0.0)
    assert tries.take("anna", TRY_EVERY_SECONDS) == 0.0


def test_a_device_one_has_signed_in_with_does_not_wait_for_strangers() -> None:
    tries = Tries()
    for _ in range(100):
        tries.take("anna ", 0.0)
    assert tries.take("anna known", 0.0) == 0.0


def test_whoever_gets_in_begins_anew() -> None:
    tries = Tries()
    for _ in range(TRIES_AT_ONCE):
        tries.take("anna", 0.0)
    tries.succeeded("anna")
    assert [tries.take("anna", 0.0) for _ in range(TRIES_AT_ONCE)] == [0.0] * TRIES_AT_ONCE


def test_a_flood_of_names_takes_no_more_than_so_much_memory() -> None:
    tries = Tries()
    for number in range(WATCHED_MAX + 100):
        tries.take(str(number), 0.0)
    assert len(tries._free_at) == WATCHED_MAX


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox · Linux"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36", "Chrome · Android"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605 Version/17 Safari/604.1", "Safari · iPad"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126 Safari/537.36 Edg/126", "Edge · Windows"),
        ("curl/8", ""),
        ("<script>Firefox/", "Firefox"),
    ],
)  # fmt: skip
def test_a_browser_is_told_in_words_of_ours(agent: str, device: str) -> None:
    assert device_of(agent) == device


class SlowHasher(Argon2Hasher):
    """One that takes until it is told for some passwords."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.waits_for: dict[str, threading.Event] = {}

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
        if isinstance(password, str) and password in self.waits_for:
            self.waits_for[password].wait(30)
        return super().verify(password, hash)


async def test_a_flood_of_strangers_makes_nobody_wait_at_their_own_device() -> None:
    """Each wrong password costs a hash, and they wait for one another: not so whoever was here before."""
    hasher, go_on = SlowHasher(), threading.Event()
    hasher.waits_for["wrong"] = go_on
    passwords = Passwords(hasher)
    opened_at = SystemClock().now()
    anna = Account("anna", "1", "operator", await passwords.hash(PASSWORD), False, opened_at, None)
    flood = [asyncio.create_task(passwords.fits("wrong", anna)) for _ in range(50)]
    try:
        assert await asyncio.wait_for(passwords.fits(PASSWORD, anna, known=True), 20)
        assert not any(one.done() for one in flood)
    finally:
        go_on.set()
        assert await asyncio.gather(*flood) == [False] * 50


async def test_of_a_flood_only_so_many_wait_and_the_rest_are_sent_away_at_once() -> None:
    hasher, go_on = SlowHasher(), threading.Event()
    hasher.waits_for["wrong"] = go_on
    passwords = Passwords(hasher)
    flood = [asyncio.create_task(passwords.fits("wrong", None)) for _ in range(HASHES_WAITING_MAX + 30)]
    try:
        done, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        sent_away = [one for one in flood if one.done()]
        assert (len(done) > 0, len(sent_away)) == (True, 30)
        assert all(isinstance(one.exception(), PasswordsBusy) for one in sent_away)
    finally:
        go_on.set()
        await asyncio.gather(*flood, return_exceptions=True)
    assert not await passwords.fits("wrong", None)
