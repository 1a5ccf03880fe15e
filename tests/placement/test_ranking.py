"""Who is next and where: the same in whatever order it was heard, nobody passed over, nothing given twice."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.placement.ranking import (
    ONLY_IF_ASKED,
    Choice,
    Room,
    Waiting,
    choose_location,
    places_needed,
    rank_requests,
    rooms_of,
)
from shared.contracts.vocabulary import BED_KINDS, FEATURES, SIZE_CLASSES

DAY = date(2026, 1, 5)
ONE = Waiting("1", ("shelter_24h",), "1", frozenset(), frozenset(), 2, DAY, "waiting")
BED = Room("west", "west", "shelter_24h", "1", frozenset(), 1)

wishes = st.builds(
    Waiting, st.uuids().map(str), st.permutations(BED_KINDS[:3]).map(lambda kinds: tuple(kinds[:2])),
    st.sampled_from(SIZE_CLASSES), st.frozensets(st.sampled_from(FEATURES[:4]), max_size=1),
    st.frozensets(st.sampled_from(("west", "noord")), max_size=1), st.integers(0, 3),
    st.integers(0, 3).map(lambda days: DAY + timedelta(days=days)), st.sampled_from(("waiting", "waiting", "offered")),
)  # fmt: skip
houses = st.builds(
    Room, st.sampled_from(("west", "noord")), st.sampled_from(("west", "noord")), st.sampled_from(BED_KINDS[:3]),
    st.sampled_from(SIZE_CLASSES), st.frozensets(st.sampled_from(FEATURES[:4]), max_size=2), st.integers(1, 3),
)  # fmt: skip


def test_the_more_urgent_goes_first_then_whoever_waits_longest_then_chance() -> None:
    urgent = replace(ONE, request_id="3", priority_band=0, waiting_since=DAY + timedelta(days=9))
    older = replace(ONE, request_id="2", waiting_since=DAY - timedelta(days=1))
    other = replace(ONE, request_id="0")
    assert rank_requests([ONE, other, older, urgent]) == [urgent, older, other, ONE]


def test_the_last_place_goes_to_the_first_in_rank() -> None:
    second = replace(ONE, request_id="2", priority_band=3)
    assert choose_location([ONE, second], [BED]) == {"1": Choice("west", "west", "shelter_24h", 1)}


def test_who_has_an_offer_takes_no_second_place() -> None:
    offered = replace(ONE, request_id="0", status="offered")
    assert set(choose_location([offered, ONE], [BED])) == {"1"}


@pytest.mark.parametrize(
    ("wish", "room", "needed"),
    [
        ({}, {}, 1),
        ({"kinds": ("night_shelter",)}, {}, None),
        ({"not_at": frozenset({"west"})}, {}, None),
        ({"features": frozenset({"quiet"})}, {}, None),
        ({"features": frozenset({"quiet"})}, {"features": frozenset({"quiet", "cot"})}, 1),
        ({}, {"features": frozenset({"women_only"})}, None),
        ({"features": frozenset({"women_only"})}, {"features": frozenset({"women_only"})}, 1),
        ({"size_class": "2"}, {"size_class": "1"}, 2),
        ({"size_class": "3-4"}, {"size_class": "2"}, 2),
        ({"size_class": "3-4"}, {"size_class": "5+"}, 1),
        ({"size_class": "5+"}, {"size_class": "3-4"}, 2),
        (
            {"size_class": "3-4", "kinds": ("family_shelter",)}, {"kind": "family_shelter", "size_class": "2"}, None,
        ),
    ],
)  # fmt: skip
def test_what_fits_whom(wish: dict[str, Any], room: dict[str, Any], needed: int | None) -> None:
    asks, there = replace(ONE, **wish), replace(BED, free=5, **room)
    assert needed in (None, places_needed(asks, (there.kind, there.size_class, there.features)))
    chosen = choose_location([asks], [there])
    assert [one.places for one in chosen.values()] == ([] if needed is None else [needed])


def test_the_best_fit_is_the_kind_most_wanted_with_nothing_superfluous_and_no_place_too_large() -> None:
    asks = replace(ONE, kinds=("night_shelter", "shelter_24h"))
    large, quiet = replace(BED, size_class="2"), replace(BED, features=frozenset({"quiet"}))
    night = replace(BED, kind="night_shelter", location="zuid")
    for rooms, best in (
        ([large, quiet, BED, night], night), ([large, quiet, BED], BED), ([quiet, large], large), ([quiet], quiet),
    ):  # fmt: skip
        chosen = choose_location([asks], rooms)["1"]
        assert (chosen.location, chosen.kind) == (best.location, best.kind)
        left = choose_location([asks, replace(asks, request_id="2")], [*rooms, best])
        assert len(left) == 2


@given(st.lists(wishes, max_size=12), st.lists(houses, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_every_site_gives_the_same_answer_and_nobody_is_passed_over(
    requests: list[Waiting], rooms: list[Room], chance: Any
) -> None:
    ranked = rank_requests(requests)
    assert rank_requests(chance.sample(requests, len(requests))) == ranked
    chosen = choose_location(ranked, rooms)
    assert chosen == choose_location(ranked, rooms)
    by_id = {one.request_id: one for one in requests}
    used: Counter[tuple[str, str, str]] = Counter()
    for id_, choice in chosen.items():
        asked = by_id[id_]
        assert asked.status == "waiting"
        assert choice.kind in asked.kinds
        assert choice.location not in asked.not_at
        used[choice.site, choice.location, choice.kind] += choice.places
    for key, places in used.items():
        assert places <= sum(room.free for room in rooms if (room.site, room.location, room.kind) == key)
    # Whoever has nothing finds nothing in what is left once those before have theirs.
    alone = {id_ for id_ in by_id if choose_location([by_id[id_]], rooms)}
    first = next((one for one in ranked if one.request_id in alone), None)
    assert first is None or first.request_id in chosen


@given(houses, wishes)
def test_a_place_for_some_is_never_forced_on_others(room: Room, asked: Waiting) -> None:
    if (room.features & ONLY_IF_ASKED) - asked.features:
        assert places_needed(asked, (room.kind, room.size_class, room.features)) is None


def test_rooms_are_what_is_free_at_sites_that_are_heard_in_one_order() -> None:
    row = {
        "site": "west", "location": "west", "kind": "shelter_24h", "size_class": "1", "feature_class": "cot+quiet",
        "total": 5, "overflow": 1, "occupied": 2, "held": 1, "blocked": 1,
    }  # fmt: skip
    silent = row | {"site": "noord", "location": "noord"}
    full = row | {"location": "full", "held": 3}
    found = rooms_of([silent, full, row], lambda site: site == "west")
    assert found == [Room("west", "west", "shelter_24h", "1", frozenset({"cot", "quiet"}), 2)]


def test_ten_thousand_requests_take_every_room_there_is_and_no_more() -> None:
    rooms = [
        replace(BED, site=f"s{n}", location=f"s{n}-{k}", kind=kind, free=3)
        for n in range(100) for k in range(2) for kind in BED_KINDS[:3]
    ]  # fmt: skip
    requests = [replace(ONE, request_id=str(n), kinds=(BED_KINDS[n % 3],), priority_band=n % 4) for n in range(10_000)]
    assert len(choose_location(rank_requests(requests), rooms)) == 1800
