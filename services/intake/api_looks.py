"""Between a list and what is sealed in files: it opens once it is written down that it was, and for what. A page is
often looked at again; one line an hour says so of each file, and no file counts as used because it stood in a list."""

from __future__ import annotations

from services.intake import commands as cmd
from services.intake.api_desk import Asked, Intake
from services.intake.views import personal_reads
from shared.contracts.vocabulary import ReadPurpose
from shared.http_problems import Problem
from shared.ids import derived_id
from shared.security import Actor

DEFAULT: ReadPurpose = "guidance"
"""What a desk looks at trajectories and referrals for, unless it says otherwise."""


class Looking:
    """One answer that opens what is sealed. actor: who asks for it."""

    def __init__(self, intake: Intake, actor: Actor, purpose: ReadPurpose) -> None:
        self._intake, self._actor, self._purpose = intake, actor, purpose
        self._seen: dict[str, bool] = {}

    async def may_open(self, client_id: str) -> bool:
        """Whether it is written down now. False: the file was erased, there is nothing to open. Raises 503 when nothing
        can be written down: then nothing is opened either."""
        if client_id not in self._seen:
            self._seen[client_id] = await self._written_down(client_id)
        return self._seen[client_id]

    async def _written_down(self, client_id: str) -> bool:
        hour = self._intake.now().strftime("%Y-%m-%dT%H")
        read_id = derived_id("list", client_id, self._purpose, self._actor.role, hour)
        if await self._intake.store.rows(personal_reads, id=read_id):
            return True
        try:
            await self._intake.do(
                client_id, Asked(self._actor, None), cmd.ReadPersonal, read_id=read_id, purpose=self._purpose,
                in_list=True,
            )  # fmt: skip
        except Problem as problem:
            if problem.code in ("client-erased", "client-unknown"):
                return False
            raise
        return True
