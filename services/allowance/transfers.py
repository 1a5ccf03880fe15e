"""What goes to the bank of a run, and what comes back: a credit transfer initiation (ISO 20022 pain.001.001.09), and
statements (camt.053) and notifications (camt.054). Pure: the same run gives the same bytes.

Text is kept to what every bank of the area takes (EPC217-08, the Latin set of the SEPA guidelines). A statement is
read by the names of its elements, whatever its version: banks are years apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple
from xml.etree import ElementTree

from shared.ids import derived_id

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
NAME_MAX, REMITTANCE_MAX = 70, 140
"""Characters a name and a text to the payee may have."""
FILE_BYTES_MAX = 240_000
"""A longer statement is handed in by the day."""

_OTHER = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml[^>]*>")
_REASON = re.compile(r"[A-Z0-9]{1,4}")
"""A code of the list all banks share: what a bank writes in its own words may name somebody."""
_CENTS = re.compile(r"(?P<euros>[0-9]{1,13})(\.(?P<cents>[0-9]{1,5}))?")


class Party(NamedTuple):
    """Whose account it is."""

    name: str
    iban: str


class Transfer(NamedTuple):
    """One payment. reference: an id that comes back in a statement."""

    reference: str
    to: Party
    cents: int
    text: str


class BankLine(NamedTuple):
    """What a statement says of one payment. number: of its line, from 1. iban: of the payee; None where the bank leaves
    it out. cents: None when they cannot be read. returned: it came back; reason: the bank's code."""

    number: int
    reference: str
    cents: int | None
    iban: str | None
    returned: bool
    reason: str


def pain_001(file_id: str, debtor: Party, transfers: Sequence[Transfer], pay_on: date, made_at: datetime) -> bytes:
    """The file of one run, or nothing where nobody is paid so. file_id: by which a bank knows a file it has had.
    made_at: when the run was executed, UTC."""
    if not transfers:
        return b""
    total = _amount(sum(transfer.cents for transfer in transfers))
    document = ElementTree.Element("Document", {"xmlns": NAMESPACE})
    initiation = ElementTree.SubElement(document, "CstmrCdtTrfInitn")
    header = ElementTree.SubElement(initiation, "GrpHdr")
    _text(header, "MsgId", reference(file_id))
    _text(header, "CreDtTm", made_at.replace(microsecond=0, tzinfo=None).isoformat() + "Z")
    _text(header, "NbOfTxs", str(len(transfers)))
    _text(header, "CtrlSum", total)
    _text(header, "InitgPty/Nm", _latin(debtor.name, NAME_MAX))
    payment = ElementTree.SubElement(initiation, "PmtInf")
    _text(payment, "PmtInfId", reference(file_id))
    _text(payment, "PmtMtd", "TRF")
    _text(payment, "BtchBookg", "false")  # so that the statement has a line for each
    _text(payment, "NbOfTxs", str(len(transfers)))
    _text(payment, "CtrlSum", total)
    _text(payment, "PmtTpInf/SvcLvl/Cd", "SEPA")
    _text(payment, "ReqdExctnDt/Dt", pay_on.isoformat())
    _text(payment, "Dbtr/Nm", _latin(debtor.name, NAME_MAX))
    _text(payment, "DbtrAcct/Id/IBAN", debtor.iban)
    _text(payment, "DbtrAgt/FinInstnId/Othr/Id", "NOTPROVIDED")
    _text(payment, "ChrgBr", "SLEV")
    for transfer in transfers:
        _transfer(payment, transfer)
    ElementTree.indent(document)
    body: bytes = ElementTree.tostring(document, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body + b"\n"


def _transfer(payment: ElementTree.Element, transfer: Transfer) -> None:
    one = ElementTree.SubElement(payment, "CdtTrfTxInf")
    _text(one, "PmtId/EndToEndId", reference(transfer.reference))
    amount = ElementTree.SubElement(ElementTree.SubElement(one, "Amt"), "InstdAmt", {"Ccy": "EUR"})
    amount.text = _amount(transfer.cents)
    _text(one, "Cdtr/Nm", _latin(transfer.to.name, NAME_MAX))
    _text(one, "CdtrAcct/Id/IBAN", transfer.to.iban)
    _text(one, "RmtInf/Ustrd", _latin(transfer.text, REMITTANCE_MAX))


def reference(id_: str) -> str:
    """An id as a bank takes it: at most 35 characters."""
    return id_.replace("-", "")


def _text(parent: ElementTree.Element, path: str, text: str) -> None:
    for name in path.split("/"):
        parent = ElementTree.SubElement(parent, name)
    parent.text = text


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _latin(text: str, characters_max: int) -> str:
    plain = _OTHER.sub("+", text).strip()[:characters_max].strip()
    return plain or "-"


# --- what comes back --------------------------------------------------------------------------------------------------


def read_camt(text: str) -> list[BankLine] | None:
    """The payments a statement or notification says were booked; None of what is none, or means to harm: an
    entity of its own, or a document that is too large. What only waits (`PDNG`), and money of others, is left out."""
    if len(text.encode()) > FILE_BYTES_MAX or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        document = ElementTree.fromstring(_DECLARATION.sub("", text))  # noqa: S314 no entity gets here
    except ElementTree.ParseError:
        return None
    _without_namespaces(document)
    reports = [*document.iterfind("BkToCstmrStmt/Stmt"), *document.iterfind("BkToCstmrDbtCdtNtfctn/Ntfctn")]
    if document.tag != "Document" or not reports:
        return None
    return list(_lines(entry for report in reports for entry in report.iterfind("Ntry")))


def _without_namespaces(document: ElementTree.Element) -> None:
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]


