"""A real SMTP server for tests, with TLS and a certificate of its own. It keeps what it takes and misbehaves
on order."""

from __future__ import annotations

import asyncio
import email
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


@dataclass
class Mailbox:
    """mails: every message taken, in order, with whom it was for. answers: what it says to the next messages instead of
    taking them: an SMTP answer; `silent` takes the message and hangs up without a word. refuses: addresses nobody has.
    """

    port: int = 0
    ca_file: Path = Path()
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    in_the_open: int = 0

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for to, mail in list(self.mails) if to == address]

    # --- what aiosmtpd asks -------------------------------------------------------------------------------------------

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if session.ssl is None:
            self.in_the_open += 1
        if address in self.refuses:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer[:3] in ("250", "sil"):
            mail = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(mail, EmailMessage)
            self.mails += [(to, mail) for to in envelope.rcpt_tos]
        if answer == "silent":
            server.transport.abort()
            await asyncio.sleep(0)
        return answer if answer != "silent" else "421 gone"


@contextmanager
def open_mailbox(directory: Path) -> Iterator[Mailbox]:
    """The server, which takes nothing that does not come under TLS."""
    box = Mailbox(ca_file=directory / "mail-ca.pem")
    key_file = directory / "mail-key.pem"
    _certificate(box.ca_file, key_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(box.ca_file, key_file)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve() -> asyncio.Server:
        def session() -> SMTP:
            return SMTP(box, tls_context=context, require_starttls=True, hostname="mail")

        return await loop.create_server(session, HOST, 0)

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(20)
    try:
        box.port = server.sockets[0].getsockname()[1]
        yield box
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _certificate(path: Path, key_file: Path) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=900))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip
