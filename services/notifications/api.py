"""HTTP: the log of messages, what the desk has to tell, and every template to look at."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import msgspec
from babel import Locale
from fastapi import FastAPI, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from services.notifications import api_models as m
from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications import views
from services.notifications.adapters.contacts import Contacts, ContactsUnavailable
from services.notifications.adapters.stops import Stops
from services.notifications.api_back import Heard
from services.notifications.api_send import INPUT_CODES, Sends, outcome_of
from services.notifications.decider_recipient import Recipient
from services.notifications.wording import (
    LANGUAGES,
    RIGHT_TO_LEFT,
    SHEETS,
    STAFF_LANGUAGES,
    SUBJECT,
    TEMPLATES,
    reads,
)
from services.notifications.words import NOBODY, Written, catalogue, say, write
from shared import metrics
from shared.clock import Clock
from shared.contracts.contact import ContactAnswered, ContactAsked
from shared.handling import Context, Handler
from shared.http import Claim, service_api, wait_caught_up
from shared.http_access import EVERYBODY, CurrentActor, allow, open_to_all
from shared.http_models import EventRef, Page, PageQuery, decode_cursor, encode_cursor, is_id
from shared.http_problems import Problem, rejected
from shared.http_repair import Bench, add_repair
from shared.ids import Ids
from shared.ports import Store
from shared.security import Role
from shared.telemetry import current_traceparent

Route = tuple[str, str, Callable[..., Any], int, tuple[Role, ...]]
"""Method, path, endpoint, status of success, who may call."""

WATCHERS: tuple[Role, ...] = ("oncall", "auditor", "caseworker")
"""Who may see what became of messages, without what they say."""
KNOWERS: tuple[Role, ...] = ("caseworker",)
"""Who of them may see which client a message is for; others would join a client's requests without a recorded look."""
CLIENT = "client"
"""What the others see instead."""
TELLERS: tuple[Role, ...] = ("operator", "caseworker")
"""Who tells people what no channel could, and what is for each other."""
DESK: tuple[Role, ...] = (*TELLERS, "coordinator", "finance", "oncall")
"""Who reads at the desk what is for them."""

SAMPLE = {"date": "2026-01-05", "time": "2026-01-05T18:30:00+00:00", "word": "West"}
"""What the preview fills in, by kind of field."""

View = TypeVar("View", bound=BaseModel)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Notifications:
    """What the routes work with."""

    store: Store
    recipients: Handler[Recipient, cmd.RecipientCommand, ev.RecipientEvent]
    contacts: Contacts
    clock: Clock
    ids: Ids
    secrets: Mapping[str, str]
    """What each channel signs with that may say something back."""
    stops: Stops = field(default_factory=Stops)


def routes(answers: Reads, sends: Sends) -> list[Route]:
    """Every path of the service and who may call it, beside those a service shares with others."""
    return [
        ("GET", "/messages", answers.list_messages, 200, WATCHERS),
        ("POST", "/messages", sends.send, 201, KNOWERS),
        ("GET", "/messages/{message_id}", answers.show_message, 200, WATCHERS),
        ("GET", "/desk", answers.desk, 200, DESK),
        ("POST", "/clients/{client_id}/allow-messages", sends.allow, 200, KNOWERS),
        ("POST", "/messages/{message_id}/told", answers.told, 200, DESK),
        ("GET", "/preview", answers.preview, 200, tuple(sorted(EVERYBODY))),
    ]


def build(notifications: Notifications, bench: Bench, asyncapi: Mapping[str, Any]) -> FastAPI:
    """The service's application, to be mounted at `/api/notifications`. asyncapi: the document of what it hears."""
    api = service_api("notifications", "Notifications: messages and the desk", asyncapi=asyncapi)
    for method, path, endpoint, status, roles in routes(Reads(notifications), Sends(notifications)):
        allow(*roles)(getattr(endpoint, "__func__", endpoint))
        page = {"response_class": HTMLResponse, "response_model": None} if path == "/preview" else {}
        api.add_api_route(path, endpoint, methods=[method], status_code=status, **page)  # type: ignore[arg-type]
    heard = Heard(notifications, notifications.secrets)
    open_to_all(Heard.hear)  # it is signed
    api.add_api_route("/channels/{channel}/word", heard.hear, methods=["POST"], status_code=204)
    add_repair(api, bench)
    return api


