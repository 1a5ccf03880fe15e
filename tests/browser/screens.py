"""Pictures of every screen, taken by the browser from a running demo city: `python -m tests.browser.screens`.

Each screen is taken once as those who work with it mostly see it (the desk on a phone in Dutch, the office on a desk in
English, some in the dark) and put into `docs/screens/`; `--every` takes each in both sizes, languages and schemes.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import httpx
from playwright.sync_api import Browser, Error, Page, Playwright, expect, sync_playwright

from shared.http_access import session_cookie
from shared.security import Role
from tests.browser.city_of_pictures import City, capacity, furnish, let_weeks_pass, until
from tests.browser.test_offline import KEPT
from tests.browser.visitor import (
    DESKTOP,
    OWN_WORDS,
    PATIENCE_MS,
    PHONE,
    Scheme,
    Visitor,
    Visitors,
    launched,
    speaks,
)
from tests.support.network import FOUR, ROOT, Network, running_network

PLACE = ROOT / "docs" / "screens"
QUALITY = 72
"""Of WebP: text stays sharp, and all pictures together stay below three megabytes."""
PAPER = (794, 1123)
"""A4 in CSS pixels."""
HEIGHT_MAX = 2_400
"""How much of a long page is taken, in CSS pixels: its beginning tells what it is."""

SLOWLY_MS = 2 * PATIENCE_MS
"""How long a page may take: nobody is timed here, and a network of four sites may run on a machine that is busy."""

DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Comes when what moved, as the window grew, has been drawn."""

TRIES = 3
"""Of one picture."""

Format = Literal["webp", "png"]
Step = Callable[[Page, City], None]


@dataclass(frozen=True)
class Screen:
    """One picture. path: filled in with what is in the city. role: None for somebody who is not signed in. then: what
    is tapped before it is taken. live: the page says that it is. weeks_later: it is about weeks that are over, and
    taken last, when two have passed in the city. amid: what is in its middle, instead of all of the page."""

    name: str
    site: str
    role: Role | None
    path: str
    language: str = "nl"
    scheme: Scheme = "light"
    size: tuple[int, int] = PHONE
    then: Step | None = None
    live: bool = True
    weeks_later: bool = False
    amid: str = ""


def _sheet(button: str) -> Step:
    def opens(page: Page, _: City) -> None:
        page.locator(button).first.click()
        expect(page.locator("#sheet-body :is(form, button, h2)").first).to_be_visible(timeout=SLOWLY_MS)

    return opens


def _walked(page: Page, _: City) -> None:
    page.locator("[data-spot]").first.click()


def _dropped(page: Page, _: City) -> None:
    page.context.clear_cookies()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#dropped")).to_be_visible(timeout=SLOWLY_MS)


def _offline(page: Page, _: City) -> None:
    """The board opens from the device, and two taps wait on it."""
    page.evaluate(KEPT, "west")
    page.context.set_offline(True)
    page.goto(page.url)
    expect(page.locator("#pulse")).to_have_attribute("data-state", "dropped", timeout=SLOWLY_MS)
    for tap in ("end", "take"):
        page.locator(f"[data-place] [data-tap={tap}]:not([disabled])").first.click()
    expect(page.locator("[data-tap-state=waiting]")).to_have_count(2, timeout=SLOWLY_MS)
    page.evaluate("scrollTo(0, 0)")


def _printed(page: Page, _: City) -> None:
    page.emulate_media(media="print")


def _behind(page: Page, _: City) -> None:
    page.locator(".behind summary").click()


def _office(name: str, role: Role, path: str, **more: object) -> Screen:
    made = Screen(name, "stad", role, path, language="en", size=DESKTOP)
    return replace(made, **more)  # type: ignore[arg-type]


