"""What the network hears of a week: counts, once it is over. Which partners people were referred to is told by coarse
group, and a small count not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from services.intake import events_weeks as ev
from services.intake.decider_weeks import Counts, Weeks
from services.intake.flows import every_flow
from services.intake.need import summed
from services.intake.publish import Telling
from shared.contracts import intake as told
from shared.contracts.vocabulary import OUTCOME_KINDS, PARTNER_GROUPS


def tell_weeks(below: int) -> Callable[[Weeks, Sequence[ev.WeekEvent], Weeks], list[Telling]]:
    """Tells weeks that are over, each as it is after the last event; not the one before the desk began.

    below: counts under it are small.
    """

    def tell(before: Weeks, events: Sequence[ev.WeekEvent], after: Weeks) -> list[Telling]:
        touched = dict.fromkeys(event.week for event in events)
        over = [week for week in touched if after.closed is not None and week <= after.closed and week in after.weeks]
        return [
            telling
            for week in over
            for telling in (
                week_told(week, after.weeks[week], below),
                *([unmet_told(week, after.weeks[week])] if _is_news(before, week, after, "unmet") else []),
                *([flows_told(week, after.weeks[week])] if _is_news(before, week, after, "flows") else []),
            )
        ]

    return tell


def _is_news(before: Weeks, week: date, after: Weeks, part: str) -> bool:
    """Whether this part of its counts was not told yet, or is more by now."""
    told_already = before.closed is not None and week <= before.closed and week in before.weeks
    return not told_already or getattr(before.weeks[week], part) != getattr(after.weeks[week], part)


def unmet_told(week: date, counts: Counts) -> Telling:
    """What nothing was found for in one week, by each word by itself: what somebody needed in all does not leave the
    desk with the count."""
    sums = summed(counts.unmet)
    contract = told.UnmetTold.written(
        week=week, total=sums.total,
        kinds=[{"kind": kind, "count": count} for kind, count in sums.kinds.items()],
        size_classes=[{"size_class": size, "count": count} for size, count in sums.size_classes.items()],
        features=[{"feature": feature, "count": count} for feature, count in sums.features.items()],
        districts=[{"district": district, "count": count} for district, count in sums.districts.items()],
    )  # fmt: skip
    return Telling(contract, week.isoformat())


def flows_told(week: date, counts: Counts) -> Telling:
    """Who went from one kind of place to another in one week. Who was back where they were is told to nobody."""
    flows = [
        {"came_from": flow.came_from, "went_to": flow.went_to, "count": count}
        for flow, count in every_flow(counts.flows)
    ]
    return Telling(told.FlowsTold.written(week=week, flows=flows), week.isoformat())


def week_told(week: date, counts: Counts, below: int) -> Telling:
    """One week. No total of the referrals is told: it would give a single small group away."""
    referrals = []
    for group in PARTNER_GROUPS:
        count = counts.referrals.get(group, 0)
        referrals.append({"group": group, "count": None if 0 < count < below else count})
    contract = told.WeekTold.written(
        week=week, registrations=counts.registrations, referrals=referrals,
        outcomes=[{"kind": kind, "count": counts.outcomes.get(kind, 0)} for kind in OUTCOME_KINDS],
    )  # fmt: skip
    return Telling(contract, week.isoformat())
