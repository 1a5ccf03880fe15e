"""`app.py` lists every command and event of its service, each has its tests, and stored names are for ever."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from types import ModuleType

import pytest

from shared import forward
from shared.aggregate import Aggregate
from shared.kernel import Command, Event
from shared.policies import Policy
from tests.architecture.source import ROOT, SERVICES, kebab, text, words

DECIDING = tuple(service for service in SERVICES if (ROOT / "services" / service / "decider.py").is_file())


def modules(service: str, stem: str) -> list[ModuleType]:
    """`<stem>.py` of a service and what it split into."""
    found = sorted((ROOT / "services" / service).glob(f"{stem}*.py"))
    return [importlib.import_module(f"services.{service}.{path.stem}") for path in found]


def written(service: str, stem: str, base: type) -> set[type]:
    """The classes of one sort that a service's `<stem>.py` defines."""
    return {
        cls
        for module in modules(service, stem)
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and cls is not base and cls.__module__ == module.__name__
    }


def of_calls(base: type) -> set[type]:
    """What `shared/forward.py` defines for whoever asks other sites."""
    return {cls for _, cls in inspect.getmembers(forward, inspect.isclass) if issubclass(cls, base) and cls is not base}


def aggregates(service: str) -> list[Aggregate[object, Command, Event]]:
    """What a service's table of contents says it decides."""
    app = importlib.import_module(f"services.{service}.app")
    return [value for value in vars(app).values() if isinstance(value, Aggregate)]


@pytest.mark.parametrize("service", DECIDING)
def test_the_table_of_contents_lists_every_command(service: str) -> None:
    listed = [command for aggregate in aggregates(service) for command in aggregate.decider.commands]
    assert set(listed) - of_calls(Command) == written(service, "commands", Command)
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("service", DECIDING)
def test_the_table_of_contents_lists_every_event(service: str) -> None:
    listed = {event for aggregate in aggregates(service) for event in aggregate.decider.codec.names().values()}
    assert listed - of_calls(Event) == written(service, "events", Event)


@pytest.mark.parametrize("service", DECIDING)
def test_a_stored_name_is_the_events_own_with_a_version(service: str) -> None:
    for event in written(service, "events", Event):
        tag = str(event.__struct_config__.tag)  # type: ignore[attr-defined]
        assert re.fullmatch(re.escape(kebab(event.__name__)) + r"\.v[1-9][0-9]*", tag), event


def test_no_two_events_are_stored_under_one_name() -> None:
    tags = Counter(
        f"{service} {event.__struct_config__.tag}"  # type: ignore[attr-defined]
        for service in DECIDING
        for event in written(service, "events", Event)
    )
    assert not [tag for tag, count in tags.items() if count > 1]


@pytest.mark.parametrize("service", DECIDING)
def test_events_are_past_tense_and_never_say_that_something_changed(service: str) -> None:
    vague = {"updated", "changed", "modified", "set"}
    assert not [event for event in written(service, "events", Event) if vague & set(words(event.__name__))]


@pytest.mark.parametrize("service", DECIDING)
def test_every_command_has_its_outcome_ignored_and_rejected_tests(service: str) -> None:
    assert lacking(service, written(service, "commands", Command)) == []


def test_every_command_of_a_call_has_them_too() -> None:
    assert lacking("forward", of_calls(Command)) == []


def test_the_commands_and_events_of_calls_are_what_their_decider_knows() -> None:
    assert set(forward.CALL.commands) == of_calls(Command)
    assert set(forward.CALL.codec.current) == of_calls(Event)
    for event in forward.CALL.codec.current:
        assert str(event.__struct_config__.tag) == f"{kebab(event.__name__)}.v1"


def lacking(tested: str, commands: set[type]) -> list[str]:
    """Commands without a test of one of the three outcomes, in the folder of tests of that name."""
    missing = []
    for command in commands:
        folder = ROOT / "tests" / tested / "_".join(words(command.__name__))
        tests = "\n".join(text(path) for path in sorted(folder.glob("test_*.py"))) if folder.is_dir() else ""
        missing += [
            f"{command.__name__}: {outcome}"
            for outcome in (".then(", ".then_nothing(", ".then_rejected(")
            if outcome not in tests
        ]
    return missing


@pytest.mark.parametrize("service", DECIDING)
def test_every_event_is_in_the_corpus_of_stored_bytes(service: str) -> None:
    corpus = "\n".join(
        text(path) for path in sorted((ROOT / "tests" / "corpus" / service).rglob("*")) if path.is_file()
    )
    tags = {str(event.__struct_config__.tag) for event in written(service, "events", Event)}  # type: ignore[attr-defined]
    assert not {tag for tag in tags if tag not in corpus}


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_answers_for_its_private_events_with_all_it_decides(service: str) -> None:
    """Else a chain of causes would end there, and nobody would know."""
    app = importlib.import_module(f"services.{service}.app")
    [call] = re.findall(r"Archive\(store, (\([^)]*\))", text(ROOT / "services" / service / "app.py"))
    named = set(re.findall(r"[A-Z_]+", call))
    after = text(ROOT / "services" / service / "app.py").partition("Archive(store,")[2]
    whole = re.split(r"\n\n|\n    add_", after)[0]  # the call, on however many lines
    policies = {name for name, value in vars(app).items() if isinstance(value, Policy)}
    assert set(re.findall(r"([A-Z_]+)\.name", whole)) == policies, "and with every policy by which it answers messages"
    assert named == {name for name, value in vars(app).items() if isinstance(value, Aggregate)}
