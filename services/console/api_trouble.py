"""What a person reads whose page cannot be shown: words and a way back, and not the JSON that a script gets."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.console.api_screens import Screens
from shared.http import EXPECTED
from shared.http_problems import ACTOR, answer_problem, problem_of

_WHAT = {403: "role", 404: "absent", 405: "absent", 422: "address"}
"""Which words an answer gets; any other: that it does not work now."""


def answer_people(pages: FastAPI, screens: Screens) -> None:
    """Has the pages' application answer a browser with a page. Status, headers and code are those a script gets."""

    async def answer(request: Request, error: Exception) -> Response:
        answered = await answer_problem(request, error)
        if answered.status_code < 400 or not _is_looked_at(request):
            return answered
        actor, what = request.scope.get(ACTOR), _WHAT.get(answered.status_code, "now")
        page = screens.page(
            request, "trouble.html", answered.status_code, what=what, code=problem_of(error).code,
            role="" if actor is None else actor.role,
        )  # fmt: skip
        for name in ("Allow", "Retry-After", "WWW-Authenticate"):
            if name in answered.headers:
                page.headers[name] = answered.headers[name]
        return page

    for expected in EXPECTED:
        pages.add_exception_handler(expected, answer)


def _is_looked_at(request: Request) -> bool:
    """Whether it is a person's browser that goes to a page, and not a page that asks for a part of itself."""
    mode = request.headers.get("sec-fetch-mode", "navigate")
    return mode == "navigate" and request.method == "GET" and "text/html" in request.headers.get("accept", "")
