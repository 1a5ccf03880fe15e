"""Files that were sent to another desk, also when this one's database has forgotten it.

Before a file is sent, the vault's list of destroyed keys says where to (`shared/vault.py`), and no backup of the
database takes that back. A database older than the hand-over shows a file nobody handed over; whoever touches it, first
has it frozen, and the other desk is asked. So no two desks work with one file, whatever is put back, and when.
"""

from __future__ import annotations

from typing import Any

from services.intake.commands import ClientCommand
from services.intake.commands_flows import NoteSeat
from services.intake.commands_handover import ResumeHandOver
from services.intake.decider_file import File
from services.intake.decider_parts import HandingOver
from services.intake.events import ClientEvent
from shared.envelope import SYSTEM_ROLE
from shared.handling import NOTHING_ELSE, Also, Context, Handled, Handler
from shared.ids import derived_id
from shared.vault import Vault


def sent_to(known: HandingOver) -> str:
    """Where a file is, in the vault's words."""
    return f"{known.id}/{known.site}"


class OwnFiles(Handler[File, ClientCommand, ClientEvent]):
    """Handles what is asked of files. vault: knows which of them were sent to another desk."""

    def __init__(self, *given: Any, vault: Vault) -> None:
        super().__init__(*given)
        self._vault = vault

    async def handle(self, key: str, command: ClientCommand, context: Context, also: Also = NOTHING_ELSE) -> Handled:
        """As `Handler.handle`, once a file that was sent away is known to be. Raises `VaultProblem` too: whoever cannot
        read which file that is works with none. What another service says of a client is no work, as letters are none:
        its reader would put the message aside for a disk that has trouble, and wait for somebody to let it go on."""
        if not isinstance(command, NoteSeat):
            await self.freeze_sent(key)
        return await super().handle(key, command, context, also)

    async def freeze_sent(self, client_id: str) -> None:
        """Nothing happens to a file that was not sent, or that knows it was. Raises as `handle` does."""
        where = self._vault.away().get(client_id)
        if where is None:
            return
        file = (await self.load_settled(client_id))[0]
        hand_over_id, _, site = where.partition("/")
        known = file.hand_over
        if not file.id or file.erased_at is not None or (known is not None and known.id == hand_over_id):
            return
        resumed = ResumeHandOver(
            at=self._clock.now(), role=SYSTEM_ROLE, client_id=client_id, hand_over_id=hand_over_id, site=site
        )  # fmt: skip
        command_id = derived_id("hand-over", "ResumeHandOver", hand_over_id)
        await super().handle(client_id, resumed, Context(command_id, command_id, command_id))
