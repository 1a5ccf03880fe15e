"""Somebody who has every log of every site in hand must not be able to say which of it is about one person: neither two
requests, nor what was offered for them, nor who was asked about at another desk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from shared.envelope import Message
from tests.simulation.judging import require
from tests.support.joining import Joined, ids_of
from tests.support.memory_store import Disk


def told_by(disks: Iterable[Disk]) -> list[Message]:
    """All that these services have told the network, in whatever epoch."""
    return [
        message for disk in disks for (_, log), told in disk.outbox.items() if log == "pub" for message in told
    ]  # fmt: skip


def unlinked(messages: Iterable[Message], people: Mapping[str, Iterable[str]]) -> None:
    """messages: all that any service of any site has told the network. people: of every file, the ids of what it asked
    for, was offered, and was asked about; whoever reads the logs sees these ids, and not whose they are."""
    joined, told = Joined(), set[str]()
    for message in messages:
        marks = sorted(ids_of(message))
        told.update(marks)
        joined.join(marks)
    for client_id, ids in people.items():
        require(client_id not in told, "a client's id is told", client_id)
        there = [id_ for id_ in ids if id_ in told]
        roots = {joined.root(id_): id_ for id_ in there}
        require(len(roots) == len(there), "two things about one person can be joined", client_id, there)