SCREENS: tuple[Screen, ...] = (
    Screen("sign-in", "west", None, "/sign-in", live=False),
    Screen("board", "west", "operator", "/?location=west"),
    Screen("board-desk", "west", "operator", "/?location=west", language="en", scheme="dark", size=DESKTOP),
    Screen("board-note", "west", "operator", "/?location=west", language="en",
           then=_sheet("[data-sheet$='about=note']")),
    Screen("board-arrival", "west", "operator", "/?location=west",
           then=_sheet("[data-key^=expected] [data-tap=check_in]")),
    Screen("board-more", "west", "operator", "/?location=west", then=_sheet(".is-occupied button[data-tap=more]")),
    Screen("board-house", "west", "operator", "/?location=west", then=_sheet("[data-sheet*='/sheet']:not([data-tap])")),
    Screen("board-rules", "west", "operator", "/?location=west", then=_sheet("[data-key=rules]")),
    Screen("board-dropped", "west", "operator", "/?location=west", scheme="dark", then=_dropped, live=True),
    Screen("board-offline", "west", "operator", "/?location=west", then=_offline),
    Screen("offline", "west", None, "/offline", live=False),
    Screen("find", "west", "operator", "/find?kind=family_shelter&people=4"),
    Screen("find-nothing", "west", "operator", "/find?kind=medical_respite&people=9", scheme="dark"),
    Screen("count", "west", "operator", "/count?location=west", then=_walked, live=False),
    Screen("night-list", "west", "operator", "/list?location=west", size=DESKTOP, live=False),
    Screen("night-list-phone", "west", "operator", "/list?location=west", live=False, amid="tr:has(.alias)"),
    Screen("night-list-paper", "west", "operator", "/list?location=west", size=PAPER, then=_printed, live=False),
    Screen("evacuation-list", "west", "operator", "/list?location=west&evacuation=true", language="en", live=False),
    Screen("counter", "west", "caseworker", "/counter"),
    Screen("counter-code", "west", "operator", "/counter", language="en", then=_sheet("[data-key=redeem]")),
    Screen("counter-give", "west", "caseworker", "/counter", then=_sheet("[data-sheet*='about=give']")),
    Screen("counter-transfers", "west", "caseworker", "/counter/transfers", live=False),
    Screen("sessions", "west", "caseworker", "/sessions", weeks_later=True),
    Screen("sessions-desk", "west", "operator", "/sessions", language="en", scheme="dark", size=DESKTOP,
           weeks_later=True),
    Screen("session-open", "west", "operator", "/sessions", then=_sheet("[data-sheet$='about=open']"),
           weeks_later=True),
    Screen("clients", "west", "caseworker", "/clients", language="en", size=DESKTOP),
    Screen("clients-phone", "west", "caseworker", "/clients", scheme="dark"),
    Screen("register", "west", "caseworker", "/clients", then=_sheet("[data-sheet='/clients/form']")),
    Screen("client", "west", "caseworker", "/clients/{client}", language="en", size=DESKTOP),
    Screen("client-phone", "west", "caseworker", "/clients/{client}"),
    Screen("client-waiting", "west", "caseworker", "/clients/{waiting}", language="en"),
    Screen("client-going", "west", "caseworker", "/clients/{going}", language="en"),
    Screen("clients-coming", "noord", "caseworker", "/clients"),
    Screen("client-request", "west", "caseworker", "/clients/{plain}", then=_sheet("[data-sheet$='about=request']")),
    Screen("client-forget", "west", "caseworker", "/clients/{plain}", language="en", scheme="dark",
           then=_sheet("[data-sheet*='about=erase']")),
    _office("network", "coordinator", "/"),
    _office("network-phone", "coordinator", "/", language="nl", size=PHONE),
    _office("city", "coordinator", "/city?district=West"),
    _office("city-dark", "auditor", "/city", scheme="dark", language="nl"),
    _office("city-phone", "coordinator", "/city", language="nl", size=PHONE),
    _office("city-then", "coordinator", "/city?at={then}"),
    _office("nights", "coordinator", "/city/nights", live=False, then=_behind),
    _office("weeks", "coordinator", "/city/weeks", live=False, weeks_later=True),
    _office("flows", "coordinator", "/city/flows", live=False, weeks_later=True),
    _office("flows-phone", "coordinator", "/city/flows", language="nl", size=PHONE, scheme="dark", live=False,
            weeks_later=True),
    _office("nights-phone", "coordinator", "/city/nights", language="nl", size=PHONE, scheme="dark", live=False),
    _office("money", "finance", "/money"),
    _office("money-phone", "finance", "/money", language="nl", size=PHONE, scheme="dark"),
    _office("money-run", "auditor", "/money?run={run}#lines"),
    _office("books", "finance", "/money/books"),
    _office("pay-run", "finance", "/money/runs/{run}", language="nl", size=PHONE),
    _office("orders", "finance", "/money/runs/{orders}"),
    _office("orders-phone", "finance", "/money/runs/{orders}", language="nl", size=PHONE, scheme="dark"),
    _office("money-ceiling", "finance", "/money", then=_sheet("[data-sheet*='about=ceiling']")),
    _office("regime", "coordinator", "/money", language="nl", size=PHONE, then=_sheet("[data-sheet*='about=regime']")),
    Screen("state", "west", "oncall", "/state", language="en", size=DESKTOP, live=False),
    Screen("state-network", "west", "oncall", "/state/network", language="en", size=DESKTOP, live=False),
    Screen("state-act", "west", "oncall", "/state/act?act=pause&service=placement&on=waiting", live=False),
    Screen("state-refill", "west", "oncall", "/state/act?act=refill&service=placement&on=pub", live=False),
    Screen("trace", "west", "oncall", "/trace?id={hold}", language="en", size=DESKTOP, live=False),
    Screen("account", "west", "operator", "/account", live=False),
)  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Exit 0 when every picture was taken, 1 when one was not, 2 for a wrong call."""
    parse = argparse.ArgumentParser(prog="python -m tests.browser.screens", description=__doc__)
    parse.add_argument("names", nargs="*", metavar="SCREEN", help="only these; without any, all of them")
    parse.add_argument("--every", action="store_true", help="each in both sizes, languages and schemes")
    parse.add_argument("--to", type=Path, default=PLACE, help="where they go (default: docs/screens)")
    parse.add_argument("--format", choices=("webp", "png"), default="webp", help="of the pictures")
    parse.add_argument("--data", type=Path, help="of a demo network that is running; without it one is started")
    chosen = parse.parse_args(words)
    unknown = set(chosen.names) - {screen.name for screen in SCREENS}
    if unknown:
        parse.error(f"there is no screen {', '.join(sorted(unknown))}; there are {_names()}")
    wanted = [screen for screen in SCREENS if not chosen.names or screen.name in chosen.names]
    in_order = sorted(wanted, key=lambda screen: screen.weeks_later)
    chosen.to.mkdir(parents=True, exist_ok=True)
    with _network(chosen.data) as network, sync_playwright() as playwright:
        visitors = {language: Visitors(network, _browser(playwright, language)) for language in OWN_WORDS}
        city = furnish(network)
        _settled(network)
        later, lacking = False, list[str]()
        for screen in itertools.chain.from_iterable(_variants(one) if chosen.every else [one] for one in in_order):
            if screen.weeks_later and not later:
                later = let_weeks_pass(network)
            path = chosen.to / f"{screen.name}.{chosen.format}"
            taken = _patiently(visitors[screen.language], city, screen, chosen.format)
            if taken is None:
                lacking.append(screen.name)
                continue
            path.write_bytes(taken)
            print(f"{path}  {len(taken) / 1000:.0f} kB", flush=True)
        for one in visitors.values():
            one.browser.close()
    if lacking:
        print(f"not taken: {' '.join(lacking)}", file=sys.stderr)
    return 1 if lacking else 0


def _browser(playwright: Playwright, language: str) -> Browser:
    """One whose fields for days and files speak as the page does, as they do to whoever looks at it."""
    browser = launched(playwright, language)
    if not speaks(browser).startswith(language):
        print(f"fields for days are not in {language}: on Debian, apt-get install chromium-l10n", file=sys.stderr)
    return browser


def _names() -> str:
    return ", ".join(screen.name for screen in SCREENS)


def _variants(screen: Screen) -> Iterator[Screen]:
    sizes = (("phone", PHONE), ("desk", DESKTOP))
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for (word, size), language, scheme in itertools.product(sizes, ("nl", "en"), schemes):
        name = f"{screen.name}-{word}-{language}-{scheme}"
        yield replace(screen, name=name, size=size, language=language, scheme=scheme)


@contextmanager
def _network(data: Path | None) -> Iterator[Network]:
    """The network whose data directory this is, or the demo city of a new one, furnished."""
    if data is not None:
        told = Network(data, {}).told()
        yield Network(data, {name: site["url"] for name, site in told["sites"].items()})
        return
    with running_network("--demo", network=FOUR) as started:
        yield started


def _settled(network: Network) -> None:
    """Returns when the municipality hears every site as it is now."""
    headers = {"Authorization": f"Bearer {network.token('stad', 'coordinator')}"}
    with httpx.Client(base_url=network.urls["stad"], headers=headers, timeout=30, trust_env=False) as city:
        until("every site is live", lambda: {row["link"] for row in capacity(city)} == {"live"})


def _patiently(visitors: Visitors, city: City, screen: Screen, format_: Format) -> bytes | None:
    """The picture, at the third try when it must be: on a busy machine a page may have given up waiting for its site.
    None when it never came, which is said; the others are taken all the same."""
    for again in range(TRIES):
        try:
            return _taken(visitors, city, screen, format_)
        except (AssertionError, Error) as trouble:
            print(f"{screen.name}, try {again + 1}: {str(trouble).splitlines()[0]}", file=sys.stderr, flush=True)
    return None


def _taken(visitors: Visitors, city: City, screen: Screen, format_: Format) -> bytes:
    """The picture of a screen, when all it waits for has come."""
    with visitors.visitor(
        screen.site, language=screen.language, scheme=screen.scheme, size=screen.size, reduced_motion="reduce"
    ) as visitor:
        if screen.role is not None:
            _signed_in(visitors, visitor, screen.role)
        visitor.page.set_default_timeout(SLOWLY_MS)
        visitor.page.goto(f"{visitor.url}{screen.path.format(**city.known)}")
        if screen.live:
            visitor.is_live(SLOWLY_MS)
        if screen.then is not None:
            screen.then(visitor.page, city)
        visitor.page.evaluate("document.fonts.ready")
        return _picture(visitor.page, screen.size, format_, screen.amid)


def _signed_in(visitors: Visitors, visitor: Visitor, role: Role) -> None:
    token = visitors.network.token(visitor.site, role)
    name = session_cookie(visitor.site)
    visitor.page.context.add_cookies([{"name": name, "value": token, "url": visitor.url, "sameSite": "Strict"}])


def _picture(page: Page, size: tuple[int, int], format_: Format, amid: str) -> bytes:
    """Of the page from its top to its end, or as far as `HEIGHT_MAX`; of a dialog, and around what is
    said to be `amid` it, what a window shows."""
    window = bool(amid) or page.locator("dialog[open]").count() > 0
    height = size[1] if window else min(HEIGHT_MAX, int(page.evaluate("document.documentElement.scrollHeight")))
    page.set_viewport_size({"width": size[0], "height": max(size[1], height)})
    session = page.context.new_cdp_session(page)
    asked: dict[str, object] = {"format": format_, "fromSurface": True}
    if format_ == "webp":
        asked["quality"] = QUALITY
    if amid:
        page.locator(amid).first.evaluate("element => element.scrollIntoView({ block: 'center' })")
    page.evaluate(DRAWN)
    answer = session.send("Page.captureScreenshot", asked)
    return base64.b64decode(answer["data"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
