"""What a device without a connection shows, and to whom: the worker with the site, a gateway, or nobody answering."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.scripts import in_the_worker

BOARD = '"<main data-now=\\"1\\"><!--live-->old<!--/live--></main>"'
KEPT = f'answers = {{ "GET /": () => page({BOARD}) }}; await keep("new");'


def test_a_board_that_was_kept_opens_without_a_connection(tmp_path: Path) -> None:
    shown = in_the_worker(tmp_path, f"{KEPT} answers = {{}}; return await (await ask('/?location=house')).text();")
    assert shown == "<main>new</main>"


def test_a_device_keeps_nothing_of_what_the_last_shift_left(tmp_path: Path) -> None:
    """Also where the page it came with is kept whole, with more notes than one."""
    page = '"<main><!--live--><div id=notes><!--notes-->Canary <p>1</p><!--/notes--></div><!--/live--></main>"'
    kept = in_the_worker(
        tmp_path,
        f"""answers = {{ "GET /": () => page({page}) }};
        await keep("new");
        const all = [];
        for (const store of stores.values()) {{
          for (const answer of store.rows.values()) all.push(await answer.clone().text());
        }}
        answers = {{}};
        return [all.join(" "), await (await ask("/")).text()];""",
    )
    assert ("Canary" in kept[0], "<div id=notes>" in kept[0]) == (False, True)
    assert kept[1] == "<main>new</main>"


def test_a_tablet_of_some_years_keeps_its_board_and_asks_for_its_page_once(tmp_path: Path) -> None:
    """iPadOS 16 has all else the board needs, and no `Response.json`."""
    asked = in_the_worker(
        tmp_path,
        f"""delete Response.json;
        {KEPT}
        await keep("newer");
        answers = {{}};
        return [asked.length, await (await ask("/")).text()];""",
    )
    assert asked == [1, "<main>newer</main>"]


@pytest.mark.parametrize("answer", ["gateway", "() => new Response('busy', { status: 500 })", "undefined"])
def test_a_signing_out_the_site_has_not_heard_of_is_told_before_anything_is_shown(tmp_path: Path, answer: str) -> None:
    """A gateway that answers in the site's place ends no session: whoever comes next would be let in as the last."""
    told = in_the_worker(
        tmp_path,
        f"""{KEPT}
        answers = {{ "POST /sign-out": {answer}, "GET /": () => page("her board") }};
        const out = await (await ask("/sign-out", "POST")).text();
        const still = await (await ask("/")).text();
        answers["POST /sign-out"] = sendsOn;
        asked.length = 0;
        const then = await (await ask("/")).text();
        return {{ out, still, then, asked }};""",
    )
    assert (told["out"], told["still"]) == ("No connection", "No connection")
    assert told["asked"] == ["POST /sign-out", "GET /"]


def test_whoever_signs_in_ends_a_session_that_was_left_without_a_connection(tmp_path: Path) -> None:
    """Also with a wrong password: the one before has signed out all the same."""
    asked = in_the_worker(
        tmp_path,
        """await ask("/sign-out", "POST");
        answers = { "POST /sign-out": sendsOn, "POST /sign-in": () => page("wrong", "") };
        asked.length = 0;
        await ask("/sign-in", "POST");
        return asked;""",
    )
    assert asked == ["POST /sign-out", "POST /sign-in"]


def test_a_store_that_fails_shuts_nobody_out_who_has_a_connection(tmp_path: Path) -> None:
    shown = in_the_worker(
        tmp_path,
        """answers = { "GET /": () => page("board"), "GET /static/live.js": () => page("script"),
                       "POST /sign-in": () => page("in"), "POST /sign-out": () => page("out"),
                       "POST /language": () => page("said") };
        broken = true;
        const all = [await ask("/"), await ask("/static/live.js", "GET", "cors"), await ask("/sign-in", "POST"),
                     await ask("/sign-out", "POST"), await ask("/language", "POST")];
        return await Promise.all(all.map(one => one.text()));""",
    )
    assert shown == ["board", "script", "in", "out", "said"]


def test_a_board_behind_a_gateway_has_its_scripts(tmp_path: Path) -> None:
    """A site that starts again behind a gateway answers 502 for everything: the board would open, and do nothing."""
    shown = in_the_worker(
        tmp_path,
        f"""answers = {{ "GET /static/live.js": () => new Response("script") }};
        await ask("/static/live.js", "GET", "cors");
        {KEPT}
        answers = {{ "GET /": gateway, "GET /static/live.js": gateway, "GET /static/png.js": gateway }};
        const all = [await ask("/")];
        for (const name of ["live", "png"]) all.push(await ask(`/static/${{name}}.js`, "GET", "cors"));
        return await Promise.all(all.map(one => one.text()));""",
    )
    assert shown == ["<main>new</main>", "script", "Bad Gateway"]


def test_a_page_of_somebody_else_or_of_nobody_forgets_what_was_kept(tmp_path: Path) -> None:
    """A session ends in other ways than by signing out here: at another device, or because it has lasted too long."""
    for path, person in (("/sign-in", ""), ("/clients", "ben")):
        shown = in_the_worker(
            tmp_path,
            f"""{KEPT}
            answers = {{ "GET {path}": () => page("other", "{person}") }};
            await ask("{path}");
            answers = {{}};
            return await (await ask("/")).text();""",
        )
        assert shown == "No connection"


def test_the_language_is_not_switched_without_a_connection_and_it_says_so(tmp_path: Path) -> None:
    assert in_the_worker(tmp_path, 'return await (await ask("/language", "POST")).text();') == "No connection"


def test_pages_hear_whether_somebody_signed_out_or_in(tmp_path: Path) -> None:
    told = in_the_worker(tmp_path, 'await ask("/sign-out", "POST"); await ask("/sign-in", "POST"); return messages;')
    assert told == ["left", "changed"]
