"""Whether two files may be one person's, however differently they were written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
import pytest_asyncio
from anyascii import anyascii
from hypothesis import given
from hypothesis import strategies as st

from bench.likeness import PRECISION_MIN, RECALL_MIN, found
from bench.people import city
from services.intake.likeness import alike, kept, marks_of, parts_of
from tests.support.intake_desk import IntakeDesk, open_intake

BORN = date(1988, 3, 9)
NAMES = st.text(max_size=60)
DATES = st.none() | st.dates(date(1900, 1, 1), date(2026, 1, 1))


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake() as opened:
        yield opened


def same(one: str, other: str, born: date | None = BORN, other_born: date | None = BORN) -> bool:
    return alike(kept(marks_of(anyascii(one), born)), kept(marks_of(anyascii(other), other_born)))


@pytest.mark.parametrize(("one", "other"), [
    ("Mohammed Yusuf", "Muhamad Joesoef"), ("Mohammed Yusuf", "محمد يوسف"), ("Oksana Shevchenko", "Оксана Шевченко"),
    ("Fatima el Khalidi", "Khalidi, Fatma"), ("Abd al-Rahman Hassan", "Hasan Abdurrahman"),
    ("Abd Rahman Hassan", "Hasan Abdulrahman"), ("Tesfaye Bekele", "ተስፋዬ በቀለ"),
    ("Natalia Kovalenko", "Natalja Kovalnko"), ("Öztürk Şahin", "Shahin Ozturk"), ("Ivanov", "Iwanoff"),
])  # fmt: skip
def test_one_person_is_found_by_another_spelling_script_or_order(one: str, other: str) -> None:
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(("one", "other"), [("Fatima Khalidi", "Oksana Shevchenko"), ("Omar Said", "Omar Diallo")])
def test_somebody_else_is_not_the_same_though_born_that_day(one: str, other: str) -> None:
    assert not same(one, other)


def test_a_birth_date_may_be_wrong_in_one_piece_or_the_other_way_round_but_not_another() -> None:
    for written in (date(1988, 9, 3), date(1988, 3, 19), date(1988, 4, 9), date(1978, 3, 9)):
        assert same("Fatima Khalidi", "Khalidi Fatma", BORN, written), written
    assert not same("Fatima Khalidi", "Khalidi Fatma", BORN, date(1991, 7, 21))


def test_without_a_birth_date_three_names_are_needed_and_without_a_name_nothing_is_known() -> None:
    assert same("Fatima Amina Khalidi", "Khalidi Aminah Fatma", None)
    assert not same("Fatima Khalidi", "Fatima Khalidi", None)
    assert marks_of("", BORN) == marks_of("de la", BORN) == []


def test_one_new_years_day_is_not_like_another() -> None:
    """Whoever does not know their birthday was born on the first of January."""
    assert not same("Omar Hassan", "Omar Hassan", date(1988, 1, 1), date(1970, 1, 1))
    assert same("Omar Hassan", "Omar Hassan", date(1988, 1, 1), date(1988, 1, 1))


@given(one=NAMES, other=NAMES, born=DATES, other_born=DATES)
def test_any_text_has_a_likeness_and_the_order_changes_nothing(
    one: str, other: str, born: date | None, other_born: date | None
) -> None:
    assert same(one, other, born, other_born) == same(other, one, other_born, born)
    if born is not None and len(parts_of(anyascii(one))) > 1:
        assert same(one, one, born, born)


def test_enough_people_are_found_among_those_the_rules_were_not_made_with() -> None:
    """The bench measures 10,000 records; of fewer the same is true."""
    measured = found(city(2_500, seed=7))
    assert measured.pairs > 300
    assert measured.recall >= RECALL_MIN
    assert measured.precision >= PRECISION_MIN


async def test_a_desk_is_shown_the_other_file_and_that_somebody_looked_is_written_down(desk: IntakeDesk) -> None:
    first = await desk.registered(alias="Blue heron", personal={"name": "محمد يوسف", "birth_date": "1988-03-09"})
    await desk.registered(personal={"name": "Oksana Shevchenko", "birth_date": "1988-03-09"})
    await desk.registered()
    again = await desk.registered(personal={"name": "Joesoef, Mohamed", "birth_date": "1988-09-03"})
    looked = await desk.post(f"/clients/{again}/look-alikes")
    assert looked.status_code == 200, looked.text
    assert looked.json()["maybe_known"] == [{"client_id": first, "alias": "Blue heron"}]
    reads = (await desk.get("/personal-reads", client_id=again)).json()["items"]
    assert [read["purpose"] for read in reads] == ["identity"]
    assert "Joesoef" not in looked.text


async def test_a_look_for_others_that_is_repeated_later_is_another_look(desk: IntakeDesk) -> None:
    client = await desk.registered(personal={"name": "Fatima Khalidi", "birth_date": "1990-05-06"})
    path = f"/clients/{client}/look-alikes"
    for minutes, looks in ((0, 1), (0, 1), (10, 2), (-10, 3)):
        desk.clock.ahead = timedelta(minutes=minutes)
        assert (await desk.post(path, key="tap")).status_code == 200
        assert len((await desk.get("/personal-reads", client_id=client)).json()["items"]) == looks


async def test_who_is_erased_is_like_nobody_and_without_a_name_there_is_nothing_to_compare(desk: IntakeDesk) -> None:
    who = {"name": "Fatima Khalidi", "birth_date": "1990-05-06"}
    first, second = await desk.registered(personal=who), await desk.registered(personal=who)
    assert (await desk.post(f"/clients/{first}/erase")).status_code == 200
    assert (await desk.post(f"/clients/{second}/look-alikes")).json()["maybe_known"] == []
    assert (await desk.post(f"/clients/{first}/look-alikes")).json()["code"] == "client-erased"
    nameless = await desk.post(f"/clients/{await desk.registered()}/look-alikes")
    assert (nameless.status_code, nameless.json()["code"]) == (409, "name-missing")
    assert (await desk.get("/personal-reads")).json()["items"][-1]["client_id"] == second


async def test_a_file_that_cannot_be_opened_hides_no_other(desk: IntakeDesk) -> None:
    who = {"name": "Fatima Khalidi", "birth_date": "1990-05-06"}
    lost, first, second = [await desk.registered(personal=who) for _ in range(3)]
    del desk.keys.disk.keys[lost]  # type: ignore[attr-defined]
    desk.vault._known.clear()
    assert [one["client_id"] for one in (await desk.post(f"/clients/{second}/look-alikes")).json()["maybe_known"]] == [
        first
    ]
