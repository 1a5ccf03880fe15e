"""Reading a message off the bus: what is ours comes back as it was, anything else is refused. Nothing else happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus_parser import Heard
from shared.envelope import (
    DATA_BYTES_MAX,
    Log,
    Malformed,
    Message,
    Origin,
    bus_subject,
    from_block,
    from_headers,
    to_headers,
)
from tests.support.buses import row

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)
UUIDS = st.uuids().map(str)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST_DAY, LAST_DAY = (
    moment.replace(tzinfo=None) for moment in (datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC))
)
MOMENTS = st.datetimes(FIRST_DAY, LAST_DAY, timezones=ZONES)
SUBJECTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=200).filter(
    lambda text: text == text.strip()
)
LOGS: st.SearchStrategy[Log] = st.sampled_from(["pub", "loc"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)

MESSAGES = st.builds(
    Message,
    origin=st.builds(Origin, site=NAMES, service=NAMES, epoch=st.integers(1, 10**9 - 1)),
    log=LOGS,
    sequence=st.integers(1, 10**18 - 1),
    id=UUIDS,
    type=st.from_regex(r"nl\.plek\.[a-z-]{1,40}\.[a-z0-9-]{1,80}\.v[1-9][0-9]{0,3}", fullmatch=True),
    subject=SUBJECTS,
    time=MOMENTS,
    correlation_id=UUIDS,
    causation_id=UUIDS,
    data=st.binary(max_size=100),
    observed_at=st.none() | MOMENTS,
    traceparent=st.none() | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True),
)

GOOD = to_headers(row(1))
SUBJECT = bus_subject(row(1))


@given(MESSAGES)
def test_what_was_told_is_what_is_heard(message: Message) -> None:
    assert from_headers(to_headers(message), message.data, bus_subject(message)) == message


ADDED = {"Nats-Msg-Id": "0af7651916cd43dd", "Nats-Stream-Source": "PUB_stad_placement 12 > > plek.stad.pub.x"}
"""What relays and servers put behind the headers of a message."""


def block(headers: dict[str, str]) -> bytes:
    return b"NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"


def as_a_listener_hears(raw: bytes, data: bytes, subject: str) -> Message | None:
    try:
        return from_headers(Heard(subject, "", data, raw).headers, data, subject)
    except Malformed:
        return None


@given(MESSAGES)
def test_a_block_says_what_its_headers_say(message: Message) -> None:
    raw, subject = block(to_headers(message) | ADDED), bus_subject(message)
    quickly = from_block(raw, message.data, subject)
    assert quickly == as_a_listener_hears(raw, message.data, subject) or not message.subject.isascii()
    assert quickly in (message, None)
    assert (quickly is not None) == message.subject.isascii()


@given(st.sampled_from(sorted(GOOD)), TEXTS | st.from_regex(r"[0-9T:+.Z-]{0,40}", fullmatch=True))
def test_a_block_with_one_changed_header_is_left_alone_or_says_the_same(name: str, value: str) -> None:
    raw = block(GOOD | {"ce-subject": "a"} | {name: value} | ADDED)
    assert from_block(raw, b"{}", SUBJECT) in (None, as_a_listener_hears(raw, b"{}", SUBJECT))


@given(st.data())
def test_a_damaged_block_is_left_alone_or_says_the_same(data: st.DataObject) -> None:
    whole = block(GOOD | {"ce-subject": "a"} | ADDED)
    at, gone = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 3))
    raw = (
        whole[:at]
        + data.draw(st.binary(max_size=3) | st.sampled_from([b" ", b"\r\n", b"\n", b": "]))
        + whole[at + gone :]
    )
    assert from_block(raw, b"{}", SUBJECT) in (None, as_a_listener_hears(raw, b"{}", SUBJECT))


def test_a_block_with_too_much_data_or_on_another_subject_is_left_alone() -> None:
    raw = block(GOOD | {"ce-subject": "a"})
    assert from_block(raw, b"x" * DATA_BYTES_MAX, SUBJECT) is not None
    assert from_block(raw, b"x" * (DATA_BYTES_MAX + 1), SUBJECT) is None
    assert from_block(raw, b"{}", SUBJECT + "x") is None


@given(MESSAGES)
def test_moments_are_heard_in_utc(message: Message) -> None:
    heard = from_headers(to_headers(message), message.data, bus_subject(message))
    assert heard.time.tzinfo is UTC


@given(
    st.none() | st.dictionaries(st.sampled_from(sorted(GOOD)) | TEXTS, TEXTS, max_size=20),
    st.binary(max_size=50),
    TEXTS,
)
def test_anything_at_all_is_heard_or_refused(headers: dict[str, str] | None, data: bytes, subject: str) -> None:
    with pytest.raises(Malformed):
        from_headers(headers, data, subject)


@given(st.sampled_from(sorted(GOOD)), TEXTS | st.from_regex(r"[0-9T:+.Z-]{0,40}", fullmatch=True))
def test_one_changed_header_is_heard_or_refused_and_never_more(name: str, value: str) -> None:
    try:
        message = from_headers(GOOD | {name: value}, b"{}", SUBJECT)
    except Malformed:
        return
    assert message.sequence < 10**18
    assert message.origin.epoch < 10**9
    assert message.time.astimezone(UTC)
    for text in (message.id, message.subject, message.type, message.correlation_id, message.causation_id):
        assert "\0" not in text
        assert text.encode()
        assert len(text) <= 200
    assert from_headers(to_headers(message), b"{}", bus_subject(message)) == message


@given(TEXTS)
def test_only_the_subject_that_source_and_type_call_for_is_believed(subject: str) -> None:
    if subject != SUBJECT:
        with pytest.raises(Malformed):
            from_headers(GOOD, b"{}", subject)


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("source-invalid", {"ce-source": "urn:nld:plek:west:placement:pub\n"}),
        ("source-invalid", {"ce-source": "urn:nld:plek:West:placement:pub"}),
        ("source-invalid", {"ce-source": "urn:nld:plek:west:placement:priv"}),
        ("origin-mismatch", {"ce-source": "urn:nld:plek:west:placement:pub"}),
        ("origin-mismatch", {"ce-source": "urn:nld:plek:stad:placement:loc"}),
        ("origin-mismatch", {"ce-type": "nl.plek.placement.place-held.v1"}),
        ("type-invalid", {"ce-type": "nl.plek.placement.capacity-told"}),
        ("id-invalid", {"ce-id": GOOD["ce-id"].upper().replace("0", "A")}),
        ("id-invalid", {"ce-correlationid": ""}),
        ("id-invalid", {"ce-causationid": GOOD["ce-id"] + "\n"}),
        ("sequence-invalid", {"ce-sequence": "0"}),
        ("sequence-invalid", {"ce-sequence": "٣"}),
        ("sequence-invalid", {"ce-epoch": "1" * 10}),
        ("subject-invalid", {"ce-subject": ""}),
        ("subject-invalid", {"ce-subject": "x" * 201}),
        ("subject-invalid", {"ce-subject": "a\x00b"}),
        ("time-invalid", {"ce-time": "yesterday"}),
        ("time-invalid", {"ce-time": "2026-01-05T22:00:00"}),
        ("time-invalid", {"ce-observedat": "9999-12-31T23:59:59-14:00"}),
    ],
)
def test_a_lie_is_called_by_its_name(code: str, changes: dict[str, str]) -> None:
    with pytest.raises(Malformed) as refusal:
        from_headers(GOOD | changes, b"{}", SUBJECT)
    assert refusal.value.code == code


@pytest.mark.parametrize("name", [name for name in GOOD if name.startswith("ce-")])
def test_a_missing_attribute_is_refused_unless_it_is_optional(name: str) -> None:
    headers = {other: value for other, value in GOOD.items() if other != name}
    unread = {"ce-specversion", "ce-dataschema", "ce-datacontenttype", "ce-sequencetype"}
    if name in unread | {"ce-observedat", "ce-traceparent"}:
        assert from_headers(headers, b"{}", SUBJECT).id == row(1).id
        return
    with pytest.raises(Malformed) as refusal:
        from_headers(headers, b"{}", SUBJECT)
    assert (refusal.value.code, refusal.value.detail) == ("header-missing", name)


def test_too_much_data_is_refused() -> None:
    assert from_headers(GOOD, b"x" * DATA_BYTES_MAX, SUBJECT)
    with pytest.raises(Malformed) as refusal:
        from_headers(GOOD, b"x" * (DATA_BYTES_MAX + 1), SUBJECT)
    assert refusal.value.code == "data-too-large"


def test_a_trace_that_is_none_is_left_out() -> None:
    assert from_headers(GOOD | {"ce-traceparent": "00-x"}, b"{}", SUBJECT).traceparent is None
