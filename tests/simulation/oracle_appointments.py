"""What may be said of a site's appointments, what must be, and what is over since when: ids, out of intake's events."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.intake import events as intake
from services.intake import events_guidance as guide
from services.notifications.policy import message_id_of

NEAR = "appointment_near"
TOLD = ("appointment_made", "appointment_moved", NEAR)
LATE = timedelta(hours=12)
"""Nothing is heard later than that here."""
CITY = ZoneInfo("Europe/Amsterdam")


KNOWN = "known"
"""Of an appointment that another desk has told the client of."""


class AppointmentsToldOf:
    """Follows the files of one site. must: of each of these one."""

    def __init__(self) -> None:
        self.may: set[str] = set()
        self.must: list[set[str]] = []
        self.over: dict[str, datetime] = {}
        self._heard_by: dict[tuple[str, int], set[str]] = {}
        self._off: dict[str, tuple[datetime, set[str]]] = {}

    def follow(self, event: intake.ClientEvent) -> None:
        """One event more of a file."""
        match event:
            case guide.AppointmentMade():
                self._made(event)
            case guide.AppointmentEnded():
                self._ended(event)

    def unheard(self, chosen: AbstractSet[str]) -> list[set[str]]:
        """Of what nothing was chosen."""
        return [some for some in self.must if not some & chosen]

    def too_late(self, begun: Mapping[str, datetime]) -> list[str]:
        """What was sent though it was over long before. begun: when sending began."""
        return [id_ for id_, since in self.over.items() if id_ in begun and begun[id_] > since + LATE]

    def not_called_off(self, chosen: AbstractSet[str], sent: Mapping[str, datetime]) -> list[str]:
        """What a client would go to, who heard of any time of it. sent: when sending began of what was sent."""
        return [
            off for off, (since, heard_by) in self._off.items()
            if off not in chosen and any(id_ == KNOWN or (id_ in sent and sent[id_] < since) for id_ in heard_by)
        ]  # fmt: skip

    def _ended(self, event: guide.AppointmentEnded) -> None:
        self.over |= dict.fromkeys(self._of(event, event.turn, *TOLD), event.at)
        self.over |= dict.fromkeys(self._of(event, event.turn, NEAR, known=True), event.at)
        if event.how == "called_off":
            [off] = self._of(event, event.turn, "appointment_off")
            self.may.add(off)
            if event.starts_at > event.at + LATE:
                self._off[off] = event.at, self._heard_by.get((event.appointment_id, event.turn), set())

    def _made(self, event: guide.AppointmentMade) -> None:
        """One that is moved before anybody heard of it is a new one to its client."""
        about, turn = event.appointment_id, event.turn
        first = ("appointment_made",) if event.replaces is None else ("appointment_made", "appointment_moved")
        news = set() if event.known else self._of(event, turn, *first)
        near = self._of(event, turn, NEAR, known=event.known)
        self.may |= news | near
        earlier = set() if event.replaces is None else self._heard_by.get((about, event.replaces), set())
        self._heard_by[about, turn] = earlier | news | near | ({KNOWN} if event.known else set())
        if event.replaces is not None:
            self.over |= dict.fromkeys(self._of(event, event.replaces, *TOLD), event.at)
            self.over |= dict.fromkeys(self._of(event, event.replaces, NEAR, known=True), event.at)
        if event.starts_at > event.at + LATE and news:
            self.must.append(news)
        eve = event.starts_at.astimezone(CITY).date() - timedelta(days=1)
        if datetime.combine(eve, time(10), CITY) > event.at + LATE:
            self.must.append(near)

    @staticmethod
    def _of(
        event: guide.AppointmentMade | guide.AppointmentEnded, turn: int, *templates: str, known: bool = False
    ) -> set[str]:
        about = f"{event.appointment_id}/{turn}" + (f"/{KNOWN}" if known else "")
        return {message_id_of(event.client_id, template, about) for template in templates}
