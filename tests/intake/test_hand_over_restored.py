"""One desk owns a file at any moment, also when a desk's database is put back to before it handed the file over."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from services.intake import policy
from services.intake.commands_flows import NoteSeat
from shared.archive import Look
from shared.handling import Context
from shared.http_problems import Problem
from tests.intake.test_api_clients import WHOLE
from tests.intake.test_hand_over import Two, agreed, begun, opened_two, two
from tests.support.border import SITE
from tests.support.intake_desk import OTHER, IntakeDesk
from tests.support.memory_keys import MemoryKeys
from tests.support.memory_store import Disk

__all__ = ["two"]
SEEDS = range(1, 21)
ROUNDS = 4


def put_back(two: Two, which: str, backup: Disk) -> None:
    """That desk's database is this one, as any backup; its keys, and their list, are as they were."""
    desk: IntakeDesk = getattr(two, which)
    desk.disk = backup.copy()
    two.again(which)


async def corrects(desk: IntakeDesk, client_id: str) -> int:
    answer = await desk.post(f"/clients/{client_id}/correct", {"reason": "news", "case_manager": "Somebody"})
    return answer.status_code


async def test_a_desk_that_is_put_back_to_before_it_gave_a_file_away_does_not_work_with_it(two: Two) -> None:
    client_id = await two.here.registered(**WHOLE)
    backup = two.here.disk.copy()
    assert (await two.here.post(f"/clients/{client_id}/hand-over", {"site": OTHER})).status_code == 200
    await two.here.fire_due()
    await agreed(two)
    two.here.line.unheard = {len(two.here.line.asked) + 3}  # the file came, and nobody here heard that it had
    await two.later()
    assert [row["status"] for row in await two.taken()] == ["taken"]
    put_back(two, "here", backup)
    assert await corrects(two.here, client_id) == 409, "before anything was put right"
    assert await two.owners(client_id) == [OTHER]
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")
    assert client_id not in two.here.keys.disk.keys  # type: ignore[attr-defined]


async def test_it_asks_by_itself_and_has_the_file_again_when_the_other_desk_has_not(two: Two) -> None:
    client_id = await two.here.registered(**WHOLE)
    backup = two.here.disk.copy()
    await two.here.post(f"/clients/{client_id}/hand-over", {"site": OTHER})
    await two.here.fire_due()
    await agreed(two)
    two.here.line.lost = {len(two.here.line.asked) + 3}  # the file never came
    await two.later()
    put_back(two, "here", backup)
    await two.here.keeper.reconcile()
    assert (await two.owners(client_id), await two.status()) == ([], "calling_off")
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([SITE], "called_off")
    assert [row["status"] for row in await two.taken()] == ["called_off"]
    put_back(two, "here", backup)
    await two.here.keeper.reconcile()
    assert await two.owners(client_id) == [SITE], "once that is known nobody asks again"


async def test_what_was_not_taken_is_this_desks_in_every_backup(two: Two) -> None:
    client_id = await begun(two)
    [row] = await two.taken()
    backup = two.here.disk.copy()
    assert (await two.there.post(f"/takings/{row['id']}/decline")).status_code == 200
    await two.later()
    put_back(two, "here", backup)
    await two.later()
    assert (await two.owners(client_id), await two.status()) == ([SITE], "declined")


async def test_whoever_cannot_read_what_was_sent_works_with_no_file(two: Two) -> None:
    client_id = await two.here.registered(**WHOLE)
    two.here.vault.shut = "vault-damaged"
    answer = await two.here.post(f"/clients/{client_id}/requests/{client_id}/withdraw", {"reason": "found_elsewhere"})
    assert (answer.status_code, answer.json()["code"]) == (503, "vault-damaged")
    with pytest.raises(Problem) as refused:
        await two.here.intake.record_look(client_id, Look("caseworker", "guidance"))
    assert (refused.value.status_code, refused.value.code) == (503, "vault-damaged")
    seat = NoteSeat(at=two.here.clock.now(), role="system", client_id=client_id, entitlement_id=client_id, held=True)
    heard = await two.here.deciding[policy.CLIENT].handle(client_id, seat, Context(client_id, client_id, client_id))
    assert heard.events, "no work with a file: its reader does not put the message aside"


