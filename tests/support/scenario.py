"""Tests of deciders that read as sentences: `at_place.given(OPENED).when(HOLD).then(HELD)`.

Every `then` also proves what holds for any decision: deciding is deterministic and leaves the state alone, the events
survive the codec, the state survives a snapshot, and a decider that woke up from that snapshot decides the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from shared.kernel import Command, Decider, Event, Rejected

S = TypeVar("S", bound=msgspec.Struct)
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)

Check = Callable[[S, Sequence[E], S], None]


class Scenario(Generic[S, C, E]):
    """Where a sentence begins.

    check: what else must hold of every decision, given the state before, the events and the state after.
    """

    def __init__(self, decider: Decider[S, C, E], check: Check[S, E] | None = None) -> None:
        self._decider, self._check = decider, check

    def given(self, *events: E) -> Given[S, C, E]:
        """What has happened before."""
        return Given(self._decider, self._check, self._decider.fold(self._decider.initial, events))

    def when(self, command: C) -> When[S, C, E]:
        return self.given().when(command)


class Given(Generic[S, C, E]):
    """state: what the events so far made."""

    def __init__(self, decider: Decider[S, C, E], check: Check[S, E] | None, state: S) -> None:
        self._decider, self._check, self.state = decider, check, state

    def given(self, *events: E) -> Given[S, C, E]:
        """And what has happened after that."""
        return Given(self._decider, self._check, self._decider.fold(self.state, events))

    def after(self, *commands: C) -> Given[S, C, E]:
        """And what these commands led to; none of them may be refused."""
        given = self
        for command in commands:
            outcome = self._decider.decide(given.state, command)
            assert not isinstance(outcome, Rejected), outcome
            given = given.given(*outcome)
        return given

    def when(self, command: C) -> When[S, C, E]:
        return When(self._decider, self._check, self.state, command)


class When(Generic[S, C, E]):
    """A command on its way to its outcome."""

    def __init__(self, decider: Decider[S, C, E], check: Check[S, E] | None, state: S, command: C) -> None:
        self._decider, self._check, self._state, self._command = decider, check, state, command

    def then(self, *events: E) -> Given[S, C, E]:
        """Exactly these events, in this order. Returns what follows from them, to go on with."""
        outcome = self._outcome()
        assert not isinstance(outcome, Rejected), outcome
        assert list(outcome) == list(events)
        self._prove_codec(outcome)
        after = self._prove_snapshot(outcome)
        if self._check is not None:
            self._check(self._state, outcome, after)
        return Given(self._decider, self._check, after)

    def then_nothing(self) -> Given[S, C, E]:
        """No events and no refusal: there was nothing to do."""
        return self.then()

    def then_rejected(self, code: str, **facts: Any) -> None:
        """Refused with this code and at least these facts; all facts are plain JSON."""
        outcome = self._outcome()
        assert isinstance(outcome, Rejected), list(outcome)
        assert outcome.code == code
        assert {name: outcome.facts.get(name) for name in facts} == facts
        assert msgspec.json.decode(msgspec.json.encode(outcome.facts)) == outcome.facts

    def _outcome(self) -> Sequence[E] | Rejected:
        before = msgspec.json.encode(self._state)
        outcome = self._decider.decide(self._state, self._command)
        assert self._decider.decide(self._state, self._command) == outcome, "deciding twice gives two outcomes"
        woken = self._woken(self._state)
        assert self._decider.decide(woken, self._command) == outcome, "a snapshot decides otherwise"
        assert msgspec.json.encode(self._state) == before, "deciding changed the state"
        return outcome

    def _woken(self, state: S) -> S:
        return msgspec.json.decode(msgspec.json.encode(state), type=self._decider.state_type)

    def _prove_codec(self, events: Sequence[E]) -> None:
        codec = self._decider.codec
        assert [codec.decode(codec.encode(event)) for event in events] == list(events)

    def _prove_snapshot(self, events: Sequence[E]) -> S:
        before = msgspec.json.encode(self._state)
        after = self._decider.fold(self._state, events)
        assert msgspec.json.encode(self._state) == before, "folding changed the state it began with"
        encoded = msgspec.json.encode(after)
        assert msgspec.json.encode(self._woken(after)) == encoded
        folded_from_snapshot = self._decider.fold(self._woken(self._state), events)
        assert msgspec.json.encode(folded_from_snapshot) == encoded, "a snapshot folds otherwise"
        return after
