"""Whether a house knows an alias: in a caseworker's words, and as the house asks."""

from __future__ import annotations

from typing import Any

from services.console.guests import FORMS, GUESTS_MAX, alias_form, guests, home, questions, to_ask
from services.console.words import words

CLIENT: dict[str, Any] = {"id": "client-1", "erased_at": None}
HOME: dict[str, Any] = {
    "offer_id": "offer-1", "site": "west", "location": "west", "kind": "shelter_24h", "say_so": None,
}  # fmt: skip
TOLD = HOME | {"say_so": "say-so-1", "location": "west-2"}
EN = words("en")


def test_of_whoever_lives_nowhere_nothing_is_said() -> None:
    assert home(None, EN) is None
    assert [alias_form(about, CLIENT, None, EN) for about in FORMS] == [None, None]


def test_where_they_live_and_whether_it_is_told_there() -> None:
    before, after = home(HOME, EN), home(TOLD, EN)
    assert before is not None
    assert after is not None
    assert (before.where, before.told, before.state) == (
        "West", False, "Nobody at West is told what this client is called.",
    )  # fmt: skip
    assert (after.where, after.told) == ("West 2 · West", True)
    assert "West 2" in after.state


def test_it_is_handed_over_only_with_a_tick_for_what_the_client_said() -> None:
    form = alias_form("hand-alias-over", CLIENT, HOME, EN)
    assert form is not None
    assert (form.path, form.body) == ("/api/intake/clients/client-1/hand-alias-over", {"offer_id": "offer-1"})
    [tick] = form.fields
    assert (tick.sort, tick.name, tick.required, tick.value) == ("tick", "agreed", True, "")
    assert alias_form("hand-alias-over", CLIENT, TOLD, EN) is None, "it is by now"


def test_what_is_taken_back_is_the_word_that_was_seen() -> None:
    form = alias_form("take-alias-back", CLIENT, TOLD, EN)
    assert form is not None
    assert (form.path, form.body, form.fields) == (
        "/api/intake/clients/client-1/take-alias-back", {"offer_id": "offer-1", "say_so": "say-so-1"}, (),
    )  # fmt: skip
    assert alias_form("take-alias-back", CLIENT, HOME, EN) is None
    assert alias_form("take-alias-back", CLIENT | {"erased_at": "2026-01-01"}, TOLD, EN) is None


def test_a_house_asks_the_desk_of_each_stay_that_is_somebodys_and_of_no_other() -> None:
    offers: list[dict[str, Any]] = [
        {"id": "o1", "desk": "noord", "stay_id": "s1"}, {"id": "o2", "desk": "west", "stay_id": "s2"},
        {"id": "o3", "desk": "west", "stay_id": None},
    ]  # fmt: skip
    stays: list[dict[str, Any]] = [
        {"id": "s1", "ended_at": None}, {"id": "s2", "ended_at": "2026-01-01"}, {"id": "s3", "ended_at": None},
    ]  # fmt: skip
    asked = to_ask(offers, stays)
    assert asked == {"o1": ("noord", "s1")}
    assert questions(asked) == [{"guests": [{"offer_id": "o1", "site": "noord"}]}]
    assert questions({}) == []
    many = {f"o{n}": ("noord", f"s{n}") for n in range(GUESTS_MAX + 1)}
    assert [len(body["guests"]) for body in questions(many)] == [GUESTS_MAX, 1]


def test_what_it_hears_is_by_stay_and_says_who_did_not_answer() -> None:
    asked = {"o1": ("noord", "s1"), "o2": ("zuidoost", "s2")}
    answers = [{"items": [{"offer_id": "o1", "alias": "Blue bird"}], "unheard": ["zuidoost"]}]
    found = guests(asked, answers, EN)
    assert found.aliases == {"s1": "Blue bird"}
    assert "Zuidoost" in found.silent
    assert guests(asked, [{"items": [], "unheard": []}], EN).silent == ""
