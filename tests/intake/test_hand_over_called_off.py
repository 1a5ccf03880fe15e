"""What is called off is not handed over, and whoever asks how it ended is told."""

from __future__ import annotations

import msgspec

from services.intake.app_line import Asked, Said, Wrapped
from shared.letters import OneKey
from tests.intake import test_hand_over as handing
from tests.intake.test_hand_over import Two, begun
from tests.support.border import SITE
from tests.support.intake_desk import OTHER, SITES
from tests.support.letters import site_seals

two = handing.two


async def test_a_second_tap_that_is_repeated_after_the_end_is_told_how_it_ended(two: Two) -> None:
    client_id = await begun(two)
    path = f"/clients/{client_id}/hand-over/call-off"
    for key in ("tap", "second-tap"):
        assert (await two.here.post(path, key=key)).json()["status"] == "calling_off"
    await two.later()
    answer = await two.here.post(path, key="second-tap")
    assert (answer.status_code, answer.json()["status"]) == (200, "called_off")


async def test_a_desk_that_agrees_to_what_is_called_off_gets_no_file(two: Two) -> None:
    client_id = await begun(two)
    await two.here.post(f"/clients/{client_id}/hand-over/call-off")
    theirs, asked = site_seals(SITES)[OTHER], list[str]()

    class Greedy:
        async def answer(self, request: bytes) -> bytes | None:
            ask = msgspec.json.decode(theirs.unseal(msgspec.json.decode(request, type=Wrapped).sealed), type=Asked)
            asked.append(ask.kind)
            said = Said("hand-over-said", ask.id, OTHER, SITE, ask.nonce, "agreed", key=OneKey().public)
            sealed = theirs.seal(SITE, msgspec.json.encode(said))
            return None if sealed is None else sealed.encode()

    two.here.line.desks = {OTHER: Greedy()}
    await two.later()
    assert (set(asked), await two.status()) == ({"call_off"}, "calling_off")
