"""`plek trace` on real servers: whatever anybody noticed leads to its cause, at every site it went through."""

from __future__ import annotations

import asyncio
import json
import secrets
import time

import asyncpg
import httpx
import msgspec
import pytest

from infra.running import site_settings
from shared.causes import Branch, Step, lines, trees
from tests.support.network import PATIENCE_SECONDS, Network, eventually

HOLDS = "/api/placement/holds"


def traced(city: Network, id_: str, *words: str) -> dict[str, Step]:
    """What `plek trace` finds, by id, as soon as no site is too busy to say what it knows."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = city.plek("trace", id_, "--json", *words)
        assert done.returncode == 0, done.stderr + done.stdout
        document = json.loads(done.stdout)
        if not document["silent"]:
            break
        assert time.monotonic() < until, done.stdout
    assert not document["left_off"], done.stdout
    return {step.id: step for step in msgspec.convert(document["steps"], list[Step])}


def names(branch: Branch) -> list[str]:
    """What is in a tree, in the order in which it is read."""
    return [f"{step.site} {step.name if step.kind != 'command' else step.where}"
            for step in (at.step for _, at in lines([branch]))]  # fmt: skip


async def stored(city: Network, site: str, service: str, correlation: str) -> set[str]:
    """The ids of all events and messages of a correlation in one service's store."""
    dsn = site_settings(city.data, site).databases[service].get_secret_value()
    connection = await asyncpg.connect(dsn)
    try:
        sql = "select id from {} where convert_from(meta, 'UTF8')::jsonb ->> 'correlation_id' = $1"
        rows = [*await connection.fetch(sql.format("events"), correlation),
                *await connection.fetch(sql.format("outbox"), correlation)]  # fmt: skip
    finally:
        await connection.close()
    return {str(row["id"]) for row in rows}


class Arrival:
    """Noord asks west for a place, the guest arrives there, and leaves again."""

    def __init__(self) -> None:
        self.trace_id = secrets.token_hex(16)
        self.hold, self.stay, self.place = "", "", ""

    async def happen(self, city: Network, noord: httpx.AsyncClient, west: httpx.AsyncClient) -> None:
        house, [self.place] = await city.new_location(west, 1)

        async def known() -> bool:
            return bool((await noord.get("/api/placement/capacity", params={"location": house})).json()["rows"])

        await eventually("noord to know the house", known)
        asked = await noord.post(
            HOLDS, json={"site": "west", "location": house, "kind": "shelter_24h"},
            headers={"traceparent": f"00-{self.trace_id}-{secrets.token_hex(8)}-01"},
        )  # fmt: skip
        assert asked.status_code == 202, asked.text
        self.hold = asked.json()["id"]
        await self._until(noord, "active")
        arrived = await west.post(f"{HOLDS}/{self.hold}/check-in")
        assert arrived.status_code == 200, arrived.text
        self.stay = arrived.json()["stay_id"]
        await self._until(noord, "checked_in")
        left = await west.post(f"/api/placement/stays/{self.stay}/end", json={"reason": "moved_on"})
        assert left.status_code == 200, left.text

    async def _until(self, noord: httpx.AsyncClient, status: str) -> None:
        async def there() -> bool:
            return bool((await noord.get(f"{HOLDS}/{self.hold}")).json()["status"] == status)

        await eventually(f"the hold to be {status}", there)


@pytest.fixture(scope="module")
def arrival(city: Network) -> Arrival:
    made = Arrival()

    async def happen() -> None:
        async with city.client("noord") as noord, city.client("west") as west:
            await made.happen(city, noord, west)

    asyncio.run(happen())
    return made


async def heard(city: Network, id_: str, count: int) -> dict[str, Step]:
    """What is found once the journals have heard so many told events of the story."""
    steps: dict[str, Step] = {}

    async def enough() -> bool:
        steps.clear()
        done = city.plek("trace", id_, "--json")
        if done.returncode == 0:
            found = msgspec.convert(json.loads(done.stdout)["steps"], list[Step])
            steps.update({step.id: step for step in found})
        return sum(step.kind == "message" for step in steps.values()) >= count

    await eventually(f"{count} told events of {id_}", enough)
    return steps


ASKED = [
    "noord request", "noord call-made.v1", "noord nl.plek.placement.hold-asked.v1",
    "west policy letters", "west hold-asked.v1", "west place-held.v1",
    "west nl.plek.placement.place-held.v1", "west nl.plek.placement.capacity-told.v1",
    "west nl.plek.placement.hold-answered.v1", "noord policy letters", "noord call-accepted.v1",
]  # fmt: skip
"""What noord's desk set going by asking west for a place, from the tap to west's answer."""

ARRIVED = [
    "west request", "west stay-began.v1", "west nl.plek.placement.hold-ended.v1",
    "west nl.plek.placement.stay-began.v1", "west nl.plek.placement.capacity-told.v1",
    "west nl.plek.placement.hold-answered.v1", "noord policy letters", "noord call-ended.v1",
]  # fmt: skip

