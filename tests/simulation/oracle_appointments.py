"""What may be said of a site's appointments, what must be, and what is over since when: ids, out of intake's events."""

from __future__ import annotations

from collections.abc import Mapping
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


class AppointmentsToldOf:
    """Follows the files of one site."""

    def __init__(self) -> None:
        self.may: set[str] = set()
        self.must: set[str] = set()
        self.over: dict[str, datetime] = {}

    def follow(self, event: intake.ClientEvent) -> None:
        """One event more of a file."""
        match event:
            case guide.AppointmentMade():
                self._made(event)
            case guide.AppointmentEnded():
                self.over |= dict.fromkeys(self._of(event, event.turn, *TOLD), event.at)
                if event.how == "called_off":
                    self.may |= self._of(event, event.turn, "appointment_off")

    def too_late(self, begun: Mapping[str, datetime]) -> list[str]:
        """What was sent though it was over long before. begun: when sending began."""
        return [id_ for id_, since in self.over.items() if id_ in begun and begun[id_] > since + LATE]

    def _made(self, event: guide.AppointmentMade) -> None:
        first = "appointment_made" if event.replaces is None else "appointment_moved"
        news = set() if event.known else self._of(event, event.turn, first)
        self.may |= news | self._of(event, event.turn, NEAR)
        if event.replaces is not None:
            self.over |= dict.fromkeys(self._of(event, event.replaces, *TOLD), event.at)
        if event.starts_at > event.at + LATE:
            self.must |= news
        eve = event.starts_at.astimezone(CITY).date() - timedelta(days=1)
        if datetime.combine(eve, time(10), CITY) > event.at + LATE:
            self.must |= self._of(event, event.turn, NEAR)

    @staticmethod
    def _of(event: guide.AppointmentMade | guide.AppointmentEnded, turn: int, *templates: str) -> set[str]:
        about = f"{event.appointment_id}/{turn}"
        return {message_id_of(event.client_id, template, about) for template in templates}
