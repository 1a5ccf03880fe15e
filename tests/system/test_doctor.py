"""What the doctor makes of what it saw: a line for each trouble, with the command that helps, and silence when well."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from infra import doctor_looks as looks
from infra.doctor import AREAS, in_order
from infra.doctor_looks import Finding, Seen
from shared.settings import SiteSettings

MOVING = {"standing_seconds": 0.0, "oldest_seconds": 0.0, "per_second": 1.0}
HEALTH: dict[str, Any] = {
    "time": "2026-01-05T22:00:00Z", "epoch": 1, "database": True, "database_seconds": 0.01, "bus": True, "halted": None,
    "logs": [{"log": "pub", "outbox": 5, "published": 5, "doubted": False, "pace": MOVING}],
    "readers": [{"view": "capacity", "parked": 0, "behind": {}, "pace": {"stad/placement": MOVING}, "paused": False,
                 "incomplete": {}}],
    "links": [{"site": "stad", "state": "live", "silent_seconds": 2.0}], "worklist": 0,
    "timers_late_seconds": 0.0, "logbook_waiting_seconds": 0.0,
    "versions": {"release": "1", "schema_now": "0002", "schema_wanted": "0002", "contracts": "abc"},
}  # fmt: skip


@pytest.fixture
def sites(tmp_path: Path) -> dict[str, Seen]:
    """Two sites of which everything is well."""
    key = tmp_path / "a.nk"
    key.write_text("seed")
    key.chmod(0o600)
    users = ("city.admin", "local.admin", "city.placement")

    def site(name: str) -> Seen:
        settings = SiteSettings(
            site=name, hub="stad", sites=["stad", "west"], services=["placement"], port=1, nats_url="nats://x",
            databases={"placement": SecretStr("x")}, credentials=dict.fromkeys(users, key), token_keys=key,
            seal_keys=key, network_keys=key,
        )  # fmt: skip
        health = {"placement": copy.deepcopy(HEALTH)}
        return Seen(settings, alive=True, health=health, clock_ahead=3600.0, jetstream={}, leaves={"leafs": []})  # type: ignore[arg-type]

    return {name: site(name) for name in ("stad", "west")}


def said(site: Seen) -> Any:
    return site.health["placement"]


def lines(found: Any) -> list[tuple[str, str, str, str]]:
    return [(one.state, one.site, one.text, one.do) for one in found if one.state != "ok"]


PARTS = (
    looks.processes, looks.databases, looks.buses, looks.copies, looks.consumers, looks.origins, looks.lag,
    looks.silence, looks.parked, looks.worklists, looks.clocks, looks.keys, looks.versions,
)  # fmt: skip


def test_of_a_network_that_is_well_there_is_nothing_to_say(sites: dict[str, Seen]) -> None:
    assert [line for part in PARTS for line in lines(part(sites))] == []


def test_an_area_without_trouble_is_one_line_and_every_area_has_one() -> None:
    trouble = [Finding("lag", "warn", "west", "a", "b"), Finding("lag", "bad", "stad", "c", "d")]
    ordered = in_order([Finding("disk", "ok", "", "room"), *trouble])
    assert [finding.area for finding in ordered if finding.area != "lag"] == [area for area in AREAS if area != "lag"]
    assert [finding for finding in ordered if finding.area == "lag"] == trouble
    assert [finding.text for finding in ordered if finding.area == "disk"] == ["room"]


def test_a_clock_is_held_against_the_other_sites_not_against_this_machine(sites: dict[str, Seen]) -> None:
    third = copy.copy(sites["west"])
    third.clock_ahead = 3700.0
    [(state, site, text, _)] = lines(looks.clocks(sites | {"noord": third}))
    assert (state, site) == ("bad", "noord")
    assert "100.0 s ahead of the others" in text
    third.clock_ahead = 3595.0
    assert lines(looks.clocks(sites | {"noord": third}))[0][:2] == ("warn", "noord")


def test_versions_are_compared_between_sites_and_schemas_with_their_code(sites: dict[str, Seen]) -> None:
    said(sites["west"])["versions"] |= {"contracts": "xyz", "schema_now": "0001"}
    found = lines(looks.versions(sites))
    assert ("warn", "", "sites run different contracts: abc at stad; xyz at west", "upgrade the older ones") in found
    assert found[-1] == ("bad", "west", "the schema of placement is 0001, its code wants 0002", "plek migrate west")


def test_keys_that_are_missing_or_open_are_named(sites: dict[str, Seen], tmp_path: Path) -> None:
    (tmp_path / "a.nk").chmod(0o644)
    found = lines(looks.keys(sites))
    assert len(found) == 6
    assert found[0][0] == "warn"
    assert found[0][3].startswith("chmod 600 ")
    (tmp_path / "a.nk").unlink()
    assert {state for state, *_ in lines(looks.keys(sites))} == {"bad"}


def test_a_logbook_that_does_not_answer_is_said(sites: dict[str, Seen]) -> None:
    said(sites["west"])["logbook_waiting_seconds"] = 90.0
    [(state, site, text, _)] = lines(looks.origins(sites))
    assert (state, site, text) == ("warn", "west", "lines of placement have waited for the logbook for 90 seconds")


def test_a_halted_origin_names_its_repair_and_one_that_waits_for_others_says_so(sites: dict[str, Seen]) -> None:
    said(sites["west"])["halted"] = "others have heard 9"
    said(sites["stad"])["logs"][0]["published"] = None
    (waits, halted) = sorted(lines(looks.origins(sites)), reverse=True)
    assert halted == ("bad", "west", "placement takes no command: others have heard 9",
                      "plek repair origin west placement --dry-run")  # fmt: skip
    assert waits[:2] == ("warn", "stad")


def test_lag_silence_parked_messages_and_lost_rows_are_named_at_the_site_that_has_them(sites: dict[str, Seen]) -> None:
    west = said(sites["west"])
    west["logs"][0]["outbox"] = 2_000
    behind, unknown = {"stad/placement": 5_000}, {"stad/placement": "version-unknown"}
    west["readers"][0] |= {"behind": behind, "incomplete": unknown}
    west["links"][0] |= {"state": "silent", "silent_seconds": 400.0}
    west["worklist"] = 3
    assert [state for state, *_ in lines(looks.lag(sites))] == ["warn", "warn"]
    assert lines(looks.silence(sites))[0][:3] == ("bad", "west", "stad is silent: silent for 400 seconds (placement)")
    assert "stands still for stad/placement: version-unknown" in lines(looks.parked(sites))[0][2]
    west["readers"][0]["incomplete"] = {"stad/placement": "message-discarded"}
    assert lines(looks.parked(sites))[0][2:] == (
        "capacity of placement does without a message of stad/placement: message-discarded",
        "plek rebuild west placement capacity",
    )
    assert lines(looks.worklists(sites)) == [
        ("warn", "west", "3 lost rows of placement wait for an operator", "plek repair worklist west")
    ]


def test_what_stands_still_is_named_however_little_waits_and_what_moves_is_not(sites: dict[str, Seen]) -> None:
    reader, log = said(sites["west"])["readers"][0], said(sites["stad"])["logs"][0]
    reader |= {"behind": {"stad/placement": 1}, "pace": {"stad/placement": MOVING | {"standing_seconds": 4.0}}}
    log |= {"outbox": 6, "pace": MOVING | {"standing_seconds": 4.0}}
    assert lines(looks.lag(sites)) == []
    reader["pace"]["stad/placement"]["standing_seconds"], log["pace"]["standing_seconds"] = 31.0, 25.0
    assert lines(looks.lag(sites)) == [
        ("bad", "stad", "the relay of placement (pub) has stood still for 25 s", "see docs/runbooks/outbox-waits.md"),
        ("bad", "west", "capacity of placement has not gone on with stad/placement for 31 s (1 wait)",
         "see docs/runbooks/reader-behind.md"),
    ]  # fmt: skip


def test_a_paused_reader_is_named_with_the_verb_that_lets_it_go_on(sites: dict[str, Seen]) -> None:
    said(sites["west"])["readers"][0] |= {"paused": True, "behind": {"stad/placement": 9}}
    assert lines(looks.lag(sites)) == [
        ("warn", "west", "capacity of placement is paused, and does not go on by itself",
         "plek resume west placement capacity"),
    ]  # fmt: skip


def test_a_slow_database_is_named(sites: dict[str, Seen]) -> None:
    said(sites["west"])["database_seconds"] = 1.64
    assert lines(looks.databases(sites)) == [
        ("warn", "west", "the database of placement took 1.6 s for what takes no time",
         "see docs/runbooks/database-slow.md"),
    ]  # fmt: skip


def test_a_city_that_does_not_hear_its_source_is_named_with_whom_it_does_not_hear(sites: dict[str, Seen]) -> None:
    silent = {"name": "CITY", "external": {"api": "$JS.stad.API"}, "active": 9 * 10**9}
    stream = {"name": "CITY", "config": {}, "state": {"consumer_count": 0}, "sources": [silent]}
    sites["west"].jetstream = {"account_details": [{"name": "CITY", "stream_detail": [stream]}]}
    assert lines(looks.copies(sites))[0][1:3] == ("west", "its CITY does not hear CITY of stad")
    assert lines(looks.consumers(sites))[0][2] == "nobody reads CITY"
    silent["active"] = 10**9
    assert lines(looks.copies(sites)) == []


def test_streams_that_are_lost_or_not_as_declared_are_told_apart(sites: dict[str, Seen]) -> None:
    sites["west"].jetstream = {"account_details": []}
    sites["stad"].jetstream = None
    found = lines(looks.streams(sites, "stad"))
    assert [line[2] for line in found] == [
        "stream PUB_west_placement is lost", "stream LOC_west_placement is lost", "stream CITY is lost",
    ]  # fmt: skip
    assert {line[3] for line in found} == {"plek repair streams"}
