"""Where transfers go and come from."""

from __future__ import annotations

import pytest

from services.allowance import commands as cmd
from services.allowance import events as ev
from services.allowance.decider_limits import IBAN_LENGTHS
from tests.allowance.sample import DRAWN, LEEFGELD, OPENED, SECOND, T0, asked, at_municipality

WEST = {"site": "west", "name": "Stichting West", "iban": "NL91ABNA0417164300"}
NAMED = ev.AccountNamed(LEEFGELD, **WEST, named_by=DRAWN, at=T0)


def test_the_last_word_about_an_account_counts() -> None:
    named = at_municipality.given(OPENED).when(asked(cmd.NameAccount, **WEST, by=DRAWN)).then(NAMED)
    other = WEST | {"iban": "DE89370400440532013000"}
    after = named.when(asked(cmd.NameAccount, **other, by=SECOND)).then(
        ev.AccountNamed(LEEFGELD, **other, named_by=SECOND, at=T0)
    )
    assert after.state.accounts["west"].named_by == SECOND


def test_the_same_again_changes_nothing_also_not_who_named_it() -> None:
    at_municipality.given(OPENED, NAMED).when(asked(cmd.NameAccount, **WEST, by=SECOND)).then_nothing()


PUBLISHED = ("BE68539007547034", "GB29NWBK60161331926819", "NO9386011117947", "FR1420041010050500013M02606")


@pytest.mark.parametrize("iban", PUBLISHED)
def test_published_examples_are_accounts(iban: str) -> None:
    given = at_municipality.given(OPENED)
    given.when(asked(cmd.NameAccount, **(WEST | {"iban": iban}), by=DRAWN)).then(
        ev.AccountNamed(LEEFGELD, "west", WEST["name"], iban, DRAWN, T0)
    )


def test_what_is_no_account_says_why() -> None:
    given = at_municipality.given(OPENED)
    for iban in ("NL91ABNA0417164301", "NL91ABNA041716430", "US64SVBKUS6S3300958879", "nl91abna0417164300", ""):
        given.when(asked(cmd.NameAccount, **(WEST | {"iban": iban}), by=DRAWN)).then_rejected("iban-invalid")
    given.when(asked(cmd.NameAccount, **(WEST | {"name": "\n"}), by=DRAWN)).then_rejected("account-name-invalid")
    given.when(asked(cmd.NameAccount, **(WEST | {"site": "West!"}), by=DRAWN)).then_rejected("account-site-invalid")
    at_municipality.when(asked(cmd.NameAccount, **WEST, by=DRAWN)).then_rejected("programme-unknown")
    given.when(asked(cmd.NameAccount, **WEST, by=DRAWN, if_version=9)).then_rejected("version-stale")


def test_two_digits_changed_or_swapped_are_noticed_for_every_country() -> None:
    """What the check digits are for."""
    for country, length in IBAN_LENGTHS.items():
        body = "1" * (length - 5) + "2"
        digits = 98 - int(body + str(int(country[0], 36)) + str(int(country[1], 36)) + "00") % 97
        iban = f"{country}{digits:02}{body}"
        given = at_municipality.given(OPENED)
        given.when(asked(cmd.NameAccount, **(WEST | {"iban": iban}), by=DRAWN)).then(
            ev.AccountNamed(LEEFGELD, "west", WEST["name"], iban, DRAWN, T0)
        )
        swapped = iban[:-2] + iban[-1] + iban[-2]
        given.when(asked(cmd.NameAccount, **(WEST | {"iban": swapped}), by=DRAWN)).then_rejected("iban-invalid")
