"""What a device without a connection opens: the worker that shows the board it has kept, and a page for all else."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.responses import HTMLResponse

from services.console.api_screens import Screens
from services.console.offline import worker
from shared.http_access import open_to_all

POLICY = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"
"""A worker asks this site and nobody else."""


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
