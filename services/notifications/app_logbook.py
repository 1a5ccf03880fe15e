"""What the logbook is told of messages: whom each was for."""

from __future__ import annotations

from collections.abc import Sequence

from shared.archive import Files
from shared.envelope import Recorded
from shared.logbook import Concern, Concerns

ACTIVITY = "messages-v1"


def concerns_of(files: Files) -> Concerns:
    """Whom an event of this service concerns. files: which recipients are clients."""

    async def concerns(event: Recorded) -> Sequence[Concern]:
        return [Concern(await files.whose(event.stream), ACTIVITY)] if files.includes(event.stream) else ()

    return concerns
