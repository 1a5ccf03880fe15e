"""HTTP: vouchers, at the desk of the client's site, with and without a link."""

from __future__ import annotations

import secrets
from collections import deque
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from msgspec.structs import replace
from pydantic import BaseModel, StringConstraints

from services.allowance import commands_handout as cmd
from services.allowance import views
from services.allowance import views_handout as table
from services.allowance.api_desk import Allowance, Asked, base
from services.allowance.vouchers import CHANCE_BYTES, code_of, hashed
from shared.handling import KeyClaim
from shared.http import Claim
from shared.http_access import CurrentActor
from shared.http_models import Body, CommandAnswer, Page, PageQuery, Uuid, decode_cursor, encode_cursor
from shared.http_problems import Problem

WRONG_MAX, WRONG_SECONDS = 10, 60.0
"""Wrong codes one person may try in a minute."""


class VoucherBody(Body):
    """voucher: the payment's id, as `GET /vouchers` has it."""

    voucher: Uuid


class RedeemBody(Body):
    """code: as it was given; blanks, hyphens and small letters do not matter."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=80)]


class VouchersQuery(PageQuery):
    entitlement_id: Uuid | None = None
    status: Literal["waiting", "issued", "redeemed", "expired"] | None = None


class VoucherView(BaseModel):
    """status: `issued` once a code was given. Of the code nothing is shown."""

    id: str
    entitlement_id: str
    programme_id: str
    period: str
    cents: int
    status: str
    expires_at: datetime
    version: int


class TransfersQuery(PageQuery):
    entitlement_id: Uuid | None = None
    status: Literal["sent", "paid", "returned"] | None = None
    period: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-W?[0-9]{2}$")] | None = None


class TransferView(BaseModel):
    """One client's part of a transfer to the organisation that hands out the cash here. status: `sent`, `paid` to it,
    `returned` by the bank: then it is paid with a later run. moved_at: since when."""

    id: str
    entitlement_id: str
    programme_id: str
    period: str
    cents: int
    status: str
    moved_at: datetime
    version: int


class IssueAnswer(CommandAnswer):
    """code: shown here, once; null when the request is repeated. Another request gives another code, and makes this one
    worthless."""

    code: str | None
    cents: int
    expires_at: datetime


class RedeemAnswer(CommandAnswer):
    """cents: what is handed out."""

    cents: int
    entitlement_id: str


class VoucherRoutes:
    """Every command and question about vouchers, one method each."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._wrong: dict[str, deque[float]] = {}

    async def list_vouchers(self, query: Annotated[VouchersQuery, Query()]) -> Page[VoucherView]:
        """What this site hands out, and has handed out."""
        where = {"entitlement_id": query.entitlement_id, "status": query.status}
        given = {name: value for name, value in where.items() if value is not None}
        store = self._allowance.store
        rows = await store.page(table.vouchers, decode_cursor(query.cursor), query.limit + 1, **given)
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1]["id"])) if len(rows) > query.limit else None
        return Page[VoucherView](items=[VoucherView(**row) for row in shown], next=following)

    async def list_transfers(self, query: Annotated[TransfersQuery, Query()]) -> Page[TransferView]:
        """For which clients of this site money was sent to the organisation that hands out the cash, and came."""
        where = {"entitlement_id": query.entitlement_id, "status": query.status, "period": query.period}
        given = {name: value for name, value in where.items() if value is not None}
        store = self._allowance.store
        rows = await store.page(table.transfers, decode_cursor(query.cursor), query.limit + 1, **given)
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1]["id"])) if len(rows) > query.limit else None
        return Page[TransferView](items=[TransferView(**row) for row in shown], next=following)

    async def issue(self, body: VoucherBody, actor: CurrentActor, claim: Claim) -> IssueAnswer:
        """Give a code for one payment, for whoever has lost theirs too. Refused: `voucher-redeemed`, `voucher-expired`,
        `client-erased`."""
        row = await self._allowance.row(table.vouchers, body.voucher, "voucher")
        await self._not_erased(row)
        code = code_of(secrets.token_bytes(CHANCE_BYTES))
        handled = await self._allowance.handout(
            row["handout_id"], Asked(actor, claim), cmd.IssueVoucher, entitlement_id=row["entitlement_id"],
            hashed=hashed(code),
        )  # fmt: skip
        return IssueAnswer(
            **base(row["id"], handled), code=None if handled.replayed else code, cents=row["cents"],
            expires_at=row["expires_at"],
        )  # fmt: skip

    async def redeem(self, code: str, actor: CurrentActor, claim: Claim) -> RedeemAnswer:
        """Hand out the cash for a code, once, whoever else shows it. Refused: `voucher-unknown` (also one of another
        site), `voucher-redeemed`, `voucher-expired`, `client-erased`, `too-many-attempts`."""
        self._may_try(actor.subject)
        kept = hashed(code)
        rows = [] if kept is None else await self._allowance.store.rows(table.vouchers, hashed=kept)
        if not rows:
            self._tried(actor.subject)
            raise Problem(404, "voucher-unknown")
        [row] = rows
        await self._not_erased(row)
        asked = Asked(actor, _without_code(claim, row["id"]))
        handled = await self._allowance.handout(row["handout_id"], asked, cmd.RedeemVoucher, hashed=kept)
        return RedeemAnswer(
            **base(row["id"], handled), cents=row["cents"], entitlement_id=row["entitlement_id"]
        )  # fmt: skip

    async def redeem_code(self, body: RedeemBody, actor: CurrentActor, claim: Claim) -> RedeemAnswer:
        """The same, with the code in the body: it is in no address that somebody keeps. Refused: as there."""
        return await self.redeem(body.code, actor, claim)

    def _may_try(self, subject: str) -> None:
        """Raises 429 `too-many-attempts`."""
        now = self._allowance.clock.monotonic()
        self._wrong = {who: when for who, when in self._wrong.items() if when and when[-1] > now - WRONG_SECONDS}
        wrong = self._wrong.get(subject, deque())
        if len(wrong) == WRONG_MAX and wrong[0] > now - WRONG_SECONDS:
            seconds = max(1, round(wrong[0] + WRONG_SECONDS - now))
            raise Problem(429, "too-many-attempts", headers={"Retry-After": str(seconds)})

    def _tried(self, subject: str) -> None:
        """Others may have tried, and been counted, since it was asked whether this one may."""
        self._wrong.setdefault(subject, deque(maxlen=WRONG_MAX)).append(self._allowance.clock.monotonic())

    async def _not_erased(self, row: dict[str, Any]) -> None:
        """Raises 410 `client-erased`."""
        found = await self._allowance.store.rows(views.entitlements, id=row["entitlement_id"])
        for one in found:
            client, _ = await self._allowance.clients.load(one["client_id"])
            if client.forgotten_from is not None:
                raise Problem(410, "client-erased")


def _without_code(claim: KeyClaim | None, voucher_id: str) -> KeyClaim | None:
    """The key as it is stored: its scope is the path, and that has the code in it."""
    if claim is None:
        return None
    return replace(claim, scope=f"{claim.scope.split(' ')[0]} POST /vouchers/{voucher_id}/redeem")