class City:
    """Two desks that hand files to each other, while requests are lost, processes die and backups are put back."""

    def __init__(self, two: Two, seed: int) -> None:
        self.two, self.chance = two, random.Random(seed)
        self.backups: dict[str, Disk] = {}
        self.people = 0

    def desk(self, which: str) -> IntakeDesk:
        desk: IntakeDesk = getattr(self.two, which)
        return desk

    async def round(self) -> None:
        """Somebody's file goes to the other desk, mostly; whichever step of it is lost, a desk is put back after it."""
        chance, which, other = self.chance, *self.chance.sample(("here", "there"), 2)
        if not await self.there(self.desk(which)):
            self.people += 1
            await self.desk(which).registered(**(WHOLE | {"alias": f"person {self.people}"}))
        self.perhaps_backs_up(which, 0.7)
        self.perhaps_backs_up(other, 0.2)
        for client_id in await self.there(self.desk(which)):
            await self.desk(which).post(f"/clients/{client_id}/hand-over", {"site": self.desk(other).site})
        await self.two.later(10)
        self.perhaps_backs_up(which, 0.2)
        for row in (await self.desk(other).get("/takings")).json()["items"]:
            say = "agree" if chance.random() < 0.9 else "decline"
            await self.desk(other).post(f"/takings/{row['id']}/{say}")
        line = self.desk(which).line
        line.lost = {len(line.asked) + n for n in range(1, 9) if chance.random() < 0.1}
        line.unheard = {len(line.asked) + n for n in range(1, 9) if chance.random() < 0.4}
        await self.two.later(400)
        await self.judge()
        for desk, often in ((which, 0.7), (other, 0.1)):
            if desk in self.backups and chance.random() < often:
                put_back(self.two, desk, self.backups[desk])
                if chance.random() < 0.5:
                    await self.desk(desk).keeper.reconcile()
            elif chance.random() < 0.2:
                self.two.again(desk)
        await self.judge()
        await self.two.later(400)
        await self.judge()

    def perhaps_backs_up(self, which: str, often: float) -> None:
        if self.chance.random() < often:
            self.backups[which] = self.desk(which).disk.copy()

    @staticmethod
    async def there(desk: IntakeDesk) -> list[str]:
        shown = (await desk.get("/clients")).json()["items"]
        return [str(each["id"]) for each in shown if each["erased_at"] is None]

    async def judge(self) -> None:
        """Whoever can write in a file owns it; nobody writes in two files of one person."""
        owners: dict[str, list[str]] = {}
        for desk in (self.two.here, self.two.there):
            for each in (await desk.get("/clients")).json()["items"]:
                if each["erased_at"] is None and await corrects(desk, each["id"]) == 200:
                    owners.setdefault(each["alias"], []).append(desk.site)
        assert all(len(sites) == 1 for sites in owners.values()), f"two desks work with one file: {owners}"

    async def rest(self) -> None:
        """Everything is heard again: nothing stays frozen, and nobody asks any more."""
        for desk in (self.two.here, self.two.there):
            desk.line.lost, desk.line.unheard = set(), set()
            await desk.keeper.reconcile()
        for _ in range(6):
            await self.two.later(30 * 3600)
        for desk in (self.two.here, self.two.there):
            for client_id in await self.there(desk):
                file = (await desk.deciding[policy.CLIENT].load_settled(client_id))[0]
                assert file.hand_over is None, "a file stays frozen for ever"
            keys = desk.keys
            assert isinstance(keys, MemoryKeys)
            known = {row[0] for row in desk.disk.tables.get("clients", {}).values()}
            assert not known & keys.disk.away.keys(), "a file is written down as sent for ever"


async def lived_through(two: Two, seed: int) -> None:
    city = City(two, seed)
    for _ in range(ROUNDS):
        await city.round()
    await city.rest()
    await city.judge()


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_is_lost_and_put_back_one_desk_works_with_a_file(seed: int) -> None:
    await lived_through(await opened_two(), seed)


class Forgetful(MemoryKeys):
    """What was sent is written down nowhere but in the database."""

    async def put_away(self, key_id: str, where: str, at: datetime) -> None:
        pass


async def test_without_what_the_vault_knows_two_desks_would() -> None:
    for seed in SEEDS:
        try:
            await lived_through(await opened_two(Forgetful), seed)
        except AssertionError as found:
            assert "two desks work with one file" in str(found)  # noqa: PT017
            return
    pytest.fail("nobody noticed")
