"""What becomes of what is tapped: each tap ends where somebody sees it, and by what the site itself said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.scripts import on_a_page

ANSWER = "globalThis.fetch = async (path, { body }) => { sent.push(path); return new Response(%s); };"
DONE = ANSWER % '\'{"id": "1", "position": 5}\''
REFUSED = ANSWER % '\'{"code": "place-not-free"}\', { status: 409 }'
TAP = '{ path: "/stays", body: {}, label: "In" }'


def test_a_tap_that_was_refused_while_its_page_was_closed_is_told(tmp_path: Path) -> None:
    """The page it was made on went away before the answer came; the next one sent it."""
    taps = on_a_page(
        tmp_path,
        f"""{REFUSED}
        const {{ write, drain, tidy }} = await import("./queue.js");
        await write({TAP});
        await drain();
        await tidy();
        const soon = taps();
        for (const row of rows.values()) row.ended -= 3600000;
        await tidy();
        return [soon, taps()];""",
    )
    assert taps == [[{"n": 1, "state": "refused", "late": False}], [{"n": 1, "state": "refused", "late": True}]]


def test_a_tap_that_was_sent_while_its_page_was_closed_is_forgotten(tmp_path: Path) -> None:
    taps = on_a_page(
        tmp_path,
        f"""{DONE}
        const {{ write, drain, tidy }} = await import("./queue.js");
        await write({TAP});
        await drain();
        for (const row of rows.values()) row.ended -= 3600000;
        await tidy();
        return taps();""",
    )
    assert taps == []


def test_taps_that_ended_leave_room_for_those_that_wait(tmp_path: Path) -> None:
    """Those of somebody who never comes back, too: a device of many would write down nothing any more."""
    kept = on_a_page(
        tmp_path,
        f"""const {{ write }} = await import("./queue.js");
        for (let n = 1; n <= 700; n++) await table.put({{ state: "refused", person: "ben", n }});
        last = 700;
        await write({TAP});
        const many = rows.size;
        for (let n = 1000; n < 1499; n++) await table.put({{ state: "waiting", person: "ben", n }});
        return [many, await write({TAP}).then(() => "written", error => error.message)];""",
    )
    assert kept == [501, "full"]


@pytest.mark.parametrize("answer", ["'<html>', { status: 404 }", "'<html>'", '\'{"id": "1\''])
def test_what_the_site_did_not_say_ends_no_tap(tmp_path: Path, answer: str) -> None:
    """A gateway, a hotspot's sign-in page, an answer that broke off: it is asked again under the same key."""
    ended = on_a_page(
        tmp_path,
        f"""{ANSWER % answer}
        const {{ write, drain }} = await import("./queue.js");
        await write({TAP});
        await drain();
        const first = taps();
        {DONE}
        await drain();
        return [first, taps(), sent.length];""",
    )
    first, then, asked = ended
    assert [one["state"] for one in (*first, *then)] == ["waiting", "sent"]
    assert asked == 2


@pytest.mark.parametrize("store", ["undefined", "{ open() { throw new Error('SecurityError'); } }"])
def test_a_device_that_cannot_write_down_says_so_and_is_asked_again(tmp_path: Path, store: str) -> None:
    said = on_a_page(
        tmp_path,
        f"""const there = indexedDB;
        globalThis.indexedDB = {store};
        const {{ write }} = await import("./queue.js");
        const first = await write({TAP}).then(() => "written", () => "not written");
        globalThis.indexedDB = there;
        return [first, await write({TAP})];""",
    )
    assert said == ["not written", 1]


def test_taps_of_somebody_who_never_came_back_are_taken_away_when_no_site_takes_them_any_more(tmp_path: Path) -> None:
    """Not before, and by a tap of whoever is there: nothing that can still be sent is dropped, and nothing silently."""
    told = on_a_page(
        tmp_path,
        """element("taps-here").dataset.texts = JSON.stringify({
          waiting: "at {time}", "others.one": "{n}", "others.other": "{n} wait", "old.one": "{n} old",
          "old.other": "{n} old" });
        const week = 7 * 86400000;
        const tap = { state: "waiting", person: "bob", late: true, label: "In" };
        await table.put({ ...tap, n: 1, here: Date.now() - week - 1000 });
        await table.put({ ...tap, n: 2, here: Date.now() - week + 60000 });
        await table.put({ ...tap, n: 3, person: "anna", here: Date.now() - week - 1000 });
        const { list } = await import("./taps_here.js");
        await list();
        const button = element("taps-old");
        const said = [button.hidden, button.textContent, element("taps-others").textContent];
        await button.listeners.click();
        return [said, taps().map(one => one.n), button.hidden, element("taps-others").textContent];""",
    )
    assert told == [[False, "1 old", "2 wait"], [2, 3], True, "1"]


def test_a_line_stays_where_it_is_while_nothing_changes(tmp_path: Path) -> None:
    """They are looked at every few seconds: who is about to take one tap back must not take back another."""
    same = on_a_page(
        tmp_path,
        """element("taps-here").dataset.texts = JSON.stringify({ waiting: "at {time}", "others.other": "{n}" });
        const lines = element("taps-lines");
        const tap = { state: "waiting", person: "anna", late: true, here: 1, label: "In" };
        for (const n of [1, 2]) await table.put({ ...tap, n });
        const { list } = await import("./taps_here.js");
        await list();
        const before = lines.children;
        await list();
        const still = lines.children === before;
        await table.delete(1);
        await list();
        return [before.length, still, lines.children.length];""",
    )
    assert same == [2, True, 1]


def test_what_somebody_was_writing_is_gone_with_its_dialog_and_when_they_sign_out(tmp_path: Path) -> None:
    """A note for the next shift and a code said at the door stay on no device."""
    told = on_a_page(
        tmp_path,
        """const [sheet, inside] = [element("sheet"), element("sheet-body")];
        element("taps-here").dataset.texts = "{}";
        await import("./taps.js");
        inside.append("a note");
        sheet.listeners.close();
        const closed = [...inside.children];
        inside.append("a code");
        const { signedOut } = await import("./live.js");
        signedOut();
        return [closed, inside.children, sheet.closed];""",
    )
    assert told == [[], [], True]
