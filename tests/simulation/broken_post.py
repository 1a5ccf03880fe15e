"""Notifications broken on purpose, as in `broken.py`."""

from __future__ import annotations

from dataclasses import replace

from services.notifications import events as ev
from services.notifications.adapters.port import Channel
from services.notifications.app_courier import Courier, Route
from services.notifications.commands import RecordSent
from services.notifications.decider_recipient import Message
from shared.causes import following
from shared.contracts.base import Contract
from shared.contracts.intake import AppointmentEnded, ClientStayTold
from shared.policies import Policy
from tests.simulation.notifications import NotificationsProcess, SimChannel, SimCourier
from tests.simulation.process import Parts, Process


class _EveryChannelKnows(NotificationsProcess):
    def channels(self) -> dict[str, Channel]:
        mail = SimChannel(self.process, keyed=False)
        mail.keyed = True
        return super().channels() | {"email": mail}


class RepeatsUnmarked(Parts):
    """E-mail is given a message again as if it knew messages by their id."""

    def post(self, process: Process) -> NotificationsProcess:
        return _EveryChannelKnows(process)


class _RecordsFirst(SimCourier):
    async def _send(
        self, recipient: str, message: Message, began_id: str, began: ev.SendingBegan, route: Route
    ) -> None:
        sent = RecordSent(
            at=self.clock.now(), role="system", recipient=recipient, message_id=message.id, attempt=began.attempt
        )
        await self._do(recipient, following(began_id, "sent-first"), sent)
        await super()._send(recipient, message, began_id, began, route)


class _Hopes(NotificationsProcess):
    courier: type[Courier] = _RecordsFirst


class RecordsBeforeSending(Parts):
    """A message counts as sent before it is."""

    def post(self, process: Process) -> NotificationsProcess:
        return _Hopes(process)


class _Forgets(NotificationsProcess):
    deaf_to: type[Contract] = AppointmentEnded

    def for_clients(self) -> Policy:
        whole = super().for_clients()
        deaf = {name: contract for name, contract in whole.contracts.items() if contract is not self.deaf_to}
        return replace(whole, contracts=deaf)


class _HearsNoStay(_Forgets):
    deaf_to = ClientStayTold


class RemindsOfWhatIsOff(Parts):
    """Nobody hears that an appointment is over before its time."""

    def post(self, process: Process) -> NotificationsProcess:
        return _Forgets(process)


class LimitsOfTheFirstWord(Parts):
    """What a client hears of the end of their stay is by the word that they came, whatever its owner says later."""

    def post(self, process: Process) -> NotificationsProcess:
        return _HearsNoStay(process)


BROKEN: tuple[type[Parts], ...] = (RepeatsUnmarked, RecordsBeforeSending, RemindsOfWhatIsOff, LimitsOfTheFirstWord)
