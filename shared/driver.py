"""The PostgreSQL driver asks of every value of an array what kind of thing it is; here it gets its answer sooner.

`asyncpg` writes an array of rows down after it has asked each row four times whether it is iterable, sized or a
mapping, by the abstract classes of `collections.abc`: a call of Python each, a microsecond a row, and a command has six
rows or more (37 calls a command, counted). The questions stay as they are; that a tuple, a list or a string is iterable
and sized is answered before the abstract class is asked. Only a `dict` counts as a mapping: this program hands the
driver no other. Decision 72.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from types import ModuleType

from asyncpg.protocol import protocol

NAMES = ("IterableABC", "SizedABC", "MappingABC")
"""What `asyncpg/protocol/codecs/array.pyx` calls them. Were they called otherwise one day, nothing would change here
but the speed, and a test says so."""


def answer_sooner(module: ModuleType) -> None:
    """Puts the quick answers in front, where the module still asks by these names."""
    quick = (tuple, list, str)
    for name, asked in zip(NAMES, ((*quick, Iterable), (*quick, Sized), (dict,)), strict=True):
        if hasattr(module, name):
            setattr(module, name, asked)


answer_sooner(protocol)
