"""What sites hand out of a run, as the municipality knows it: what waits, what was paid, and what went back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from services.allowance import commands_payroll as cmd
from services.allowance import events_payroll as ev
from shared.contracts.vocabulary import PayMethod
from shared.kernel import Rejected

WAITING_AGAIN = timedelta(days=1)
"""How often a site is told what still waits there."""


class Unpaid(msgspec.Struct, frozen=True, gc=False):
    """One line that is handed out at a site."""

    cents: int
    method: PayMethod


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """What one site hands out of one run. lines: by entitlement, those that wait, and all while the site has said
    nothing. revision: of the site's last word. repeated: how often it was told again. paid, refused: the other ones.
    after_all: those of the paid ones that had gone back before."""

    run_id: str
    site: str
    period: str
    lines: dict[str, Unpaid]
    revision: int = 0
    repeated: int = 0
    paid: tuple[str, ...] = ()
    refused: dict[str, Unpaid] = {}
    after_all: dict[str, Unpaid] = {}


def heard(known: Waiting | None, command: cmd.HearHandout) -> Sequence[ev.PayrollEvent] | Rejected:
    """Whoever speaks is answered, also when there is nothing new: an answer may have been lost. What was paid stays so,
    whatever a site that was restored says later; what waits still is taken from any word of it, for such a site gives
    its numbers anew. Cash that was handed out though its payment had gone back (finance took it back, or the site
    forgot that nobody came) was handed out: that is an event of its own. Refused: `handout-unknown`,
    `handout-of-another-site`."""
    if known is None:
        return Rejected("handout-unknown", {})
    if known.site != command.site:
        return Rejected("handout-of-another-site", {"site": command.site})
    paid = tuple(id_ for id_ in dict.fromkeys(command.paid) if id_ in known.lines)
    refused = tuple(id_ for id_ in dict.fromkeys(command.refused) if id_ in known.lines and id_ not in paid)
    after_all = tuple(id_ for id_ in dict.fromkeys(command.paid) if id_ in known.refused)
    again_at = command.at + WAITING_AGAIN if known.lines.keys() - {*paid, *refused} else None
    about = (command.handout_id, known.run_id, command.programme_id)
    noted = ev.HandoutNoted(*about, max(known.revision, command.revision), paid, refused, again_at, command.at)
    return [noted, ev.PaidAfterAll(*about, after_all, command.at)] if after_all else [noted]


def noted(known: Waiting, event: ev.HandoutNoted | ev.PaidAfterAll) -> tuple[Waiting, int]:
    """What a site hands out after its word, and how many cents of the budget may be spent again; below 0: are spent
    after all."""
    if isinstance(event, ev.PaidAfterAll):
        late = {id_: known.refused[id_] for id_ in event.entitlement_ids}
        refused = {id_: line for id_, line in known.refused.items() if id_ not in late}
        after = replace(known, paid=known.paid + tuple(late), refused=refused, after_all=known.after_all | late)
        return after, -sum(line.cents for line in late.values())
    gone = {*event.paid, *event.refused}
    back = {id_: known.lines[id_] for id_ in event.refused}
    after = replace(
        known, lines={id_: line for id_, line in known.lines.items() if id_ not in gone}, revision=event.revision,
        paid=known.paid + event.paid, refused=known.refused | back,
    )  # fmt: skip
    return after, sum(line.cents for line in back.values())
