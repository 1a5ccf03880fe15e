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
    after_all: those of the paid ones that had gone back before. booked: what counts as paid, in cents by entitlement,
    also of whom the run does not pay. otherwise: by how much that is more, or less, than the run said."""

    run_id: str
    site: str
    period: str
    lines: dict[str, Unpaid]
    revision: int = 0
    repeated: int = 0
    paid: tuple[str, ...] = ()
    refused: dict[str, Unpaid] = {}
    after_all: dict[str, Unpaid] = {}
    booked: dict[str, int] = {}
    otherwise: dict[str, int] = {}


def heard(known: Waiting | None, command: cmd.HearHandout) -> Sequence[ev.PayrollEvent] | Rejected:
    """Whoever speaks is answered, also when there is nothing new: an answer may have been lost. What was paid stays so,
    whatever a site that was restored says later; what waits still is taken from any word of it, for such a site gives
    its numbers anew. Cash that was handed out though its payment had gone back (finance took it back, or the site
    forgot that nobody came) was handed out: that is an event of its own, and so is another amount than counts as paid.
    Refused: `handout-unknown`, `handout-of-another-site`."""
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
    events: list[ev.PayrollEvent] = [noted]
    if after_all:
        events.append(ev.PaidAfterAll(*about, after_all, command.at))
    booked = known.booked | {id_: known.lines[id_].cents for id_ in paid}
    booked |= {id_: known.refused[id_].cents for id_ in after_all}
    otherwise = tuple((id_, cents) for id_, cents in dict(command.amounts).items() if booked.get(id_, 0) != cents)
    if otherwise:
        events.append(ev.PaidOtherwise(*about, otherwise, command.at))
    return events


def noted(known: Waiting, event: ev.HandoutNoted | ev.PaidAfterAll) -> tuple[Waiting, int]:
    """What a site hands out after its word, and how many cents of the budget may be spent again; below 0: are spent
    after all."""
    if isinstance(event, ev.PaidAfterAll):
        late = {id_: known.refused[id_] for id_ in event.entitlement_ids}
        refused = {id_: line for id_, line in known.refused.items() if id_ not in late}
        booked = known.booked | {id_: line.cents for id_, line in late.items()}
        after = replace(
            known, paid=known.paid + tuple(late), refused=refused, after_all=known.after_all | late, booked=booked
        )  # fmt: skip
        return after, -sum(line.cents for line in late.values())
    gone = {*event.paid, *event.refused}
    back = {id_: known.lines[id_] for id_ in event.refused}
    after = replace(
        known, lines={id_: line for id_, line in known.lines.items() if id_ not in gone}, revision=event.revision,
        paid=known.paid + event.paid, refused=known.refused | back,
        booked=known.booked | {id_: known.lines[id_].cents for id_ in event.paid},
    )  # fmt: skip
    return after, sum(line.cents for line in back.values())


def otherwise(known: Waiting, event: ev.PaidOtherwise) -> tuple[Waiting, dict[str, int]]:
    """What a site hands out after its word about amounts, and by how many cents more than counted as paid before, by
    entitlement; below 0: less."""
    more = {id_: cents - known.booked.get(id_, 0) for id_, cents in event.payments}
    differs = known.otherwise | {id_: known.otherwise.get(id_, 0) + cents for id_, cents in more.items()}
    return replace(known, booked=known.booked | dict(event.payments), otherwise=differs), more
