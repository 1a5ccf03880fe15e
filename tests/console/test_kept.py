"""A page on a device of many: when somebody signed out it is nobody's, and what is from before says so."""

from __future__ import annotations

from pathlib import Path

from tests.console.scripts import on_a_page


def test_a_page_somebody_signed_out_of_sends_nothing_and_is_live_no_more(tmp_path: Path) -> None:
    """Also while the site has not heard of it: the session still counts there, and somebody else holds the tablet."""
    left = on_a_page(
        tmp_path,
        """globalThis.fetch = async path => { sent.push(path); return new Response("{}"); };
        const { show } = await import("./live.js");
        const { send } = await import("./send.js");
        const { write, drain } = await import("./queue.js");
        await write({ path: "/stays", body: {}, label: "In" });
        told("left");
        const status = (await send("/stays", {}, "key")).status;
        await drain();
        await show();
        heard["window online"]();
        return { status, sent, taps: taps(), streams: streams.map(one => one.closed === true),
                 state: elements.pulse.dataset.state };""",
    )
    assert left == {
        "status": 401, "sent": [], "taps": [{"n": 1, "state": "waiting", "late": True}], "streams": [True],
        "state": "dropped",
    }  # fmt: skip


def test_a_file_in_another_tab_is_not_left_lying_when_somebody_signs_out(tmp_path: Path) -> None:
    left = on_a_page(
        tmp_path,
        """delete element("main").dataset.keep;
        element("live").children = ["a file"];
        element("sheet-body").children = ["a code"];
        await import("./live.js");
        told("changed");
        const then = elements.live.children.length;
        told("left");
        return [then, elements.live.children, elements["sheet-body"].children, elements.sheet.closed];""",
    )
    assert left == [1, [], [], True]


def test_a_board_opened_without_a_connection_says_at_once_that_it_is_from_before(tmp_path: Path) -> None:
    states = on_a_page(
        tmp_path,
        """delete element("main").dataset.now;
        element("as-of").textContent = "02:14:05";
        await import("./live.js");
        return [elements.pulse.dataset.state, elements.dropped.hidden, elements.dropped.textContent];""",
    )
    assert states == ["dropped", False, "as of 02:14:05"]


def test_where_no_worker_may_be_a_page_holds_no_more_than_its_last_board(tmp_path: Path) -> None:
    """Nobody takes them there: a board is shown some thousand times in a shift."""
    posted = on_a_page(
        tmp_path,
        """const { begin, keep } = await import("./kept.js");
        begin(() => {});
        for (let n = 0; n < 100; n++) keep(`board ${n}`, "house");
        ready();
        await settle();
        keep("board 100", "house");
        return posted.map(one => one.text);""",
    )
    assert posted == ["board 99", "board 100"]


def test_a_board_is_kept_on_after_somebody_tried_to_sign_in_and_not_after_a_signing_out(tmp_path: Path) -> None:
    posted = on_a_page(
        tmp_path,
        """const { begin, keep } = await import("./kept.js");
        begin(() => {});
        ready();
        await settle();
        told("changed");
        keep("still hers", "house");
        told("left");
        keep("nobody's", "house");
        return posted.map(one => one.text);""",
    )
    assert posted == ["still hers"]