LEFT = [
    "west request", "west stay-ended.v1", "west nl.plek.placement.stay-ended.v1",
    "west nl.plek.placement.capacity-told.v1",
]  # fmt: skip


async def test_a_hold_leads_to_all_that_was_asked_and_answered_for_it_at_both_sites(
    city: Network, arrival: Arrival
) -> None:
    steps = await heard(city, arrival.hold, 8)
    assert [names(root) for root in trees(steps.values())] == [ASKED, ARRIVED]
    for correlation in {step.correlation_id for step in steps.values()} - {None}:
        for site in city.urls:
            lost = await stored(city, site, "placement", str(correlation)) - steps.keys()
            assert lost == set(), f"{site} has stored what no tree shows"
    [ask, check_in] = [root.step for root in trees(steps.values())]
    assert (ask.role, ask.trace_id, check_in.role) == ("operator", arrival.trace_id, "operator")


async def test_wherever_it_is_begun_it_ends_at_the_same_root(city: Network, arrival: Arrival) -> None:
    steps = await heard(city, arrival.hold, 8)
    [first, second] = trees(steps.values())
    for _, branch in lines([first]):
        if branch.step.kind != "command":
            [again] = trees(traced(city, branch.step.id).values())
            assert names(again) == ASKED, branch.step
    [by_trace] = trees(traced(city, arrival.trace_id).values())
    assert names(by_trace) == ASKED
    [by_correlation] = trees(traced(city, str(second.step.correlation_id)).values())
    assert names(by_correlation) == ARRIVED


async def test_a_place_and_a_stay_say_what_happened_to_them(city: Network, arrival: Arrival) -> None:
    await heard(city, arrival.stay, 6)
    told = [names(root) for root in trees(traced(city, arrival.stay).values())]
    assert told == [ARRIVED, LEFT]
    history = [names(root) for root in trees(traced(city, arrival.place).values())]
    assert history[0][:2] == ["west request", "west places-opened.v1"]
    assert history[1:] == [ASKED, ARRIVED, LEFT], "why the place was held, by whom it was taken, and when it was free"
    printed = city.plek("trace", arrival.hold).stdout
    assert "policy letters by system, west/placement" in printed
    assert f"trace {arrival.trace_id}" in printed


async def test_one_site_tells_what_it_knows_and_no_more(city: Network, arrival: Arrival) -> None:
    await heard(city, arrival.hold, 8)
    alone = traced(city, arrival.hold, "--site", "noord")
    assert {step.site for step in alone.values() if step.kind == "event"} == {"noord"}
    assert {step.site for step in alone.values() if step.kind == "message"} == {"noord", "west"}
    unknown = city.plek("trace", secrets.token_hex(16))
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "nobody knows anything of" in unknown.stderr


async def test_the_spans_of_a_trace_are_at_the_sites_it_went_through_and_on_the_page_with_nothing_else_installed(
    city: Network, arrival: Arrival
) -> None:
    wanted = {
        "noord": {"POST /api/placement/holds", "handle MakeCall", "store append", "publish pub"},
        "west": {"process CITY", "decide", "store append", "publish pub", "update letters"},
    }
    for site, names_there in wanted.items():
        async with city.client(site, "oncall") as oncall:

            async def kept(oncall: httpx.AsyncClient = oncall, names_there: set[str] = names_there) -> bool:
                answer = await oncall.get("/api/console/spans", params={"trace": arrival.trace_id})
                assert answer.status_code == 200, answer.text
                spans = answer.json()["spans"]
                assert {span["trace_id"] for span in spans} <= {arrival.trace_id}
                return names_there <= {span["name"] for span in spans}

            await eventually(f"the spans at {site}", kept)
            page = await oncall.get("/trace", params={"id": arrival.trace_id})
            assert page.status_code == 200
            assert 'id="spans"' in page.text
            assert "store append" in page.text
            nobody = await oncall.post("/api/console/spans/v1/traces", content=b"no spans")
            assert (nobody.status_code, nobody.json()["code"]) == (422, "spans-invalid")
    async with city.client("west", "operator") as operator:
        assert (await operator.post("/api/console/spans/v1/traces", content=b"")).status_code == 403
        assert (await operator.get("/api/console/spans", params={"trace": arrival.trace_id})).status_code == 403


async def test_what_the_owner_refuses_and_what_a_timer_ends_have_their_causes(city: Network) -> None:
    async with city.client("noord") as noord, city.client("west") as west:
        house, _ = await city.new_location(west, 1)

        async def known() -> bool:
            return bool((await noord.get("/api/placement/capacity", params={"location": house})).json()["rows"])

        await eventually("noord to know the house", known)
        large = {"site": "west", "location": house, "kind": "shelter_24h", "household_size": 3}
        refused = (await noord.post(HOLDS, json=large)).json()["id"]
        [root] = trees((await heard(city, refused, 2)).values())
        assert names(root)[:5] == [*ASKED[:4], "west hold-asked.v1"]
        assert names(root)[-1] == "noord call-ended.v1"

        held = (await west.post(HOLDS, json={"location": house, "kind": "shelter_24h"})).json()["id"]
        assert city.plek("clock", "advance", "95m").returncode == 0

        async def lapsed() -> bool:
            return bool((await west.get(f"{HOLDS}/{held}")).json()["status"] == "lapsed")

        await eventually("the hold to lapse", lapsed)
    [root] = trees((await heard(city, held, 4)).values())
    told = names(root)
    at = told.index("west timer")
    assert told[:2] == ["west request", "west place-held.v1"]
    assert told[at + 1] == "west hold-lapsed.v1"
    timer = next(branch for _, branch in lines([root]) if branch.step.where == "timer")
    assert timer.waited_seconds is not None
    assert timer.waited_seconds >= 90 * 60


