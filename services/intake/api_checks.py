"""What is answered about who may be in two files."""

from __future__ import annotations

from pydantic import BaseModel

from shared.http_models import CommandAnswer, Moment
from shared.unspoken import Withheld

LIKENESS = "likeness-v1"
"""What every file is opened for that is compared, in the register of processing activities."""


class LikenessItem(Withheld, BaseModel):
    """A file that may be the same person's. alias: null when its card cannot be opened."""

    client_id: str
    alias: str | None


class LikenessAnswer(Withheld, CommandAnswer):
    """Files of this desk that may be this client's too; people decide. more: there are others beside these. asked:
    other desks that are asked now; `GET` of the same path says what they answered."""

    maybe_known: list[LikenessItem]
    more: bool
    asked: list[str]


class CheckView(BaseModel):
    """One question to another desk. status: `pending`, `known`, `unknown`, `refused`, or why nobody asks any more."""

    site: str
    status: str
    begun_at: Moment


class LookAlikesView(BaseModel):
    """What is known of a client at other desks. maybe_known_at: desks that said so, and those that asked about somebody
    like this client. checks: what this desk asked, the newest last. desks: other desks that are heard now: a file
    can be handed over to them."""

    maybe_known_at: list[str]
    checks: list[CheckView]
    desks: list[str]


class CheckReplyView(BaseModel):
    """What another desk asked here. answer: empty before there is one. since: when it first asked."""

    id: str
    site: str
    answer: str
    since: Moment