class Reads:
    """Every question that comes over HTTP, and the one command."""

    def __init__(self, notifications: Notifications) -> None:
        self._with = notifications

    async def list_messages(
        self, query: Annotated[m.MessagesQuery, Query()], actor: CurrentActor
    ) -> Page[m.MessageView]:
        """This site's messages, and what became of each; none of them says what it said, nor to which client unless
        a caseworker asks. Refused: 403 `role-not-allowed` for anybody else who asks for one client's."""
        if query.recipient is not None and is_id(query.recipient) and actor.role not in KNOWERS:
            raise Problem(403, "role-not-allowed", facts={"role": actor.role, "allowed": sorted(KNOWERS)})
        where = {
            "status": query.status, "recipient": query.recipient, "cause_id": query.cause_id,
            "channel": query.channel, "because": query.because, "template": query.template,
        }  # fmt: skip
        given = {name: value for name, value in where.items() if value is not None}
        return await self._page(m.MessageView, query, _shown_to(actor.role), given)

    async def show_message(self, message_id: str, actor: CurrentActor) -> m.MessageView:
        """One message. 404 `message-unknown`."""
        return m.MessageView(**await _shown_to(actor.role)(await self._row(message_id)))

    async def desk(self, query: Annotated[m.DeskQuery, Query()], actor: CurrentActor) -> Page[m.DeskView]:
        """What has to be told here, in the language of whoever it is for, and what is for whoever asks. Nobody who was
        erased is in it."""
        shown = AtDesk(self._with.contacts, actor.role).shown
        return await self._page(m.DeskView, query, shown, {"status": "desk"})

    async def told(self, message_id: str, actor: CurrentActor, claim: Claim) -> m.ToldAnswer:
        """They were told. A second time changes nothing. Refused: `message-not-at-desk`; 404 `message-unknown`, also of
        what is not for whoever asks."""
        row = await self._row(message_id)
        if not tells(actor.role, row):
            raise Problem(404, "message-unknown")
        deciding, command_id = self._with, self._with.ids.event_id()
        command = cmd.RecordTold(
            at=deciding.clock.now(), role=actor.role, recipient=row["recipient"], message_id=message_id
        )
        context = Context(command_id, deciding.ids.random_id(), command_id, current_traceparent(), claim)
        handled = await deciding.recipients.handle(row["recipient"], command, context)
        metrics.COMMANDS.labels("notifications", "RecordTold", outcome_of(handled)).inc()
        if handled.rejected is not None:
            raise rejected(handled.rejected, INPUT_CODES)
        events = [EventRef(id=id_, type=str(type(event).__struct_config__.tag)) for id_, event in handled.events]
        return m.ToldAnswer(
            id=message_id, version=handled.version, position=handled.position, events=events,
            recipient=row["recipient"],
        )  # fmt: skip

    async def preview(self) -> Response:
        """Every template in every language, neutral and explicit, as it would go out, and who has reviewed it."""
        return HTMLResponse(preview_page())

    # --- rows ---------------------------------------------------------------------------------------------------------

    async def _row(self, message_id: str) -> Row:
        rows = await self._with.store.rows(views.messages, id=message_id) if is_id(message_id) else []
        if not rows:
            raise Problem(404, "message-unknown")
        return rows[0]

    async def _page(
        self, view: type[View], query: PageQuery, shape: Callable[[Row], Awaitable[Mapping[str, Any] | None]],
        where: Mapping[str, Any],
    ) -> Page[View]:  # fmt: skip
        store = self._with.store

        async def stored(position: int) -> None:
            while True:
                seen = store.appended.count
                if await store.last_position() >= position:
                    return
                await store.appended.wait(seen)

        await wait_caught_up(query.after, stored)
        rows = await store.page(views.messages, decode_cursor(query.cursor), query.limit + 1, **where)
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1]["id"])) if len(rows) > query.limit else None
        shaped = [await shape(row) for row in shown]
        return Page[View](items=[view(**one) for one in shaped if one is not None], next=following)