async def test_a_chain_through_a_file_is_cut_for_everybody_and_whole_at_its_own_desk_which_records_the_look(
    city: Network,
) -> None:
    async with city.client("noord", "caseworker") as desk:
        made = await desk.post("/api/intake/clients", json={})
        assert made.status_code == 201, made.text
        client = made.json()["id"]
        body = {"kinds": ["medical_respite"], "household_size": 1}  # nobody here has one to offer
        opened = await desk.post(f"/api/intake/clients/{client}/requests", json=body)
        assert opened.status_code == 201, opened.text
        request = opened.json()["id"]

        steps = await heard(city, request, 2)
        notice = next(step for step in steps.values() if step.name.endswith("request-noticed.v1"))
        assert (notice.cut, notice.cause, notice.role, notice.trace_id) == (True, None, None, None)
        assert {step.site for step in steps.values() if step.kind == "event"} <= {"noord"}
        assert all(step.withheld for step in steps.values() if step.kind == "event")
        assert client not in json.dumps(msgspec.to_builtins(traced(city, notice.id)))
        assert traced(city, notice.id, "--site", "stad").keys() == {notice.id}

        async def looks() -> list[tuple[str, str]]:
            reads = await desk.get("/api/intake/personal-reads", params={"client_id": client})
            return [(read["role"], read["purpose"]) for read in reads.json()["items"]]

        assert await looks() == []
        assert city.plek("trace", notice.id, "--purpose", "trouble").returncode == 2, "without its own site"
        whole = traced(city, notice.id, "--site", "noord", "--purpose", "trouble")
        [root] = [tree for tree in trees(whole.values()) if notice.id in {at.step.id for _, at in lines([tree])}]
        assert names(root)[:2] == ["noord request", "noord request-opened.v1"]
        assert root.step.role == "caseworker"
        assert ("auditor", "trouble") in await looks()
        nothing = city.plek("trace", notice.id, "--site", "stad", "--purpose", "trouble", "--json")
        assert [step["id"] for step in json.loads(nothing.stdout)["steps"]] == [notice.id]
        wrong = city.plek("trace", notice.id, "--site", "noord", "--purpose", "curiosity")
        assert wrong.returncode == 2
        assert "read-purpose-unknown" in wrong.stderr
    async with city.client("noord", "oncall") as oncall:
        refused = await oncall.post(f"/api/console/journal/{notice.id}/trace", json={"purpose": "trouble"})
        assert refused.status_code == 403
        direct = await oncall.post("/api/intake/events/open", json={"id": [notice.id], "purpose": "trouble"})
        assert direct.status_code == 403


async def test_a_waterfall_shows_where_the_time_went_at_both_sites(city: Network, arrival: Arrival) -> None:
    shown = ""

    async def drawn() -> bool:
        nonlocal shown
        shown = city.plek("trace", arrival.hold, "--waterfall").stdout
        return "plek-noord" in shown and "plek-west" in shown

    await eventually("the spans of both sites", drawn)
    tree, _, fall = shown.partition("\n\n")
    assert "told hold-asked.v1" in tree
    lines = fall.splitlines()
    assert "POST /api/placement/holds  plek-noord" in lines[0]
    assert lines[0].split("|")[1].startswith("=")
    assert all(line.split("|")[1].strip(" ").strip("=") == "" for line in lines), fall
    assert any("  process CITY  plek-west" in line for line in lines)


async def test_a_request_that_stored_nothing_is_found_by_the_trace_in_its_answer(city: Network) -> None:
    trace_id, unknown = secrets.token_hex(16), secrets.token_hex(16)
    async with city.client("noord") as noord:
        refused = await noord.post(
            HOLDS, json={"kind": "no-such-kind"}, headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
        )
    assert (refused.status_code, refused.json()["trace_id"]) == (422, trace_id)

    async def found() -> bool:
        return "POST /api/placement/holds  plek-noord" in city.plek("trace", trace_id).stdout

    await eventually("its span to be kept", found)
    document = json.loads(city.plek("trace", trace_id, "--json").stdout)
    assert (document["steps"], {span["trace_id"] for span in document["spans"]}) == ([], {trace_id})
    nobody = city.plek("trace", unknown)
    assert nobody.returncode == 1
    assert "no span of it is kept, either (10% of traces are)" in nobody.stdout + nobody.stderr
