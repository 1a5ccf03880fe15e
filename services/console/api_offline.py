"""What a device without a connection opens: the worker that shows the board it has kept, and a page for all else.

The worker is `static/worker.js` with what it has to know written above it. It keeps files of ours, and the board of
whoever is signed in: places and what they are, no name and no alias (`docs/decisions/0062-a-board-offline.md`).
"""

from __future__ import annotations

import json
from functools import cache

from fastapi import FastAPI, Request, Response
from starlette.responses import HTMLResponse

from services.console.api_screens import HERE, Screens, asset, version
from shared.http_access import open_to_all

KEPT_HOURS = 12
"""How long a board that nobody could show anew is opened: a shift, as long as a session."""

STYLES = ("tokens.css", "plek.css", "icon.svg")
SCRIPTS = (
    "clock.js", "kept.js", "live.js", "morph.js", "notes.js", "queue.js",
    "send.js", "since.js", "taps.js", "taps_here.js",
)  # fmt: skip
"""What the board loads. A script names the others without their version: those are asked for anew when it can be."""

POLICY = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"
"""A worker asks this site and nobody else."""


@cache
def worker() -> str:
    """The worker's source as browsers get it."""
    files = [
        "/offline",
        *(asset(name) for name in (*STYLES, "notes.js", "since.js", "taps.js")),
        *(f"/static/{name}" for name in SCRIPTS),
    ]
    known = {"VERSION": version(), "FILES": files, "HOURS": KEPT_HOURS}
    told = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in known.items())
    return told + (HERE / "static" / "worker.js").read_text("utf-8")


def add_offline(pages: FastAPI, screens: Screens) -> None:
    """Adds the pages of this module."""

    @pages.get("/worker.js")
    @open_to_all
    async def worker_source(request: Request) -> Response:
        """For the whole site: a worker's scope is the folder it comes from."""
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
        return Response(worker(), media_type="text/javascript", headers=headers)

    @pages.get("/offline")
    @open_to_all
    async def offline(request: Request) -> HTMLResponse:
        """Says that there is no connection. The same for everybody: it is kept before anybody signs in."""
        return screens.page(request, "offline.html")
