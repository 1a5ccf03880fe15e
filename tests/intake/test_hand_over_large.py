"""A file in which much was written down goes over like any other."""

from __future__ import annotations

from services.intake.app_line import REQUEST_BYTES_MAX
from tests.intake import test_hand_over as handing
from tests.intake.test_hand_over import Two, agreed
from tests.support.intake_desk import OTHER

two = handing.two


async def test_a_file_of_years_is_taken(two: Two) -> None:
    """Some 100 kB: what the seals of letters hold by themselves is a third of that."""
    client_id = await two.here.registered(alias="Vos", personal={"notes": "n" * 1000})
    way = (await two.here.post(f"/clients/{client_id}/trajectories", {"goals": ["a room"]})).json()["id"]
    for number in range(90):
        step = {"milestone": f"{number} ".ljust(100, "s") + "e"}
        await two.here.post(f"/clients/{client_id}/trajectories/{way}/milestones", step)
        referred = {"partner_kind": "legal_aid", "partner": "p" * 100}
        answer = await two.here.post(f"/clients/{client_id}/referrals", referred)
        assert answer.status_code < 300, answer.text
    await two.here.post(f"/clients/{client_id}/hand-over", {"site": OTHER})
    await two.here.fire_due()
    await agreed(two)
    await two.later()
    assert max(len(request) for request in two.here.line.asked) in range(100_000, REQUEST_BYTES_MAX)
    assert (await two.owners(client_id), await two.status()) == ([OTHER], "taken")
    [shown] = (await two.there.get("/trajectories")).json()["items"]
    assert [each["milestone"].split()[0] for each in shown["milestones"]] == [str(number) for number in range(90)]
