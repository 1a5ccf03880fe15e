"""Seats that files have and the allowance service has lost with an older backup: they are shown, and taken out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
from starlette.responses import JSONResponse

from services.console.api_clients import LOST_SHOWN
from services.console.api_screens import PLACES_MAX
from services.console.words import words
from tests.console.sample import uid
from tests.console.test_desk_pages import Desk
from tests.console.test_pages import Pages

ANNA, KEPT, LOST = uid(1), uid(2), uid(3)
EN = words("en")
NAME = "clients.lost_seats"


class Site:
    """Anna has two seats; allowance knows one of them. silent: the list that does not answer. older: entitlements that
    allowance lists before it. seats: what Anna has, where it is something else."""

    def __init__(self, *known: str, silent: str = "none", older: int = 0, seats: Sequence[str] = (KEPT, LOST)) -> None:
        self.known, self.silent = [*map(uid, range(100, 100 + older)), *known], silent
        self.seats = seats

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        seats = [{"client_id": ANNA, "alias": "red heron", "entitlement_id": one} for one in self.seats]
        asked = parse_qs(scope["query_string"].decode())
        wanted = [one for one in self.known if one in asked.get("id", self.known)]
        first = int(asked.get("cursor", ["0"])[0])
        after = first + int(asked.get("limit", ["1"])[0])
        entitled = [{"id": one} for one in wanted[first:after]]
        items = {"seats": seats, "entitlements": entitled}.get(path.rpartition("/")[2], [])
        more = str(after) if path.endswith("entitlements") and after < len(wanted) else None
        client = {"id": ANNA, "alias": "red heron", "erased_at": None}
        content = client if path.endswith(ANNA) else {"items": items, "next": more}
        silent = path.endswith(self.silent)
        await JSONResponse({"code": "x"} if silent else content, 503 if silent else 200)(scope, receive, send)


def desk(tmp_path: Path, site: Site) -> Desk:
    return Desk(Pages(tmp_path), municipality=False, answers=httpx.ASGITransport(app=site))


async def test_a_seat_that_allowance_does_not_know_is_above_the_list_of_clients(tmp_path: Path) -> None:
    here = desk(tmp_path, Site(KEPT))
    shown = (await here.get("/clients")).text
    assert (EN(NAME) in shown, f"of={LOST}" in shown, f"of={KEPT}" in shown) == (True, True, False)
    form = await here.get(f"/clients/{ANNA}/form?about=give_up_seat&of={LOST}")
    assert f'data-path="/api/intake/clients/{ANNA}/seats/{LOST}/give-up"' in form.text
    assert (await here.get(f"/clients/{ANNA}/form?about=give_up_seat&of={KEPT}")).status_code == 404


async def test_there_is_nothing_to_see_when_all_are_known_or_one_of_the_two_does_not_answer(tmp_path: Path) -> None:
    for number, site in enumerate((Site(KEPT, LOST), Site(silent="entitlements"), Site(silent="lists/seats"))):
        (tmp_path / str(number)).mkdir()
        shown = await desk(tmp_path / str(number), site).get("/clients")
        assert (shown.status_code, EN(NAME) in shown.text) == (200, False)


async def test_a_seat_is_not_lost_because_allowance_knows_more_than_a_list_holds(tmp_path: Path) -> None:
    here = desk(tmp_path, Site(KEPT, LOST, older=PLACES_MAX))
    shown = await here.get("/clients")
    assert (shown.status_code, EN(NAME) in shown.text) == (200, False)
    assert (await here.get(f"/clients/{ANNA}/form?about=give_up_seat&of={KEPT}")).status_code == 404


async def test_of_many_that_are_lost_the_first_are_shown_and_how_many_there_are(tmp_path: Path) -> None:
    for number, (count, shown) in enumerate(((LOST_SHOWN, LOST_SHOWN), (LOST_SHOWN + 20, LOST_SHOWN))):
        (tmp_path / str(number)).mkdir()
        seats = [uid(1_000 + one) for one in range(count)]
        text = (await desk(tmp_path / str(number), Site(seats=seats)).get("/clients")).text
        assert text.count("about=give_up_seat") == shown
        more = EN("clients.lost_more", n=str(count), shown=str(shown))
        assert (more in text) == (count > shown)
        form = f"/clients/{ANNA}/form?about=give_up_seat&of={seats[-1]}"
        assert (await desk(tmp_path / str(number), Site(seats=seats)).get(form)).status_code == 200
