"""An envelope, and the seal it stands for, promise the simulation the same."""

from __future__ import annotations

import pytest

from shared.letters import Seals
from tests.letters.test_seals import ASK, EVENT, OTHER, REQUEST, SEALS, message, refusal, sealed
from tests.simulation.seals import Envelopes, seals_of


@pytest.fixture(params=[True, False], ids=["sealed", "in an envelope"])
def sites(request: pytest.FixtureRequest) -> dict[str, Seals]:
    made = {site: seals_of(seals, whole=request.param) for site, seals in SEALS.items()}
    assert isinstance(made["west"], Envelopes) is not request.param
    return made


def test_whom_it_is_for_reads_what_was_written(sites: dict[str, Seals]) -> None:
    opened = sites["west"].open(message(), sealed(seals=sites["noord"]))
    assert (opened.sender, opened.request_id, opened.body) == ("noord", REQUEST, ASK)


def test_nobody_else_does_and_what_does_not_agree_is_refused(sites: dict[str, Seals]) -> None:
    letter = sealed(seals=sites["noord"])
    assert refusal(letter, message(), sites["stad"]) == "letter-key-unknown"
    assert refusal(letter, message(sender="stad"), sites["west"]) == "letter-forged"
    assert refusal(letter, message(id_=OTHER), sites["west"]) == "letter-replayed"


def test_no_id_in_it_can_be_read_off_it(sites: dict[str, Seals]) -> None:
    assert EVENT not in sealed(seals=sites["noord"]).sealed
