"""E-mail over SMTP with TLS, always: without it the connection is not used."""

from __future__ import annotations

import html
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from functools import cached_property

import aiosmtplib

from services.notifications.adapters.port import ChannelProblem, Outgoing
from services.notifications.adapters.settings import EmailSettings

STEP_SECONDS = 10.0
"""How long the server may take for one answer; there are five or six."""
LASTING_FROM = 500
"""Answers of the server from here on are final (RFC 5321, 4.2.1)."""


class SmtpChannel:
    """One connection a message: a server that hangs holds up that message only."""

    keyed = False
    confirms = False

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self.per_minute = settings.per_minute

    async def send(self, outgoing: Outgoing) -> None:
        """Raises `ChannelProblem`: `channel-unreachable`, `channel-refused` (us), `address-refused`, `message-refused`,
        and `channel-silent` when the server has the text and does not say what it did with it."""
        settings = self._settings
        try:
            message = mail(outgoing, settings.sender)
        except (MessageError, ValueError):  # it would quote the address
            raise ChannelProblem("address-refused", lasting=True) from None
        client = aiosmtplib.SMTP(
            hostname=settings.host, port=settings.port, timeout=STEP_SECONDS, tls_context=self._trusted,
            use_tls=settings.tls == "implicit", start_tls=settings.tls == "starttls",
        )  # fmt: skip
        try:
            await self._reach(client)
            await self._address(client, outgoing.address)
            await self._hand_over(client, message)
        finally:
            client.close()

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """Made once: it takes longer than a mail."""
        ca_file = self._settings.ca_file
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))

    async def _reach(self, client: aiosmtplib.SMTP) -> None:
        settings = self._settings
        try:
            await client.connect()
            if settings.username and settings.password is not None:
                await client.login(settings.username, settings.password.get_secret_value())
            await client.mail(settings.sender)
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPNotSupported):
            raise ChannelProblem("channel-refused", ours=True) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError):
            raise ChannelProblem("channel-unreachable", ours=True) from None

    @staticmethod
    async def _address(client: aiosmtplib.SMTP, address: str) -> None:
        try:
            await client.rcpt(address)
        except aiosmtplib.SMTPResponseException as refused:
            raise ChannelProblem("address-refused", lasting=refused.code >= LASTING_FROM) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError):
            raise ChannelProblem("channel-unreachable", ours=True) from None

    @staticmethod
    async def _hand_over(client: aiosmtplib.SMTP, message: EmailMessage) -> None:
        try:
            await client.data(message.as_bytes())
        except aiosmtplib.SMTPResponseException as refused:
            raise ChannelProblem("message-refused", lasting=refused.code >= LASTING_FROM) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            raise ChannelProblem("channel-silent", known=False) from None


def mail(outgoing: Outgoing, sender: str) -> EmailMessage:
    """The message as it is mailed: a text, and the same for programs that show the direction of a language.

    Its `Message-ID` is the message's own, so that a mailbox that gets a repeat can tell.
    """
    written, message = outgoing.written, EmailMessage()
    message["From"] = sender
    message["To"] = Address(addr_spec=outgoing.address)
    message["Subject"] = written.subject
    message["Message-ID"] = f"<{outgoing.message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = ", ".join(dict.fromkeys(text.language for text in written.texts))
    message.set_content(written.plain)
    paragraphs = "".join(
        f'<p lang="{part.language}" dir="{part.direction}">{html.escape(part.body).replace(chr(10), "<br>")}</p>'
        for part in written.parts
    )
    message.add_alternative(f"<!doctype html><html><body>{paragraphs}</body></html>", subtype="html")
    return message
