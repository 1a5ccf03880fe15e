"""Has it written down whose files an answer has opened, before the answer leaves."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from shared.http_access import GuardedRoute, Respond
from shared.http_problems import ACTOR, Problem
from shared.logbook import Openings, Status, answering
from shared.security import Actor

REFUSED_BELOW = 500
"""A refusal is no failure: under this the standard has `Unset`."""


def logged_route(openings: Openings, activity: str) -> type[GuardedRoute]:
    """The class of a service's routes that may open files. activity: what they do with them, as the register has it.

    If nothing can be written down, nothing is answered: 503.
    """

    class LoggedRoute(GuardedRoute):
        """A route whose openings are written down."""

        async def around(self, request: Request, answer: Respond) -> Response:
            status: Status = "Unset"
            began = openings.clock.now()
            with answering() as found:
                try:
                    return await answer(request)
                except Exception as error:
                    refused = isinstance(error, Problem) and error.status_code < REFUSED_BELOW
                    status = "Unset" if refused else "Error"
                    raise
                finally:
                    subjects, actor = found.unnoted(), request.scope.get(ACTOR)
                    if subjects and isinstance(actor, Actor):
                        await openings.write(subjects, activity, actor.role, began, status)

    return LoggedRoute
