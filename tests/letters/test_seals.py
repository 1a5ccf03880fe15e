"""Letters: what is sealed is read by its addressee only, and believed only when everything about it agrees."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwe import JWERegistry
from joserfc.jwk import KeySet, OKPKey

from infra.keys import ensure_seal_keys, new_seal_key, publish_seal_keys, seal_key_ids
from shared.contracts import hold_letters
from shared.contracts import placement as told
from shared.contracts.base import SEALED_CHARS_MAX, Draft, Letter, LetterBody
from shared.envelope import Message, Origin
from shared.letters import SIZES, LetterRefused, LetterTooLong, Seals, load_seals
from tests.support.letters import site_seals

SEALS = site_seals(("west", "noord", "stad"))
NOW = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
EVENT, REQUEST, OTHER = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
ASK = hold_letters.HoldAskedBody(
    location="huis-west", kind="shelter_24h", household_size=2, features=("quiet",), hold_minutes=90, expires_at=NOW
)
DRAFT = Draft(told.HoldAsked, "west", REQUEST, ASK)


class Note(LetterBody):
    text: str


class Noted(Letter):
    type_name: ClassVar[str] = "nl.plek.placement.noted.v1"
    body_type: ClassVar[type[LetterBody]] = Note


def sealed(draft: Draft = DRAFT, seals: Seals = SEALS["noord"], id_: str = EVENT) -> Any:
    data = seals.encode(draft, id_)
    assert data is not None
    return draft.letter.model_validate_json(data)


def message(sender: str = "noord", id_: str = EVENT, type_: str = told.HoldAsked.type_name) -> Message:
    """The event a letter comes in, as the log of a sender shows it."""
    return Message(Origin(sender, "placement", 1), "pub", 1, id_, type_, "west", NOW, OTHER, OTHER, b"")


def refusal(letter: Letter, come: Message, seals: Seals = SEALS["west"]) -> str:
    with pytest.raises(LetterRefused) as caught:
        seals.open(come, letter)
    assert letter.sealed[:40] not in caught.value.detail
    return caught.value.code


def under_seal(text: bytes, header: dict[str, Any] | None = None, **more: Any) -> str:
    """Any text sealed to west by anybody."""
    key = SEALS["noord"]._network["west"]
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key.kid} | (header or {})
    registry = JWERegistry(algorithms=[*JWERegistry.recommended, "ECDH-ES", "A256GCM", "DEF"])
    return jwe.encrypt_compact(header, text, key, registry=registry, **more)


def test_the_addressee_reads_what_was_written() -> None:
    opened = SEALS["west"].open(message(), sealed())
    assert (opened.sender, opened.request_id, opened.body) == ("noord", REQUEST, ASK)


def test_nobody_else_reads_it() -> None:
    assert refusal(sealed(), message(), SEALS["stad"]) == "letter-key-unknown"
    assert refusal(sealed(), message(), SEALS["noord"]) == "letter-key-unknown"


def test_the_envelope_shows_addressee_and_request_and_nothing_else() -> None:
    letter = sealed()
    shown = json.loads(letter.encode())
    assert (shown.keys(), shown["to"], shown["request_id"]) == ({"to", "request_id", "sealed"}, "west", REQUEST)
    header = json.loads(base64.urlsafe_b64decode(letter.sealed.partition(".")[0] + "=="))
    assert header.keys() == {"alg", "enc", "kid", "epk"}


def test_every_letter_has_a_key_of_its_own() -> None:
    assert sealed().sealed != sealed().sealed


def test_sizes_do_not_tell_letters_apart() -> None:
    answer = hold_letters.HoldAnsweredBody(status="refused", code="household-too-large", expires_at=None)
    off = hold_letters.HoldCalledOffBody(location="x", expires_at=NOW)
    long = ASK.model_copy(update={"location": "l" * 61, "features": tuple(["lgbtq_safe"] * 20)})
    drafts = [DRAFT, Draft(told.HoldAsked, "west", REQUEST, long), Draft(told.HoldAnswered, "west", REQUEST, answer),
              Draft(told.HoldCalledOff, "west", REQUEST, off)]  # fmt: skip
    assert len({len(sealed(draft).sealed) for draft in drafts}) == 1


@given(st.integers(0, SIZES[-1] - 400))
def test_what_fits_is_padded_to_few_sizes_and_what_does_not_is_refused_at_home(length: int) -> None:
    letter = sealed(Draft(Noted, "west", REQUEST, Note(text="x" * length)))
    assert len(letter.sealed) <= SEALED_CHARS_MAX
    plain = jwe.decrypt_compact(
        letter.sealed, SEALS["west"]._own, registry=JWERegistry(algorithms=["ECDH-ES", "A256GCM"])
    )
    assert len(plain.plaintext or b"") in SIZES
    with pytest.raises(LetterTooLong):
        SEALS["noord"].encode(Draft(Noted, "west", REQUEST, Note(text="x" * SIZES[-1])), EVENT)


def test_a_letter_copied_to_another_log_is_forged() -> None:
    assert refusal(sealed(), message(sender="zuidoost")) == "letter-forged"


@pytest.mark.parametrize(
    "come",
    [
        pytest.param(message(type_=told.HoldCalledOff.type_name), id="as another type"),
        pytest.param(message(), id="for another request"),
    ],
)
def test_an_envelope_that_says_otherwise_is_forged(come: Message) -> None:
    envelope = sealed().model_copy(update={"request_id": OTHER})
    assert refusal(envelope, come) == "letter-forged"


def test_a_letter_sealed_to_us_that_is_meant_for_somebody_else_is_forged() -> None:
    mixed = Seals("noord", KeySet([]), {"stad": SEALS["noord"]._network["west"]})
    letter = sealed(Draft(told.HoldAsked, "stad", REQUEST, ASK), mixed)
    assert refusal(letter, message()) == "letter-forged"


def test_a_letter_sent_again_under_another_id_is_replayed() -> None:
    assert refusal(sealed(), message(id_=OTHER)) == "letter-replayed"


@pytest.mark.parametrize("place", [0, 2, 3, 4])
def test_a_changed_letter_is_unreadable(place: int) -> None:
    letter = sealed()
    parts = letter.sealed.split(".")
    middle = len(parts[place]) // 2
    other = "A" if parts[place][middle] != "A" else "B"
    parts[place] = parts[place][:middle] + other + parts[place][middle + 1 :]
    assert refusal(letter.model_copy(update={"sealed": ".".join(parts)}), message()) in (
        "letter-unreadable", "letter-key-unknown",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"{}", "letter-size-wrong"),
        (b"{}".ljust(1000), "letter-size-wrong"),
        (b"{}".ljust(1024), "letter-unreadable"),
        (b"\xff" * 1024, "letter-unreadable"),
        (b"[]".ljust(4096), "letter-unreadable"),
    ],
)
def test_what_is_no_letter_of_ours_is_refused(text: bytes, code: str) -> None:
    assert refusal(told.HoldAsked(to="west", request_id=REQUEST, sealed=under_seal(text)), message()) == code


def test_a_body_that_is_not_what_its_type_says() -> None:
    inside = {"id": EVENT, "from": "noord", "to": "west", "type": told.HoldAsked.type_name, "request_id": REQUEST}
    text = json.dumps(inside | {"body": {"location": "x"}}).encode().ljust(1024)
    letter = told.HoldAsked(to="west", request_id=REQUEST, sealed=under_seal(text))
    assert refusal(letter, message()) == "letter-body-invalid"


@pytest.mark.parametrize("header", [{"zip": "DEF"}, {"enc": "A128GCM"}], ids=["a bomb", "another cipher"])
def test_only_the_one_way_of_sealing_is_read(header: dict[str, Any]) -> None:
    letter = told.HoldAsked(to="west", request_id=REQUEST, sealed=under_seal(b" " * 1024, header))
    assert refusal(letter, message()) == "letter-unreadable"


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_opened_or_refused(header: str, rest: str) -> None:
    letter = told.HoldAsked.model_construct(to="west", request_id=REQUEST, sealed=f"{header}..{rest}.{rest}.{rest}")
    assert refusal(letter, message()) in {"letter-unreadable", "letter-key-unknown"}


WORDS = st.sampled_from(["alg", "enc", "kid", "epk", "crv", "x", "kty", "crit", "zip", "typ", "ECDH-ES", "A256GCM"])
PARTS = st.none() | st.integers() | WORDS | st.text(max_size=20)
HEADERS = st.dictionaries(WORDS, PARTS | st.lists(PARTS, max_size=3) | st.dictionaries(WORDS, PARTS, max_size=4))


@given(HEADERS | PARTS | st.lists(PARTS, max_size=3))
def test_any_header_is_refused(header: Any) -> None:
    first = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    rest = sealed().sealed.partition(".")[2]
    letter = told.HoldAsked.model_construct(to="west", request_id=REQUEST, sealed=f"{first}.{rest}")
    assert refusal(letter, message()) in {"letter-unreadable", "letter-key-unknown"}


def test_a_site_whose_key_nobody_handed_out_gets_no_letter() -> None:
    assert SEALS["west"].encode(Draft(told.HoldAsked, "atlantis", REQUEST, ASK), EVENT) is None
    assert [SEALS["west"].knows(site) for site in ("noord", "atlantis")] == [True, False]


def test_after_a_site_got_a_new_key_letters_to_the_old_one_still_open(tmp_path: Path) -> None:
    private = ensure_seal_keys(tmp_path / "west")
    assert private.stat().st_mode & 0o777 == 0o600
    assert ensure_seal_keys(tmp_path / "west").read_text() == private.read_text(), "made once"
    public = publish_seal_keys(tmp_path / "letters.json", {"west": private})
    assert '"d"' not in public.read_text()
    before = load_seals("noord", ensure_seal_keys(tmp_path / "noord"), public)
    on_its_way = sealed(seals=before)

    keys = json.loads(private.read_text())["keys"]
    private.write_text(json.dumps({"keys": [new_seal_key().as_dict(private=True), *keys]}))
    publish_seal_keys(public, {"west": private})
    west = load_seals("west", private, public)
    after = sealed(seals=load_seals("noord", tmp_path / "noord" / "letters.jwks", public))

    assert west.open(message(), on_its_way).body == west.open(message(), after).body == ASK
    first = OKPKey.import_key(keys[0])
    assert refusal(after, message(), Seals("west", KeySet([first]), {})) == "letter-key-unknown"


def test_a_site_knows_the_keys_of_an_earlier_one_of_its_name_and_keeps_its_own(tmp_path: Path) -> None:
    left, mine = (ensure_seal_keys(tmp_path / name) for name in ("left", "west"))
    public = publish_seal_keys(tmp_path / "letters.json", {"west": left})
    before = sealed(seals=load_seals("noord", ensure_seal_keys(tmp_path / "noord"), public))
    ids = seal_key_ids(public, "west")
    assert (len(ids), seal_key_ids(public, "zuid")) == (1, [])
    departures = {"left": {"west": [{"at": NOW.isoformat(), "epoch": 1, "keys": ids}, {"at": "", "epoch": 2}]}}
    publish_seal_keys(public, {"west": mine}, departures)
    west = load_seals("west", mine, public)
    after = sealed(seals=load_seals("noord", tmp_path / "noord" / "letters.jwks", public))
    assert [west.meant_for_earlier(one) for one in (before, after)] == [True, False]
    same = load_seals("west", left, public)  # a key it still has is its own, whatever is said of it
    assert (same.meant_for_earlier(before), same.open(message(), before).body) == (False, ASK)


@pytest.mark.parametrize("head", ["x", "xxxxx", "____", "W10", "bnVsbA", "eyJraWQiOltdfQ", "eyJraWQiOm51bGx9"])
def test_a_seal_that_says_nothing_readable_is_meant_for_no_earlier_site(head: str) -> None:
    west = Seals("west", KeySet([new_seal_key()]), {}, ["gone"])
    seal = f"{head}..{'n' * 16}.t.{'t' * 22}"
    assert not west.meant_for_earlier(told.HoldAsked(to="west", request_id=REQUEST, sealed=seal))
