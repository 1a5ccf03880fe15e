"""The screens of the books, on a network of its own: one programme that pays by transfer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from infra.running import site_settings
from shared.money import ZONE
from shared.security import Role, issue_token, load_signing_key
from tests.allowance.test_orders import camt
from tests.browser.at_desks import SLOWLY_MS, city_with_desks, opens, sign_in, visiting
from tests.browser.city_of_pictures import until
from tests.browser.test_for_everybody import NARROW, violations
from tests.browser.visitor import DESKTOP, PATIENCE_MS, PHONE, Visitor, Visitors
from tests.support.network import Network


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with city_with_desks(tmp_path_factory.mktemp("city")) as started:
        yield started


@pytest.fixture
def visitors(city: Network, browser: Browser) -> Iterator[Visitors]:
    with visiting(city, browser) as there:
        yield there


def by_transfer(visitors: Visitors) -> tuple[str, str]:
    """A programme that pays by transfer, and its run of last week, paid: their ids."""
    network, key = visitors.network, site_settings(visitors.network.data, "stad").token_signing_key
    assert key is not None
    signing, today = load_signing_key(key), datetime.now(ZONE).date()
    monday = today - timedelta(days=today.weekday() + 7)

    def asks(who: str, path: str, role: Role = "finance", at: str = "stad", **body: object) -> Any:
        token = issue_token(signing, who, role, at, datetime.now(UTC)) if who else network.token(at, role)
        answer = httpx.post(f"{network.urls[at]}/api/{path}", json=body, timeout=30,
                            headers={"Authorization": f"Bearer {token}"})  # fmt: skip
        assert answer.is_success or answer.json()["code"].endswith("-unknown"), answer.text
        return answer.json() if answer.is_success else None

    programme = asks(
        "anna", "allowance/programmes", name="Overmaking", places=10, period="week", methods=["transfer"],
        tariffs=[{"size_class": "1", "cents": 10_000, "valid_from": "2025-01-01"}],
    )["id"]  # fmt: skip
    for site, iban in (("stad", "NL91ABNA0417164300"), ("noord", "BE68539007547034")):
        assert asks("carl", f"allowance/programmes/{programme}/accounts", site=site, name=f"Huis {site}", iban=iban)
    assert asks("anna", f"allowance/programmes/{programme}/budget", year=monday.year, cents=1_000_000)
    client = asks("", "intake/clients", "caseworker", "noord")["id"]
    wanted = {"programme": programme, "client_id": client, "from_day": monday.isoformat(), "method": "transfer"}
    until(
        "the client is known to allowance", lambda: asks("", "allowance/entitlements", "caseworker", "noord", **wanted)
    )
    token = {"Authorization": f"Bearer {network.token('stad', 'finance')}"}
    seats = f"{network.urls['stad']}/api/allowance/seats?programme={programme}&status=granted"
    until("the seat is granted", lambda: httpx.get(seats, headers=token, timeout=30).json()["items"])
    run = asks("anna", "allowance/pay-runs", programme=programme, period=f"{monday:%G}-W{monday:%V}")["id"]
    for step in ("approve", "execute"):
        assert asks("bram", f"allowance/pay-runs/{run}/{step}")
    return programme, run


def test_finance_takes_the_banks_file_reads_back_what_it_says_and_looks_at_the_accounts(
    visitors: Visitors, tmp_path: Path
) -> None:
    programme, run = by_transfer(visitors)
    with visitors.visitor("stad") as office:
        sign_in(visitors, office, "finance", "/money", "anna").is_live()
        office.page.locator(f"[data-run='{run}']").get_by_role("link", name="Orders, files, report").click()
        office.is_live()
        order = office.page.locator("[data-order]")
        expect(order).to_have_attribute("data-status", "sent", timeout=PATIENCE_MS)
        expect(order.get_by_text("1 allowance", exact=True)).to_be_visible()
        for inside in (office.page.locator("#find-order"), office.page.locator("table.few caption").first):
            expect(inside).not_to_have_css("padding-left", "0px")
        expect(office.page.locator("#lines-title")).to_be_visible()
        expect(office.page.locator("[data-key=lines] thead th")).to_have_count(4)  # nothing is carried over
        expect(office.page.locator(".choose .pair a").first).not_to_have_css("column-gap", "normal")
        with office.page.expect_download() as taken:
            office.page.get_by_role("link", name="File for the bank").click()
        made = Path(taken.value.path()).read_text("utf-8")
        [reference] = re.findall("<EndToEndId>([^<]+)<", made)
        statement = tmp_path / "camt.xml"
        statement.write_text("<Document>nothing of the kind", "utf-8")
        form = opens(office, "Read the bank's file")
        form.get_by_label("The bank's file").set_input_files(statement)
        form.get_by_role("button", name="Read").click()
        expect(form.get_by_role("alert")).to_contain_text("no camt.053", timeout=PATIENCE_MS)
        statement.write_text(camt((reference, 10_000, "DBIT"), ("0" * 32, 1, "DBIT"))["text"], "utf-8")
        form.get_by_label("The bank's file").set_input_files(statement)
        form.get_by_role("button", name="Read").click()
        told = office.page.locator("[data-came-back]")
        expect(told.locator("[data-answer=paid]")).to_have_text("1", timeout=PATIENCE_MS)
        expect(told.locator("[data-answer=refused]")).to_contain_text("no such order")
        assert violations(office) == []
        office.page.keyboard.press("Escape")
        expect(order).to_have_attribute("data-status", "paid", timeout=PATIENCE_MS)
        assert violations(office) == []
        office.page.goto(f"{office.url}/money/books?programme={programme}")
        office.is_live()
        expect(office.page.locator("#statement [data-total]")).to_have_text("€0.00", timeout=PATIENCE_MS)
        expect(office.page.locator("#statement")).to_contain_text("Paid")
        office.page.get_by_label("Site").select_option("noord")
        office.page.get_by_role("button", name="Show").click()
        expect(office.page).to_have_url(re.compile("site=noord"), timeout=PATIENCE_MS)
        expect(office.page.locator("[data-verdict]")).to_contain_text("lasts to the end")
        assert violations(office) == []
        for path in (f"/money/books?programme={programme}", f"/money/runs/{run}", "/money"):
            office.page.goto(f"{office.url}{path}")
            office.is_live()
            is_read_on_a_phone(office)
    the_counter_sees_what_came(visitors)


BROKEN = """() => {
  const found = [], walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) for (const amount of walker.currentNode.data.matchAll(/[-\u2060]*€[\\s-]*[\\d.,]*\\d/g)) {
    const range = document.createRange();
    range.setStart(walker.currentNode, amount.index);
    range.setEnd(walker.currentNode, amount.index + amount[0].length);
    if (new Set([...range.getClientRects()].map((box) => box.top)).size > 1) found.push(amount[0]);
  }
  return found;
}"""
"""Amounts of money that are broken over two lines."""
WIDER = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
CELLS = "all => all.filter(one => !one.dataset.label).map(one => one.outerHTML)"


def is_read_on_a_phone(office: Visitor) -> None:
    """Every table of figures without scrolling it sideways, each figure beside its column's name; and a table it stays,
    to who listens to it."""
    heard = tables_heard(office)
    for size in (PHONE, NARROW):
        office.page.set_viewport_size({"width": size[0], "height": size[1]})
        tables = office.page.locator(".scrolls:has(table)")
        assert tables.count() > 0
        assert (tables.evaluate_all(WIDER), office.width() <= size[0]) == ([], True)
        assert office.page.locator("table.figures td").evaluate_all(CELLS) == []
        assert office.page.evaluate(BROKEN) == []
        assert tables_heard(office) == heard
        assert violations(office) == []
    office.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


def tables_heard(office: Visitor) -> Counter[str]:
    """How many parts of tables a screen reader is told of."""
    session = office.page.context.new_cdp_session(office.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    parts = {"table", "row", "cell", "rowheader", "columnheader"}
    heard = Counter(node["role"]["value"] for node in nodes if not node["ignored"] and node["role"]["value"] in parts)
    assert heard.keys() == parts
    session.detach()
    return heard


def the_counter_sees_what_came(visitors: Visitors) -> None:
    """At the site of the client: for whom it is, and nothing of a page that would be live and is not."""
    with visitors.visitor("noord", size=NARROW) as counter:
        line = counter.page.locator("[data-transfer][data-status=paid]")
        for _ in range(SLOWLY_MS // 500):
            sign_in(visitors, counter, "caseworker", "/counter/transfers")
            if line.count():
                break
            counter.page.wait_for_timeout(500)
        expect(line).to_have_count(1)
        expect(line.get_by_role("link")).to_have_attribute("href", re.compile("^/clients/"))
        expect(counter.page.locator("#pulse, #dropped")).to_have_count(0)
        expect(counter.page.locator(".as-of")).to_have_text(re.compile(r"As of \d\d:\d\d"))
        assert (violations(counter), counter.width() <= NARROW[0]) == ([], True)