def tells(role: Role, row: Row) -> bool:
    """Whether somebody in this role tells a message, or is told it. What a sheet is about is between a caseworker and
    their client."""
    if is_id(row["recipient"]):
        return role == "caseworker" or (role in TELLERS and row["template"] not in SHEETS)
    return role == row["recipient"] or (role in TELLERS and row["recipient"] in TELLERS)


class AtDesk:
    """What one page of the desk's list says. Once nobody answers for the vault it is not asked again for that page."""

    def __init__(self, contacts: Contacts, role: Role) -> None:
        self._contacts, self._role, self._answers = contacts, role, True

    async def shown(self, row: Row) -> Mapping[str, Any] | None:
        if not tells(self._role, row):
            return None
        recipient: str = row["recipient"]
        alias: str | None = None
        languages: tuple[str, ...] = STAFF_LANGUAGES
        if is_id(recipient):
            answer = await self._contact(recipient, row["id"])
            if answer.status == "gone":
                return None
            if answer.status == "known":
                alias, languages = answer.alias, answer.languages
        fields = msgspec.json.decode(row["fields"], type=dict[str, str])
        written = write(
            row["template"], fields, reads(languages), explicit=True, repeat=row["repeat"], count=row["gathered"]
        )
        return {
            "id": row["id"], "recipient": recipient, "alias": alias, "template": row["template"],
            "because": row["because"], "repeat": row["repeat"], "chosen_at": row["chosen_at"],
            "ends_at": row["due_at"], "texts": _texts(written),
        }  # fmt: skip

    async def _contact(self, client_id: str, message_id: str) -> ContactAnswered:
        if self._answers:
            try:
                return await self._contacts.ask(ContactAsked(client_id, message_id))
            except ContactsUnavailable:
                self._answers = False
        return ContactAnswered("shut")


def _shown_to(role: Role) -> Callable[[Row], Awaitable[Mapping[str, Any]]]:
    async def shown(row: Row) -> Mapping[str, Any]:
        hidden = {"recipient": CLIENT} if is_id(row["recipient"]) and role not in KNOWERS else {}
        return {name: value for name, value in row.items() if name != "fields"} | hidden

    return shown


def _texts(written: Written) -> list[dict[str, Any]]:
    return [
        {"language": text.language, "direction": text.direction, "text": text.body, "reviewed": text.reviewed}
        for text in written.texts
    ]


def preview_page() -> str:
    """The page of the preview: a section a language, a row a template and form."""
    sections = []
    for language in LANGUAGES:
        known = catalogue(language)
        direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
        mark = "" if known.reviewed else " <strong>sent beside Dutch</strong>"
        rows = [
            f"<tr><th scope='row'>{name}</th><td lang='{language}' dir='{direction}'>{html.escape(text)}</td></tr>"
            for name, text in _samples(language)
        ]
        who = f"reviewed by: {html.escape(known.reviewer)}" if known.reviewer != NOBODY else "not reviewed"
        heading = f"<h2 id='{language}'>{_name(language)}</h2><p>{who}{mark}</p>"
        sections.append(f"<section aria-labelledby='{language}'>{heading}<table>{''.join(rows)}</table></section>")
    ways = "".join(f"<li><a href='#{language}'>{_name(language)}</a></li>" for language in LANGUAGES)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'><title>Messages</title></head><body>"
        f"<main><h1>Messages</h1><nav aria-label='Languages'><ul>{ways}</ul></nav>{''.join(sections)}</main>"
        "</body></html>"
    )


def _name(language: str) -> str:
    """What a language is called, in English and by those who speak it."""
    locale = Locale(language)
    return html.escape(f"{locale.get_display_name('en')} ({locale.get_display_name()})")


def _samples(language: str) -> list[tuple[str, str]]:
    """Every text of one language, filled in."""
    samples = [("subject", say(SUBJECT, language))]
    neutral = write("request_noted", {}, language, explicit=False, repeat=True)
    samples.append(("neutral, a repeat", neutral.texts[0].body))
    samples += [(f"summary of {n}", write("summary", {}, language, explicit=True, count=n).texts[0].body)
                for n in (1, 2, 5, 12)]  # fmt: skip
    for name, template in TEMPLATES.items():
        if not template.staff or language in STAFF_LANGUAGES:
            fields = {field: SAMPLE[kind] for field, kind in template.fields.items()}
            samples.append((name, write(name, fields, language, explicit=True).texts[0].body))
    return samples
