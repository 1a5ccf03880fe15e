"""One call, and the words the tests of calls are written in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared import forward as fw
from tests.support.scenario import Scenario

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
ID = "00000000-0000-4000-8000-000000000001"
BODY = {"what": "a lamp", "many": 2}


def after(**time: float) -> datetime:
    """So much later than `AT`."""
    return AT + timedelta(**time)


END = after(minutes=90)
MAKE = fw.MakeCall(at=AT, role="operator", call_id=ID, site="noord", body=BODY, expires_at=END)
MADE = fw.CallMade(ID, "noord", BODY, END, after(seconds=2), AT)
GIVE_UP = fw.GiveUpCall(at=AT, role="operator", call_id=ID)
GIVEN_UP = fw.CallGivenUp(ID, after(seconds=2), AT)
LAPSED = fw.CallLapsed(ID, END + timedelta(seconds=2), END)


def accepted(until: datetime = END) -> fw.CallAccepted:
    return fw.CallAccepted(ID, "active", until, until + fw.GRACE, AT)


def ended(how: str, code: str | None = None, at: datetime = AT) -> fw.CallEnded:
    return fw.CallEnded(ID, how, code, at)


def answer(status: str, *, code: str | None = None, at: datetime = AT, until: datetime | None = None) -> fw.HearAnswer:
    return fw.HearAnswer(
        at=at, role="system", call_id=ID, site="noord", status=status, final=status != "active", code=code,
        expires_at=until,
    )  # fmt: skip


def again(at: datetime) -> fw.RepeatCall:
    return fw.RepeatCall(at=at, role="system", call_id=ID)


calls: Scenario[fw.Call, fw.CallCommand, fw.CallEvent] = Scenario(fw.CALL)
asked = calls.given(MADE)
"""A call nobody has answered yet."""
