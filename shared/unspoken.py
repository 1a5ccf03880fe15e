"""What may be worked with and not be said: types that refuse to be printed."""

from __future__ import annotations

from typing import Any

import msgspec


class Withheld:
    """For what holds something personal in the clear and is no struct, before its other bases. Whoever prints it,
    formats it, logs it or has it in an exception's text sees its type and nothing else.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: withheld>"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Unspoken(Withheld, msgspec.Struct, frozen=True):
    """Base of every struct that holds what is personal in the clear. It is encoded as any struct is, for that is how it
    is sealed.
    """