def _lines(entries: Iterable[ElementTree.Element]) -> Iterator[BankLine]:
    number = 0
    for entry in entries:
        if (entry.findtext("Sts/Cd") or entry.findtext("Sts") or "").strip() != "BOOK":
            continue
        details = entry.findall("NtryDtls/TxDtls")
        for detail in details:
            end_to_end = (detail.findtext("Refs/EndToEndId") or "").strip()
            side = (detail.findtext("CdtDbtInd") or entry.findtext("CdtDbtInd") or "").strip()
            returned = detail.find("RtrInf") is not None or entry.findtext("RvslInd", "").strip() == "true"
            if not end_to_end or (side == "CRDT" and not returned):  # somebody else's money
                continue
            number += 1
            alone = len(details) == 1
            iban = detail.findtext("RltdPties/CdtrAcct/Id/IBAN")
            reason = (detail.findtext("RtrInf/Rsn/Cd") or "").strip()
            yield BankLine(
                number, _id(end_to_end), _read_cents(detail, entry if alone else None),
                None if iban is None else iban.replace(" ", "").upper(), returned,
                reason if _REASON.fullmatch(reason) else "",
            )  # fmt: skip


def _id(text: str) -> str:
    """The id a reference was made of; what is none stays as it is."""
    plain = text.lower()
    if not re.fullmatch(r"[0-9a-f]{32}", plain):
        return text[:35]
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]))


def _read_cents(detail: ElementTree.Element, entry: ElementTree.Element | None) -> int | None:
    """What was transferred: of the detail, or of an entry that has only this one."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"):
        found = detail.find(path)
        if found is not None:
            return _cents(found)
    return None if entry is None else _cents(entry.find("Amt"))


def _cents(amount: ElementTree.Element | None) -> int | None:
    if amount is None or amount.get("Ccy") != "EUR":
        return None
    written = _CENTS.fullmatch((amount.text or "").strip())
    if written is None:
        return None
    cents = (written["cents"] or "").ljust(2, "0")
    return None if cents[2:].strip("0") else int(written["euros"]) * 100 + int(cents[:2])


def order_id(programme_id: str, period: str, whom: str) -> str:
    """The id of what is ordered for one payee, a site's organisation or a card, with the run of a period. A store that
    was restored makes that run once more under another id: the bank and the cards' issuer are asked for the same, not
    for more."""
    return derived_id("order", programme_id, period, whom)


def file_id(programme_id: str, period: str) -> str:
    """The id of the bank's file with which a period is paid, however often its run is made."""
    return derived_id("bank-file", programme_id, period)
