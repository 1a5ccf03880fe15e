"""A file to test with: somebody asks for a place at `west`. Sealed texts stand for themselves here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.intake import commands as cmd
from services.intake import events as ev
from services.intake.decider import CLIENT, RETENTION
from tests.support.scenario import Scenario

T0 = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)
ANNA = "11111111-1111-4111-8111-111111111111"
ASKED, ASKED_AGAIN = "22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"
READ = "44444444-4444-4444-8444-444444444444"
CARD, CARD_2 = "v1." + "a" * 16 + ".b", "v1." + "a" * 16 + ".c"
PERSONAL, FACTS, FACTS_2 = "v1." + "p" * 16 + ".p", "v1." + "f" * 16 + ".f", "v1." + "f" * 16 + ".g"

at_desk = Scenario(CLIENT)
at_retention = Scenario(RETENTION)

REGISTERED = ev.ClientRegistered(ANNA, CARD, PERSONAL, T0)
OPENED = ev.RequestOpened(
    ANNA, ASKED, ("family_shelter", "shelter_24h"), ("cot",), 5, ("west",), FACTS, 1, 1, date(2026, 1, 5), T0
)
WITHDRAWN = ev.RequestWithdrawn(ANNA, ASKED, "found_elsewhere", T0)
ERASED = ev.ClientErased(ANNA, "asked_by_client", T0)
KEY_GONE = ev.KeyDestroyed(ANNA, T0, T0)
DONE = ev.RetentionDone("west", date(2026, 1, 5), 365, 0, T0, T0 + timedelta(days=1))


def asked(command: type[Any], **fields: Any) -> Any:
    """A command of a caseworker about Anna's file."""
    return command(**({"at": T0, "role": "caseworker", "client_id": ANNA} | fields))


def open_request(**fields: Any) -> cmd.OpenRequest:
    """Anna asks for what `OPENED` says, unless said otherwise."""
    given = {
        "request_id": ASKED, "kinds": ("family_shelter", "shelter_24h"), "features": ("cot",), "household_size": 5,
        "not_at": ("west",), "facts": FACTS, "priority_band": 1, "rules_version": 1,
    }  # fmt: skip
    made: cmd.OpenRequest = asked(cmd.OpenRequest, **(given | fields))
    return made


def done(**fields: Any) -> cmd.RecordRetention:
    """The day's look, as `DONE` says."""
    given: dict[str, Any] = {
        "at": T0, "role": "system", "site": "west", "day": date(2026, 1, 5), "retention_days": 365, "erased": 0,
        "again_at": T0 + timedelta(days=1),
    }  # fmt: skip
    return cmd.RecordRetention(**(given | fields))
