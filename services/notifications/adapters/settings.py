"""Which channels a site has, read from a file of its own (`channels` in the site's settings). Without it everything
goes to the desk.

```toml
begun = "/var/lib/plek/begun" # at a site without a vault: what may have been sent, out of the reach of backups

[email]                       # for clients who chose e-mail
host = "smtp.example.org"
sender = "desk@example.org"
username = "desk"
password = "..."

[sms]                         # a gateway for text messages, behind a signed webhook
url = "https://gateway.example.org/plek"
secret = "..."

[chat]                        # a gateway for a chat app, in the same way
url = "https://chat.example.org/plek"
secret = "..."

[webhook]                     # for those who work here
url = "https://hooks.example.org/plek"
secret = "..."

[staff.oncall]
channel = "webhook"           # or "email", with an address

[room_below]                  # at the municipality: who coordinates hears when fewer places of a kind are free
shelter_24h = 20
```
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from shared.contracts.vocabulary import BedKind
from shared.settings import SettingsError

HERE = frozenset({"127.0.0.1", "::1", "localhost"})
StaffRole = Literal["operator", "caseworker", "coordinator", "finance", "oncall"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmailSettings(_Table):
    """secret: what whoever reads the mail that comes back signs with, when there is somebody.

    tls: `starttls`, or `implicit` for a server that speaks it from the first byte; there is no third way.

    ca_file: whom to believe about the server, instead of the machine's own list.
    """

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit"] = "starttls"
    sender: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    username: str = ""
    password: SecretStr | None = None
    secret: SecretStr | None = Field(default=None, min_length=16)
    ca_file: Path | None = None
    per_minute: int = Field(default=120, ge=1)


class WebhookSettings(_Table):
    """url: where to; it may hold a token, so it is a secret. secret: what bodies are signed with.

    Addresses and texts are in what is posted: it goes over TLS, or to this machine.
    """

    url: SecretStr
    secret: SecretStr = Field(min_length=16)
    per_minute: int = Field(default=120, ge=1)

    @field_validator("url")
    @classmethod
    def _nobody_listens(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            here = parts.scheme == "http" and parts.hostname in HERE
            fine = bool(parts.hostname) and (here or parts.scheme == "https")
        except ValueError:
            fine = False
        if not fine:
            raise ValueError("has to begin with https://")
        return url


class StaffSettings(_Table):
    """How those of one role are reached. address: for e-mail."""

    channel: Literal["email", "webhook"]
    address: str = ""


class ChannelSettings(_Table):
    """A part that is missing is a channel this site does not have. begun: the folder that says what may have been sent
    (`begun.py`), out of the reach of every backup that is put back; beside the vault's list when it is not named."""

    email: EmailSettings | None = None
    sms: WebhookSettings | None = None
    chat: WebhookSettings | None = None
    webhook: WebhookSettings | None = None
    staff: dict[StaffRole, StaffSettings] = Field(default_factory=dict)
    begun: Path | None = None
    room_below: dict[BedKind, Annotated[int, Field(ge=1, le=100_000)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _hangs_together(self) -> ChannelSettings:
        for role, staff in self.staff.items():
            if getattr(self, staff.channel) is None:
                raise ValueError(f"staff.{role} wants {staff.channel}, which is not configured")
            if staff.channel == "email" and "@" not in staff.address:
                raise ValueError(f"staff.{role} has no address")
        return self


def load_channels(path: Path | None) -> ChannelSettings:
    """Reads the file. Raises `SettingsError` with one line that holds no value of it."""
    if path is None:
        return ChannelSettings()
    try:
        return ChannelSettings.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {(error.strerror or 'unknown').lower()}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise SettingsError(f"{path} is not TOML") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SettingsError(f"{path}: {where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
