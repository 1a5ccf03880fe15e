"""How the notifications service of a site asks its intake where a client can be reached: by request and reply on the
site's own account of the bus, never stored, at the moment of sending. It is the only answer of the vault that leaves
the service which keeps it, and it names one address at most.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from shared.unspoken import Unspoken

QUESTION = "contact"
"""The last part of the subject it is asked on."""
BYTES_MAX = 1024
"""Of a question; whoever sends more is not answered."""

ContactStatus = Literal["known", "gone", "shut"]


class ContactAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """channels: those for which an address is wanted; empty: only how, not where. read_id: of the look that intake
    writes down when it opens the address; asked again under the same one it is one look."""

    client_id: str
    read_id: str
    channels: tuple[str, ...] = ()


class ContactAnswered(Unspoken, frozen=True):
    """status: `gone`: there is nobody of that id, or not any more; `shut`: the vault does not open now.

    channel: as the client chose it. explicit: whether a message may say what it is about. languages: what they read.
    alias: what the desk calls them. address: for that channel, None when none was asked for or none is known.
    """

    status: ContactStatus
    channel: str = "desk"
    explicit: bool = False
    languages: tuple[str, ...] = ()
    alias: str = ""
    address: str | None = None
