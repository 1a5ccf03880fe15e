"""Tokens: signed for one subject, role and site, and for nothing and nobody else."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from infra.keys import ensure_token_key
from shared import security
from shared.security import (
    ROLES,
    Actor,
    TokenError,
    Verifier,
    issue_token,
    load_public_keys,
    load_signing_key,
    verify_token,
)

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
def key(tmp_path: Path) -> OKPKey:
    return load_signing_key(ensure_token_key(tmp_path)[0])


@pytest.fixture
def keys(tmp_path: Path) -> KeySet:
    return load_public_keys(ensure_token_key(tmp_path)[1])


def refused(keys: KeySet, token: str, site: str = "west", now: datetime = NOW) -> str:
    with pytest.raises(TokenError) as caught:
        verify_token(keys, token, site, now)
    assert token == "" or token not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("role", ROLES)
def test_a_token_says_who_acts_in_which_role_where(key: OKPKey, keys: KeySet, role: str) -> None:
    known = next(name for name in ROLES if name == role)
    token = issue_token(key, "script-x", known, "west", NOW)
    assert verify_token(keys, token, "west", NOW) == Actor("script-x", known, "west")


def test_a_token_lasts_as_long_as_it_was_given(key: OKPKey, keys: KeySet) -> None:
    token = issue_token(key, "s", "operator", "west", NOW, timedelta(minutes=5))
    assert verify_token(keys, token, "west", NOW + timedelta(minutes=4, seconds=59)).role == "operator"
    assert refused(keys, token, now=NOW + timedelta(minutes=5)) == "token-expired"


def test_a_token_of_another_site_is_refused(key: OKPKey, keys: KeySet) -> None:
    assert refused(keys, issue_token(key, "s", "operator", "west", NOW), site="stad") == "token-other-site"


def test_a_token_from_the_future_is_refused(key: OKPKey, keys: KeySet) -> None:
    assert refused(keys, issue_token(key, "s", "operator", "west", NOW + timedelta(minutes=2))) == "token-invalid"


def test_a_token_of_another_key_is_refused(keys: KeySet) -> None:
    stranger = OKPKey.generate_key("Ed25519", parameters={"alg": "Ed25519"}, auto_kid=True)
    assert refused(keys, issue_token(stranger, "s", "operator", "west", NOW)) == "token-invalid"


@pytest.mark.parametrize(
    "claims",
    [
        {"role": "mayor"},
        {"role": ["operator"]},
        {"role": None},
        {"sub": ""},
        {"sub": "s" * 201},
        {"sub": 7},
        {"site": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": None},
        {"iat": 1.5},
    ],
)
def test_a_signed_token_with_wrong_claims_is_refused(key: OKPKey, keys: KeySet, claims: dict[str, object]) -> None:
    good = {
        "sub": "s",
        "role": "operator",
        "site": "west",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 60,
    }
    token = jwt.encode({"alg": "Ed25519", "kid": key.kid}, good | claims, key, algorithms=["Ed25519"])
    assert refused(keys, token) == "token-invalid"


def unsigned(header: object, payload: object) -> str:
    parts = (json.dumps(part).encode() for part in (header, payload))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + ".AAAA"


def test_nothing_but_our_algorithm_and_a_right_signature_counts(key: OKPKey, keys: KeySet) -> None:
    claims = {
        "sub": "s",
        "role": "operator",
        "site": "west",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 60,
    }
    public = json.dumps(key.as_dict(private=False))
    confused = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(public), algorithms=["HS256"])
    good = issue_token(key, "s", "operator", "west", NOW)
    headers: list[object] = [
        {"alg": "none"}, {"alg": "HS256"}, {"alg": 3}, {"alg": ["Ed25519"]}, {}, [], None, "x",
        {"alg": "Ed25519", "kid": "other"}, {"alg": "Ed25519", "kid": {}}, {"alg": "Ed25519", "crit": ["x"]},
    ]  # fmt: skip
    tokens = [unsigned(header, claims) for header in headers]
    head, body, signature = good.split(".")
    other = body[:-2] + ("AA" if body[-2:] != "AA" else "BB")
    tokens += [confused, "", ".", "..", "a.b.c", "é.é.é", "x" * 5000, f"{head}.{other}.{signature}", f"{head}.{body}."]
    assert {token: refused(keys, token) for token in tokens} == dict.fromkeys(tokens, "token-invalid")


def test_the_key_file_is_private_and_made_once(tmp_path: Path) -> None:
    private, public = ensure_token_key(tmp_path)
    assert private.stat().st_mode & 0o077 == 0
    assert "d" not in json.loads(public.read_text())["keys"][0]
    before = private.read_text()
    assert ensure_token_key(tmp_path) == (private, public)
    assert private.read_text() == before


# --- the verifier a site keeps ----------------------------------------------------------------------------------------


def test_a_signature_is_checked_once_and_age_and_site_every_time(
    key: OKPKey, keys: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = Verifier(keys, "west")
    token = issue_token(key, "s", "operator", "west", NOW, timedelta(minutes=5))
    elsewhere = issue_token(key, "s", "operator", "stad", NOW)
    for _ in range(2):
        assert verifier(token, NOW) == Actor("s", "operator", "west")
        with pytest.raises(TokenError, match="token-other-site"):
            verifier(elsewhere, NOW)
    monkeypatch.setattr(security, "TOKEN_LENGTH_MAX", 0)  # whatever is looked at anew is refused from here on
    assert verifier(token, NOW + timedelta(minutes=4)).role == "operator"
    with pytest.raises(TokenError, match="token-expired"):
        verifier(token, NOW + timedelta(minutes=5))


def test_a_token_changed_by_one_letter_is_nobody_known(key: OKPKey, keys: KeySet) -> None:
    verifier = Verifier(keys, "west")
    token = issue_token(key, "s", "operator", "west", NOW)
    assert verifier(token, NOW).role == "operator"
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    raised = base64.urlsafe_b64encode(json.dumps(claims | {"role": "coordinator"}).encode()).rstrip(b"=").decode()
    for forged in (f"{head}.{raised}.{signature}", token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "\ud800"):
        with pytest.raises(TokenError, match="token-invalid"):
            verifier(forged, NOW)


def test_only_so_many_signatures_are_remembered(key: OKPKey, keys: KeySet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "VERIFIED_MAX", 2)
    verifier = Verifier(keys, "west")
    tokens = [issue_token(key, f"s{n}", "operator", "west", NOW) for n in range(3)]
    for token in tokens:
        verifier(token, NOW)
    monkeypatch.setattr(security, "TOKEN_LENGTH_MAX", 0)
    assert [verifier(token, NOW).subject for token in tokens[1:]] == ["s1", "s2"]
    with pytest.raises(TokenError, match="token-invalid"):
        verifier(tokens[0], NOW)
