"""The files that go to a bank and to the cards' issuer, and what is read of theirs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files

import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from services.allowance.loads import CardLine, Load, WrongLine, load_file, read_answer
from services.allowance.transfers import BankLine, Party, Transfer, pain_001, read_camt, reference
from shared.money import CENTS_MAX
from tests.allowance.sample import RUN, RUN_2, SEAT, STAD_ACCOUNT, WEST_ACCOUNT

PAYER, PAYEE = Party(STAD_ACCOUNT.name, STAD_ACCOUNT.iban), Party(WEST_ACCOUNT.name, WEST_ACCOUNT.iban)
AT = datetime(2026, 2, 6, 9, 30, 1, 5, tzinfo=UTC)


@cache
def schema() -> xmlschema.XMLSchema:
    """Of pain.001.001.09, as ISO 20022 publishes it and `sepaxml` brings it."""
    return xmlschema.XMLSchema(str(files("sepaxml").joinpath("schemas", "pain.001.001.09.xsd")))


def made(*transfers: Transfer) -> bytes:
    return pain_001(RUN, PAYER, transfers, date(2026, 2, 9), AT)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Transfer, st.uuids().map(str), st.builds(Party, st.text(max_size=200), st.just(PAYEE.iban)),
            st.integers(1, CENTS_MAX // 12), st.text(max_size=300),
        ),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_every_file_is_what_its_schema_says(transfers: list[Transfer]) -> None:
    data = made(*transfers)
    schema().validate(data.decode())
    document = schema().to_dict(data.decode())
    header = document["CstmrCdtTrfInitn"]["GrpHdr"]  # type: ignore[index,call-overload]
    assert (header["NbOfTxs"], header["CtrlSum"] * 100) == (str(len(transfers)), sum(it.cents for it in transfers))


def test_the_same_run_gives_the_same_bytes_and_nobody_paid_gives_none() -> None:
    one = Transfer(RUN_2, PAYEE, 54_001, "2026-01")
    assert made(one) == made(one)
    text = made(one).decode()
    for part in (
        f"<MsgId>{reference(RUN)}</MsgId>", "<CreDtTm>2026-02-06T09:30:01Z</CreDtTm>", '<InstdAmt Ccy="EUR">540.01<',
        "<Nm>Stichting West + Co</Nm>", "<IBAN>BE68539007547034</IBAN>", "<Dt>2026-02-09</Dt>",
    ):  # fmt: skip
        assert part in text, part
    assert made() == b""


CAMT_053 = f"""\ufeff<?xml version="1.0" encoding="UTF-8"?>
<!-- what a bank writes above it -->
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>
  <Ntry><Amt Ccy="EUR">540.01</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><NtryDtls><TxDtls>
    <Refs><EndToEndId>{reference(RUN)}</EndToEndId></Refs>
    <RltdPties><CdtrAcct><Id><IBAN>BE68 5390 0754 7034</IBAN></Id></CdtrAcct></RltdPties></TxDtls></NtryDtls></Ntry>
  <Ntry><Amt Ccy="EUR">99.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>PDNG</Sts><NtryDtls><TxDtls>
    <Refs><EndToEndId>{reference(RUN_2)}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
  <Ntry><Amt Ccy="EUR">7.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><NtryDtls><TxDtls>
    <Refs><EndToEndId>somebody else's</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
  <Ntry><Amt Ccy="EUR">3.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><NtryDtls>
    <TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs></TxDtls>
    <TxDtls><Refs><EndToEndId>{reference(SEAT)}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>"""
CAMT_054 = f"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><Ntfctn><Ntry>
  <Amt Ccy="EUR">540.01</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><NtryDtls><TxDtls>
    <Refs><EndToEndId>{reference(RUN).upper()}</EndToEndId></Refs><Amt Ccy="EUR">540.01000</Amt>
    <CdtDbtInd>CRDT</CdtDbtInd><RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls>
    <TxDtls><Refs><EndToEndId>{reference(RUN_2)}</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="USD">1.00</Amt></TxAmt>
    </AmtDtls><CdtDbtInd>DBIT</CdtDbtInd></TxDtls>
    <TxDtls><Refs><EndToEndId>{reference(SEAT)}</EndToEndId></Refs><AmtDtls><InstdAmt><Amt Ccy="EUR">0.005</Amt>
    </InstdAmt></AmtDtls><CdtDbtInd>DBIT</CdtDbtInd></TxDtls></NtryDtls></Ntry>
</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>"""


def test_a_statement_says_what_was_booked_and_a_sum_of_many_is_nobodys() -> None:
    assert read_camt(CAMT_053) == [
        BankLine(1, RUN, 54_001, WEST_ACCOUNT.iban, False, ""), BankLine(2, "NOTPROVIDED", None, None, False, ""),
        BankLine(3, SEAT, None, None, False, ""),
    ]  # fmt: skip


def test_a_notification_says_what_came_back_and_cents_are_whole_and_euros() -> None:
    assert read_camt(CAMT_054) == [
        BankLine(1, RUN, 54_001, None, True, "AC04"), BankLine(2, RUN_2, None, None, False, ""),
        BankLine(3, SEAT, None, None, False, ""),
    ]  # fmt: skip


def test_what_is_no_statement_is_none() -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + CAMT_054.replace("AC04", "&b;")
    for text in (
        "",
        "no",
        "<Document/>",
        "<Document>",
        bomb,
        made(Transfer(RUN, PAYEE, 1, "")).decode(),
        "x" * 250_000,
    ):
        assert read_camt(text) is None, text[:60]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_statement_breaks_nothing(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from((CAMT_053, CAMT_054)))
    at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 60))
    damaged = text[:at] + data.draw(st.text(max_size=5)) + text[at + length :]
    for line in read_camt(damaged) or []:
        assert line.cents is None or line.cents >= 0


def test_a_load_file_has_the_limits_on_every_line() -> None:
    data = load_file([Load(RUN, SEAT, 45_000), Load(RUN_2, SEAT, 0)], 200_000, 25_000)
    assert data.decode().split("\r\n") == [
        "load_id,card,load_cents,balance_cents_max,cash_cents_a_day_max", f"{RUN},{SEAT},45000,200000,25000",
        f"{RUN_2},{SEAT},0,200000,25000", "",
    ]  # fmt: skip
    assert load_file([], 1, 1) == b""


def test_an_answer_is_read_line_by_line() -> None:
    text = (
        f"\ufeffload_id,loaded_cents,balance_cents\r\n{RUN},45000,50000\r\n\r\n{RUN},-1,5\r\n{RUN},1.5,5\r\n"
        f"{RUN},{CENTS_MAX + 1},5\r\n=cmd,1,1\r\n{RUN_2},0,0"
    )
    assert read_answer(text) == [
        CardLine(2, RUN, 45_000, 50_000), WrongLine(4), WrongLine(5), WrongLine(6), WrongLine(7),
        CardLine(8, RUN_2, 0, 0),
    ]  # fmt: skip
    assert read_answer("load_id;loaded_cents\n") is None
    assert read_answer("") is None
