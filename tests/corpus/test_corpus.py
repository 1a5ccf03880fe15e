"""Events as they were stored once must be readable for ever.

A file of this folder is what a store holds: `<service>/<stored name>.json` an event (`reader/`: of readers),
`<service>/<stream>.state-v<n>.json` one snapshot. Files are added and never changed. A new event class comes with
its file, an old one keeps it and is read through its upcaster.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.allowance.decider import CLIENT as OF_CLIENT
from services.allowance.decider import ENTITLEMENT, HANDOUT, PAYROLL, PROGRAMME
from services.intake.decider import CLIENT, RETENTION, WEEKS
from services.intake.decider_handover import TAKING
from services.intake.decider_likeness import CHECK, REPLY
from services.notifications.decider import RECIPIENT
from services.placement.decider import LOCATION
from services.placement.decider_regimes import REGIME
from shared.forward import CALL
from shared.kernel import Codec, Decider, UnknownEvent
from shared.repair import CODEC as REPAIRS

HERE = Path(__file__).parent
CODECS: dict[str, tuple[Codec[Any], ...]] = {
    "intake": (CLIENT.codec, RETENTION.codec, WEEKS.codec, CHECK.codec, REPLY.codec, TAKING.codec),
    "placement": (LOCATION.codec, REGIME.codec),
    "reader": (REPAIRS,), "forward": (CALL.codec,), "notifications": (RECIPIENT.codec,),
    "allowance": (PROGRAMME.codec, ENTITLEMENT.codec, PAYROLL.codec, OF_CLIENT.codec, HANDOUT.codec),
}  # fmt: skip
DECIDERS: dict[str, Decider[Any, Any, Any]] = {
    "intake/client": CLIENT, "intake/retention": RETENTION, "intake/weeks": WEEKS, "intake/check": CHECK,
    "intake/reply": REPLY, "intake/taking": TAKING, "placement/location": LOCATION,
    "placement/regime": REGIME, "forward/call": CALL, "notifications/recipient": RECIPIENT,
    "allowance/programme": PROGRAMME, "allowance/entitlement": ENTITLEMENT, "allowance/payroll": PAYROLL,
    "allowance/client": OF_CLIENT, "allowance/handout": HANDOUT,
}  # fmt: skip


def event_files() -> list[Path]:
    return sorted(path for path in HERE.glob("*/*.json") if ".state-v" not in path.name)


def codec_of(path: Path) -> Codec[Any]:
    """Of the service's codecs the one that knows the file's event."""
    return next(codec for codec in CODECS[path.parent.name] if path.stem in codec.names())


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("service", CODECS)
def test_every_event_a_service_can_read_has_its_file_and_no_file_is_nobodys(service: str) -> None:
    files = {path.stem for path in event_files() if path.parent.name == service}
    assert files == {name for codec in CODECS[service] for name in codec.names()}


def test_every_folder_belongs_to_a_service() -> None:
    assert {path.parent.name for path in event_files()} == set(CODECS)


@pytest.mark.parametrize("path", event_files(), ids=named)
def test_a_stored_event_is_read_as_todays(path: Path) -> None:
    codec = codec_of(path)
    stored = json.loads(path.read_bytes())
    event = codec.decode(path.read_bytes())
    assert type(event) in codec.current
    assert stored["type"] == path.stem
    if codec.name(event) == path.stem:
        # Not upcast: what was stored is still all there, under the same names.
        assert json.loads(codec.encode(event)).items() >= stored.items()
    assert codec.decode(codec.encode(event)) == event


@pytest.mark.parametrize("path", event_files(), ids=named)
def test_an_event_of_a_later_version_is_not_guessed_at(path: Path) -> None:
    stored = json.loads(path.read_bytes())
    name, _, version = stored["type"].rpartition(".v")
    later = json.dumps(stored | {"type": f"{name}.v{int(version) + 1000}"})
    with pytest.raises(UnknownEvent):
        codec_of(path).decode(later.encode())


@pytest.mark.parametrize("stream", DECIDERS)
def test_many_events_read_as_one_list_are_those_read_one_by_one(stream: str) -> None:
    codec = DECIDERS[stream].codec
    stored = [path.read_bytes() for path in event_files() if codec_of(path) is codec]
    assert stored
    assert codec.decode_all(stored) == [codec.decode(data) for data in stored]
    for damaged in (b"{}", b"", stored[0][:-2], b"%b,%b" % (stored[0], stored[0])):
        with pytest.raises(UnknownEvent):
            codec.decode_all([stored[0], damaged])
    assert codec.decode_all([]) == []


@pytest.mark.parametrize("stream", DECIDERS)
def test_a_stored_snapshot_is_read_or_its_version_went_up(stream: str) -> None:
    decider = DECIDERS[stream]
    path = HERE / f"{stream}.state-v{decider.state_version}.json"
    stored = path.read_bytes().strip()
    state = msgspec.json.decode(stored, type=decider.state_type)
    assert json.loads(msgspec.json.encode(state)) == json.loads(stored), "the shape changed: raise `state_version`"
