"""What happened at the desks by week, as every site shows it: sums, the share by hand, and no small count."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import Any

from services.placement.views_capacity import CAPACITY, capacity_rows
from services.placement.views_waiting import desk_rows
from services.placement.weeks import Bounds, Count, HouseSessions, Sessions, sessions_of_network, week_of_network
from shared.contracts.intake import FlowsTold, UnmetTold, WeekTold
from shared.contracts.placement import SessionWeekTold
from shared.contracts.vocabulary import (
    ANYWHERE,
    BED_KINDS,
    DISTRICTS,
    FEATURES,
    FLOW_ENDS,
    OUTCOME_KINDS,
    PARTNER_GROUPS,
    SIZE_CLASSES,
)
from shared.contracts.weeks import WEEK, week_ends, week_of
from shared.envelope import Message, Origin
from shared.ports import Append, Put
from tests.support.desk import open_desk

MONDAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 13, 12, 0, tzinfo=UTC)
ID = "11111111-1111-4111-8111-111111111111"


def told(site: str, week: date, registrations: int, care: int | None, **outcomes: int) -> list[Put]:
    """The rows of what one desk tells of one week."""
    contract = WeekTold.of(
        week=week, registrations=registrations,
        referrals=[{"group": group, "count": care if group == "care" else 0} for group in PARTNER_GROUPS],
        outcomes=[{"kind": kind, "count": outcomes.get(kind, 0)} for kind in OUTCOME_KINDS],
    )  # fmt: skip
    message = Message(
        Origin(site, "intake", 1), "pub", 1, ID, contract.type_name, "week", NOW, ID, ID, contract.encode()
    )
    return [row for row in desk_rows(message, contract) if isinstance(row, Put)]


def lacked(site: str, *counts: tuple[str, str, int], district: str = "anywhere") -> list[Put]:
    """The rows of what one desk could not find. counts: kind, size class, how many; all need a cot."""
    total = sum(count for *_, count in counts)
    contract = UnmetTold.of(
        week=MONDAY, total=total,
        kinds=[{"kind": kind, "count": sum(n for one, _, n in counts if one == kind)} for kind in BED_KINDS],
        size_classes=[{"size_class": size, "count": sum(n for _, one, n in counts if one == size)}
                      for size in SIZE_CLASSES],
        features=[{"feature": one, "count": total if one == "cot" else 0} for one in FEATURES],
        districts=[{"district": one, "count": total if one == district else 0} for one in (ANYWHERE, *DISTRICTS)],
    )  # fmt: skip
    message = Message(
        Origin(site, "intake", 1), "pub", 1, ID, contract.type_name, "week", NOW, ID, ID, contract.encode()
    )
    return [row for row in desk_rows(message, contract) if isinstance(row, Put)]


def test_what_nothing_was_found_for_is_a_sum_of_all_desks_without_small_counts() -> None:
    rows = [*lacked("west", ("family_shelter", "5+", 6), ("night_shelter", "1", 4)),
            *lacked("noord", ("family_shelter", "2", 7), ("shelter_24h", "1", 2), district="Noord")]  # fmt: skip
    unmet = week_of_network(MONDAY, counts(*rows), ("noord", "west"), 5).unmet
    assert unmet.total == 19
    assert unmet.kinds == {"family_shelter": 13, "night_shelter": None, "shelter_24h": None, "medical_respite": 0}
    assert unmet.size_classes == {"1": 6, "2": 7, "3-4": 0, "5+": 6}
    assert (unmet.features["cot"], unmet.features["pets"]) == (19, 0)
    assert (unmet.districts["anywhere"], unmet.districts["Noord"], unmet.districts["West"]) == (10, 9, 0)


def test_of_few_needs_nothing_is_shown() -> None:
    unmet = week_of_network(MONDAY, counts(*lacked("west", ("family_shelter", "2", 4))), ("west",), 5).unmet
    assert unmet.total is None
    assert {*unmet.kinds.values(), *unmet.features.values(), *unmet.districts.values()} == {None}


def counts(*rows: Put) -> list[Count]:
    return [Count(str(row.values[0]).partition("/")[0], *row.values[2:]) for row in rows]


WEST = told("west", MONDAY, 7, 6, legal_stay=6, new_application=5, left=9, lost_contact=5)
NOORD = told("noord", MONDAY, 9, None, legal_stay=2, medical_deferral=7, **{"return": 11})


def test_the_share_is_the_one_computed_by_hand() -> None:
    week = week_of_network(MONDAY, counts(*WEST, *NOORD), ("noord", "west"), 5)
    # 8 legal stay, 5 new applications and 7 deferrals of 45 that ended: 20 / 45.
    assert (week.ended, week.perspective, week.share) == (45, 20, 20 / 45)
    assert week.outcomes == {
        "legal_stay": 8, "return": 11, "onward_migration": 0, "new_application": 5, "medical_deferral": 7, "left": 9,
        "lost_contact": 5,
    }  # fmt: skip
    assert (week.registrations, week.missing) == (16, [])
    assert (week.referrals["care"], week.referrals["legal"]) == (Bounds(7, 10), Bounds(0, 0))


def test_a_small_part_is_left_out_with_what_would_give_it_away() -> None:
    rows = told("west", MONDAY, 3, None, legal_stay=6, medical_deferral=1)
    week = week_of_network(MONDAY, counts(*rows), ("west",), 5)
    assert (week.registrations, week.ended, week.perspective, week.share) == (None, 7, 7, 1.0)
    assert (week.outcomes["legal_stay"], week.outcomes["medical_deferral"]) == (None, None)
    assert week.referrals["care"] == Bounds(None, None)


def test_the_order_in_which_desks_are_heard_changes_nothing_and_a_desk_that_told_nothing_is_named() -> None:
    rows = [*WEST, *NOORD]
    first = week_of_network(MONDAY, counts(*rows), ("noord", "west", "zuid"), 5)
    random.Random(1).shuffle(rows)
    assert week_of_network(MONDAY, counts(*rows), ("noord", "west", "zuid"), 5) == first
    assert first.missing == ["zuid"]


async def test_it_is_read_over_http_the_newest_week_first() -> None:
    async with open_desk() as desk:
        last = week_of(desk.clock.now()) - WEEK
        rows: list[Any] = [
            *told("west", last, 7, 6, legal_stay=6), *told("noord", last - WEEK, 9, None, left=8),
            *told("noord", last - WEEK, 8, None, left=8),
        ]  # fmt: skip
        await desk.placement.store.append(Append(NOW, rows=rows))
        answer = (await desk.get("/weeks", role="coordinator", weeks=2)).json()
        assert (answer["small_counts_below"], answer["share_reported"]) == (5, 0.4)
        assert [(one["week"], one["registrations"]) for one in answer["items"]] == [
            (last.isoformat(), 7), ((last - WEEK).isoformat(), 8),
        ]  # fmt: skip
        assert [one["share"] for one in answer["items"]] == [1.0, 0.0]
        assert (await desk.get("/weeks", weeks=0)).status_code == 422


def test_a_week_begins_on_monday_in_amsterdam_whatever_the_season() -> None:
    for at, week in (
        ("2026-01-04T22:59:59+00:00", "2025-12-29"), ("2026-01-04T23:00:00+00:00", "2026-01-05"),
        ("2026-07-05T21:59:59+00:00", "2026-06-29"), ("2026-07-05T22:00:00+00:00", "2026-07-06"),
    ):  # fmt: skip
        assert week_of(datetime.fromisoformat(at)) == date.fromisoformat(week)
    assert week_ends(date(2026, 3, 23)) == datetime(2026, 3, 29, 22, 0, tzinfo=UTC)


def gone(site: str, **counts: int) -> list[Put]:
    """The rows of where one desk's households went. counts: `from__to`."""
    contract = FlowsTold.of(
        week=MONDAY,
        flows=[{"came_from": one, "went_to": other, "count": counts.get(f"{one}__{other}", 0)}
               for one in FLOW_ENDS for other in FLOW_ENDS if one != other],
    )  # fmt: skip
    message = Message(
        Origin(site, "intake", 1), "pub", 1, ID, contract.type_name, "week", NOW, ID, ID, contract.encode()
    )
    return [row for row in desk_rows(message, contract) if isinstance(row, Put)]


