"""The state of a site on the screen: what is wrong is marked, what is well is not; what can be done stands beside."""

from __future__ import annotations

import copy
from typing import Any

from services.console.state import State, state, would
from services.console.words import words

EN, NL = words("en"), words("nl")
MOVING = {"standing_seconds": 0.0, "oldest_seconds": 0.0, "per_second": 2.25}
SAID: dict[str, Any] = {
    "epoch": 1, "database": True, "database_seconds": 0.004, "bus": True, "halted": None, "worklist": 0,
    "timers_late_seconds": 0.0, "logbook_waiting_seconds": 0.0,
    "logs": [{"log": "pub", "outbox": 1_240, "published": 1_240, "doubted": False, "pace": MOVING}],
    "readers": [{"view": "capacity", "parked": 0, "behind": {}, "incomplete": {}, "paused": False,
                 "pace": {"noord/placement": MOVING, "stad/placement": MOVING}}],
    "links": [{"site": "stad", "state": "live", "silent_seconds": 2.0}],
    "versions": {"schema_now": "0003", "schema_wanted": "0003"},
}  # fmt: skip
PARKED = {
    "id": "p", "message_id": "m", "service": "placement", "reader": "capacity", "origin": "noord/placement",
    "log": "pub", "sequence": 7, "type": "nl.plek.placement.capacity-told.v1", "code": "not-storable", "retries": 2,
    "parked_at": "2026-01-05T22:00:00Z",
}  # fmt: skip


def seen(said: dict[str, Any] | None, *parked: dict[str, Any]) -> State:
    return state({"placement": said}, {"placement": ["capacity"]}, parked, EN)


