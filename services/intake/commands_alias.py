"""What can be asked of a file about telling its client's alias to the house they live in."""

from __future__ import annotations

from typing import TypeAlias

from shared.kernel import Command


class HandAliasOver(Command, frozen=True, kw_only=True):
    """The client says that those who work where they live by this offer may know their alias. say_so: an id for that
    word, which was never taken back."""

    client_id: str
    offer_id: str
    say_so: str


class TakeAliasBack(Command, frozen=True, kw_only=True):
    """The client says that they may not, any more. say_so: the word that is taken back; a request that comes late
    takes back none that was given since."""

    client_id: str
    offer_id: str
    say_so: str


AliasCommand: TypeAlias = HandAliasOver | TakeAliasBack