def test_who_went_from_where_to_where_is_a_sum_of_all_desks_without_small_counts() -> None:
    rows = [*gone("west", night_shelter__shelter_24h=4, out__allowance=7, out__night_shelter=6),
            *gone("noord", night_shelter__shelter_24h=5, out__night_shelter=8, night_shelter__out=3)]  # fmt: skip
    flows = week_of_network(MONDAY, counts(*rows), ("noord", "west"), 5).flows
    assert (flows.total, flows.told) == (33, True)
    assert (flows.left["out"], flows.left["night_shelter"], flows.left["shelter_24h"]) == (21, 12, 0)
    assert (flows.ways["out"]["allowance"], flows.ways["out"]["night_shelter"]) == (7, 14)
    # Three who left the night shelter for no place are few, and 12 less 9 would say so.
    assert (flows.ways["night_shelter"]["out"], flows.ways["night_shelter"]["shelter_24h"]) == (None, None)


def test_where_few_went_anywhere_nothing_is_shown_and_nobody_is_nobodys() -> None:
    flows = week_of_network(MONDAY, counts(*gone("west", out__allowance=4)), ("west",), 5).flows
    assert (flows.total, flows.left["out"], flows.ways["out"]["allowance"]) == (None, None, None)
    nobody = week_of_network(MONDAY, counts(*gone("west")), ("west",), 5).flows
    assert (nobody.total, nobody.told, nobody.ways["out"]["allowance"]) == (0, True, 0)
    assert week_of_network(MONDAY, counts(*WEST), ("west",), 5).flows.told is False