def changed(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(SAID) | more


def reader(**more: Any) -> dict[str, Any]:
    return changed(readers=[SAID["readers"][0] | more])


def test_where_all_is_well_nothing_is_marked() -> None:
    shown = seen(SAID)
    assert shown.quiet
    assert [(line.log, line.waits, line.rate, line.oldest) for line in shown.logs] == [("pub", "0", "2.2", "")]
    assert [(line.origin, line.note, line.acts) for line in shown.readers] == [
        ("noord/placement", "", [("pause", "Pause"), ("rebuild", "Make anew")]), ("stad/placement", "", []),
    ]  # fmt: skip
    assert [line.replay for line in shown.readers] == [True, True]
    assert not state({"placement": SAID}, {}, [], EN).readers[0].replay, "a policy keeps no view"
    assert shown.links[0].words == "2 seconds ago"


def test_a_service_that_does_not_answer_is_trouble() -> None:
    shown = seen(None)
    assert not shown.quiet
    assert shown.services[0].trouble == ["Does not answer"]


def test_what_is_wrong_with_a_service_is_said() -> None:
    for more, said in (
        ({"halted": "others have heard 9"}, "Takes no command until it is repaired"),
        ({"database": False}, "Its database does not answer"),
        ({"database_seconds": 0.7}, "Its database is slow"),
        ({"bus": False}, "Not connected to the bus"),
        ({"timers_late_seconds": 90.0}, "Its timers are late"),
        ({"logbook_waiting_seconds": 90.0}, "The logbook does not answer, lines wait"),
        ({"versions": {"schema_now": "0002", "schema_wanted": "0003"}}, "Its schema is 0002, the code wants 0003"),
    ):
        shown = seen(changed(**more))
        assert (shown.services[0].trouble, shown.quiet) == ([said], False)


def test_a_reader_that_stands_still_is_marked_and_one_that_is_busy_is_not() -> None:
    behind = {"noord/placement": 3}
    busy = seen(reader(behind=behind, pace={"noord/placement": MOVING | {"oldest_seconds": 4.0}}))
    assert busy.quiet
    assert (busy.readers[0].waits, busy.readers[0].oldest) == ("3", "4 seconds")
    stuck = seen(reader(behind=behind, pace={"noord/placement": MOVING | {"standing_seconds": 40.0}}))
    assert (stuck.readers[0].note, stuck.quiet) == ("Stands still for 40 seconds", False)


def test_a_paused_reader_can_be_let_go_on() -> None:
    shown = seen(reader(paused=True)).readers
    assert [(line.note, line.alarm) for line in shown] == [("Paused by somebody", True), ("", False)]
    assert shown[0].acts == [("resume", "Let it go on"), ("rebuild", "Make anew")]


def test_a_reader_that_has_heard_of_nobody_is_a_line_too() -> None:
    [line] = seen(reader(pace={})).readers
    assert (line.reader, line.origin, line.waits) == ("capacity", "", "0")


def test_a_parked_message_is_told_with_its_reason_and_marks_its_origin() -> None:
    shown = seen(reader(parked=1, incomplete={"noord/placement": "not-storable"}), PARKED)
    assert not shown.quiet
    [row] = shown.parked
    assert (row.what, row.why, row.since, row.retries, row.message_id) == (
        "pub 7 capacity-told", "not-storable", "2026-01-05 22:00", 2, "m",
    )  # fmt: skip
    assert (shown.readers[0].note, shown.readers[0].parked) == ("Incomplete: not-storable", 1)
    assert seen(SAID, PARKED | {"type": "", "sequence": 0}).parked[0].what == "pub unknown"


def test_a_relay_that_stands_still_and_a_site_that_is_not_heard_are_marked() -> None:
    log = {"log": "loc", "outbox": 9, "published": 4, "doubted": False, "pace": MOVING | {"standing_seconds": 20.0}}
    assert seen(changed(logs=[log])).logs[0].alarm
    silent = {"site": "stad", "state": "silent", "silent_seconds": 400.0}
    both = {"placement": SAID, "intake": changed(links=[silent])}
    [line] = state(both, {}, [], EN).links
    assert (line.state, line.words, line.alarm) == ("silent", "6 minutes ago", True)
    never = seen(changed(links=[{"site": "stad", "state": "unknown", "silent_seconds": None}])).links
    assert never[0].words == "Never since this process began"


def test_both_languages_say_it() -> None:
    shown = state({"placement": None}, {}, [], NL)
    assert shown.services[0].trouble == ["Antwoordt niet"]


def test_an_origin_that_is_incomplete_and_not_heard_is_marked_all_the_same() -> None:
    """What was discarded marks a view until it is made anew, also of a site that left or of this site's own log."""
    shown = seen(reader(pace={}, incomplete={"west/intake": "discarded"}))
    assert [(line.origin, line.note, line.alarm) for line in shown.readers] == [
        ("west/intake", "Incomplete: discarded", True)
    ]
    assert not shown.quiet


def test_lost_rows_that_wait_for_somebody_are_not_quiet() -> None:
    assert not seen(changed(worklist=3)).quiet


def test_what_an_act_would_come_to_is_said_in_words() -> None:
    same = {"origin": "west/placement", "messages": 7, "changed": 0, "gone": 0, "unmarked": 0}
    gap = {"origin": "west/placement", "from_sequence": 2, "to_sequence": 3, "marked": True}
    for act, said, detail in (
        ("replay", same, "It shows west/placement as its 7 messages say: nothing would change."),
        ("replay", same | {"changed": 2, "gone": 1},
         "From 7 messages of west/placement: 2 rows would be put right, 1 taken out, 0 marks lifted."),
        ("retry", {"outcome": "digested"}, "The program can read it now (digested)."),
        ("retry", {"outcome": "handler-failed"}, "It would stay parked: handler-failed."),
        ("discard", gap, "The view would do without 2 to 3 of west/placement, and say so."),
        ("discard", gap | {"marked": False}, "It would do without 2 to 3 of west/placement; it keeps no view to mark."),
        ("discard", gap | {"to_sequence": 0}, "Nothing with a number would be missing."),
        ("rebuild", {"incomplete": {}}, ""),
        ("rebuild", {"incomplete": {"west/placement": "x"}}, "It is incomplete now: west/placement."),
        ("refill", {"log": "pub", "told": 9, "on_bus": 7}, "9 messages would be on it; now there are 7."),
        ("refill", {"log": "pub", "told": 9, "on_bus": 9}, "Nothing is missing now: all 9 messages are on it."),
        ("pause", {}, ""),
    ):  # fmt: skip
        shown = would(act, "placement", "capacity", said, "", EN)
        assert (shown.detail, shown.refused) == (detail, False), act
        assert "capacity" in shown.text
    no = would("replay", "placement", "letters", {}, "reader-keeps-no-view", EN)
    assert (no.detail, no.refused) == ("That would be refused: reader-keeps-no-view.", True)
