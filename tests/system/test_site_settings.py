"""A site's settings: a round trip through their file, secrets that never show, one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.settings import SettingsError, SiteSettings, inbox_prefix

SECRET = "postgresql://plek:hunter2@db/placement"
VALUES: dict[str, Any] = {
    "site": "west",
    "hub": "stad",
    "sites": ["stad", "west"],
    "locations": [{"name": "west", "title": "West", "district": "West"}],
    "services": ["placement"],
    "port": 8401,
    "databases": {"placement": SECRET},
    "nats_url": "nats://127.0.0.1:4222",
    "credentials": {"city.placement": "keys/city.placement.nk"},
    "token_keys": "keys/tokens.jwks",
    "seal_keys": "keys/letters.jwks",
    "network_keys": "keys/letters.json",
}


def written(tmp_path: Path, values: object) -> Path:
    path = tmp_path / "west.json"
    path.write_text(json.dumps(values), "utf-8")
    return path


def test_settings_survive_a_round_trip_through_a_private_file(tmp_path: Path) -> None:
    settings = SiteSettings.load(written(tmp_path, VALUES))
    assert settings.databases["placement"].get_secret_value() == SECRET
    assert not settings.is_hub
    settings.save(tmp_path / "deep" / "again.json")
    assert SiteSettings.load(tmp_path / "deep" / "again.json") == settings
    assert (tmp_path / "deep" / "again.json").stat().st_mode & 0o077 == 0


def test_secrets_never_show(tmp_path: Path) -> None:
    settings = SiteSettings.load(written(tmp_path, VALUES))
    for shown in (repr(settings), str(settings), f"{settings.databases}", str(settings.model_dump())):
        assert "hunter2" not in shown


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLEK_SITE_FILE", str(written(tmp_path, VALUES)))
    assert SiteSettings.load().site == "west"
    monkeypatch.delenv("PLEK_SITE_FILE")
    with pytest.raises(SettingsError, match="PLEK_SITE_FILE is not set"):
        SiteSettings.load()


def test_a_bus_user_connects_with_its_own_key_and_inbox(tmp_path: Path) -> None:
    options = SiteSettings.load(written(tmp_path, VALUES)).nats_options("city.placement")
    assert options["nkeys_seed"] == "keys/city.placement.nk"
    assert options["inbox_prefix"] == inbox_prefix("west", "city.placement") == "_INBOX.west.city-placement"
    assert options["max_reconnect_attempts"] == -1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"port": 0}, "port: "),
        ({"colour": "red"}, "colour: "),
        ({"databases": {}}, "no database for placement"),
        ({"databases": {"placement": ["hunter2"]}}, "databases.placement: "),
        ({"hub": "noord"}, "site and hub must both be among sites"),
        ({"trace_sample_ratio": 2}, "trace_sample_ratio: "),
    ],
)
def test_a_mistake_is_one_line_without_the_value(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingsError, match="is not a site's settings: ") as caught:
        SiteSettings.load(written(tmp_path, VALUES | change))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_settings_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "west.json").write_text("{", "utf-8")
    with pytest.raises(SettingsError, match="not JSON"):
        SiteSettings.load(tmp_path / "west.json")
    with pytest.raises(SettingsError, match="no settings file at"):
        SiteSettings.load(tmp_path / "none.json")