def came(site: str, week: date, *counts: tuple[str, int, int, int, int, int, int | None]) -> list[Put]:
    """The rows of what one house tells of one week. counts: kind, and what it came to."""
    names = ("kind", *HouseSessions._fields)
    contract = SessionWeekTold.of(
        location=site, site=site, week=week, rows=[dict(zip(names, row, strict=True)) for row in counts]
    )
    message = Message(
        Origin(site, "placement", 1), "pub", 1, ID, contract.type_name, site, NOW, ID, ID, contract.encode()
    )
    assert contract.type_name in CAPACITY.contracts
    return [row for row in capacity_rows(message, contract) if isinstance(row, Put)]


def test_who_came_to_sessions_is_a_sum_of_all_houses() -> None:
    told = [("consultation", HouseSessions(2, 2, 14, 7, 1, 9)), ("consultation", HouseSessions(1, 0, 6, 0, 1, 2)),
            ("activation", HouseSessions(1, 1, 3, 3, 1, None))]  # fmt: skip
    assert sessions_of_network(told, 5) == {
        "consultation": Sessions(3, 2, 2, 20, 7, 2, 9, 0), "activation": Sessions(1, 1, 1, None, None, None, None, 1),
        "internship": Sessions(0, 0, 0, 0, 0, None, None, 0),
    }  # fmt: skip


def test_who_stayed_away_is_not_found_by_subtraction_of_a_session_nobody_counted() -> None:
    """Ten of eighteen came, and six of those seats were of a session nobody counted: two stayed away, and all who know
    of those six would know it."""
    in_part = [("consultation", HouseSessions(2, 1, 18, 10, 0, 1))]
    by_house = [("activation", HouseSessions(1, 1, 12, 10, 0, 1)), ("activation", HouseSessions(1, 0, 6, 0, 0, 1))]
    one_of_two = [("internship", HouseSessions(1, 1, 30, 20, 0, 1)), ("internship", HouseSessions(2, 1, 20, 14, 0, 1))]
    shown = sessions_of_network([*in_part, *by_house, *one_of_two], 5)
    assert {kind: (one.booked, one.attended) for kind, one in shown.items()} == {
        "consultation": (18, None), "activation": (18, None), "internship": (50, None),
    }  # fmt: skip
    few = sessions_of_network([("internship", HouseSessions(2, 1, 4, 2, 0, 1))], 5)["internship"]
    assert (few.booked, few.attended) == (None, None)


def test_what_is_full_is_no_count_of_people_and_is_always_shown() -> None:
    one = sessions_of_network([("internship", HouseSessions(1, 1, 1, 1, 1, None))], 5)["internship"]
    assert (one.full, one.without_seat, one.booked, one.attended) == (1, 1, None, None)


def test_a_house_that_says_more_came_than_had_a_seat_takes_the_week_from_nobody() -> None:
    """Whatever one site tells, everybody reads the weeks of the others."""
    told = [("activation", HouseSessions(1, 1, 6, 9, 0, 1)), ("consultation", HouseSessions(1, 1, 9, 9, 0, 1))]
    shown = sessions_of_network(told, 5)
    assert {kind: (one.booked, one.attended) for kind, one in shown.items()} == {
        "activation": (6, 9), "consultation": (9, 9), "internship": (0, 0),
    }  # fmt: skip


async def test_sessions_are_read_over_http_by_week_and_kind_without_small_counts() -> None:
    async with open_desk() as desk:
        last = week_of(desk.clock.now()) - WEEK
        rows: list[Any] = [
            *came("west", last, ("consultation", 2, 2, 12, 6, 1, 3), ("activation", 1, 1, 6, 5, 1, None)),
            *came("noord", last, ("consultation", 1, 1, 8, 6, 1, 12)),
            *came("noord", last - WEEK, ("internship", 1, 0, 7, 0, 0, 0)),
        ]  # fmt: skip
        await desk.placement.store.append(Append(NOW, rows=rows))
        newest, older = (await desk.get("/weeks", role="coordinator", weeks=2)).json()["items"]
        assert newest["sessions"] == {
            "consultation": {"sessions": 3, "full": 2, "counted": 3, "booked": 20, "attended": 12,
                             "wait_days_least": 3, "wait_days_most": 12, "without_seat": 0},
            "activation": {"sessions": 1, "full": 1, "counted": 1, "booked": 6, "attended": None,  # one stayed away
                           "wait_days_least": None, "wait_days_most": None, "without_seat": 1},
            "internship": {"sessions": 0, "full": 0, "counted": 0, "booked": 0, "attended": 0,
                           "wait_days_least": None, "wait_days_most": None, "without_seat": 0},
        }  # fmt: skip
        assert older["sessions"]["internship"]["booked"] == 7
        assert older["sessions"]["internship"]["wait_days_most"] == 0
