"""Who looks at the waiting list and has this site's locations offer what falls to them.

Nothing of it is stored but the offers: whoever looks after a restart begins to count the minute anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from services.placement.commands import LocationCommand
from services.placement.commands_offers import OfferPlace
from services.placement.decider_location import Location
from services.placement.events import LocationEvent
from services.placement.ranking import PEOPLE_AT_MOST, Choice, Waiting
from services.placement.views_capacity import offer_modes
from services.placement.views_offers import ASKED, offer_questions, offers
from services.placement.views_waiting import WaitingList
from shared.clock import Clock
from shared.envelope import SYSTEM_ROLE
from shared.handling import Context, Handler
from shared.ids import Ids, derived_id
from shared.ports import OriginHalted, Store, StoreUnavailable, VersionConflict
from shared.store import PgStore
from shared.telemetry import logger

log = logger("offers")

LOOK_SECONDS = 1.0
"""Between two looks at the list; a look costs what the waiting list costs."""
REST_FOR_EACH_LOOK = 20.0
"""After a look of some length a rest of so many times that: a list of thousands leaves the desk its processor."""
REST_SECONDS_MAX = 10.0
"""No rest is longer: a look that waited five seconds for a busy machine was no long list, and whoever waits for a place
would wait another hundred."""
SHOWS_WITHIN_SECONDS = 60.0
"""How long the location chosen has to offer before the next best counts as chosen."""
ANSWERS_WITHIN_SECONDS = 900.0
"""How long a location that asks its operator first has (`decider_questions.ANSWER_WITHIN`)."""
PASSED_SECONDS = 3600.0
"""How long a location that did not offer counts as passed over; then it may be chosen again. Its own site does not
wait for that: a site whose link was slow offers as soon as it hears of the request. Longer than one that asks has to
answer: whoever came back sooner would take its time from it, and the third best would never be chosen."""
PASSED_ASKING_SECONDS = 86_400.0
"""How long one that asks its operator and did not offer does: several of them together must not fill the time in which
nobody else is chosen. As long as after a no, which the others do not hear of."""
REFUSED_SECONDS = 30.0
"""How long an own location does that refused for a reason of the moment: the list may be a moment behind it."""
LASTING_REFUSALS = frozenset({"offer-made-lately", "operator-asked-lately", "too-many-offers"})
"""What a location refuses for longer than a moment."""


def offer_command(request_id: str, offer_id: str) -> str:
    """The id of the command that makes an offer: whoever knows the offer can say that this service gave it itself."""
    return derived_id("offer-place", request_id, offer_id)


class Offering:
    """One site's part in serving the list. handler: of its locations. shows_within_seconds: as the constant says."""

    def __init__(
        self, site: str, store: Store, waiting: WaitingList,
        handler: Handler[Location, LocationCommand, LocationEvent], clock: Clock, ids: Ids,
        shows_within_seconds: float = SHOWS_WITHIN_SECONDS, answers_within_seconds: float = ANSWERS_WITHIN_SECONDS,
    ) -> None:  # fmt: skip
        self._site, self._store, self._waiting, self._handler = site, store, waiting, handler
        self._clock, self._ids = clock, ids
        self._shows_within, self._answers_within = shows_within_seconds, answers_within_seconds
        self._since: dict[tuple[str, str], float] = {}
        self._passed: dict[str, dict[str, float]] = {}

    async def run(self) -> None:
        """Looks again and again until cancelled."""
        while True:
            began = self._clock.monotonic()
            await self.try_to_look()
            took = self._clock.monotonic() - began
            await self._clock.sleep(min(max(LOOK_SECONDS, took * REST_FOR_EACH_LOOK), REST_SECONDS_MAX))

    async def try_to_look(self) -> None:
        """One look, if the store answers and the origin goes on; otherwise the next one."""
        try:
            await self.look()
        except (StoreUnavailable, OriginHalted, VersionConflict) as error:
            log.warning("the waiting list was not looked at", reason=type(error).__name__)

    async def look(self) -> None:
        """One look: offers what falls to this site, and passes over whoever had a minute and did not offer."""
        now = self._clock.monotonic()
        going_on = await self._store.rows(offers, word="open"), await self._store.rows(offers, word="expected")
        offered = frozenset(row["request_id"] for rows in going_on for row in rows)
        ranked, chosen = await self._waiting.ranked(self._not_there(now), offered, heard_only=True)
        waiting = {one.request_id: one for one in ranked if one.status == "waiting"}
        self._forget(waiting, chosen)
        open_questions = await self._store.rows(offer_questions, status=ASKED)
        asked = {(row["request_id"], row["location"]) for row in open_questions}
        asks = {(row["site"], row["location"]) for row in await self._store.rows(offer_modes, mode="ask")}
        for request_id, choice in chosen.items():
            request = waiting[request_id]
            slow = (choice.site, choice.location) in asks
            if choice.site != self._site:
                since = self._since.setdefault((request_id, choice.location), now)
                if now - since >= (self._answers_within if slow else self._shows_within):
                    self._pass(request_id, choice.location, now + (PASSED_ASKING_SECONDS if slow else PASSED_SECONDS))
            elif (request_id, choice.location) in asked and slow:
                continue  # the operator has still to say something
            else:
                refused_for = await self._offer(request, choice)
                if refused_for:
                    self._pass(request_id, choice.location, now + refused_for)

    async def _offer(self, request: Waiting, choice: Choice) -> float:
        """For how many seconds the location is to be passed over; 0 when it made the offer.

        What it tells goes under the offer's own id: from that of the command anybody could find out, by trying the ids
        of all requests, which one it is for.
        """
        command = OfferPlace(
            at=self._clock.now(), role=SYSTEM_ROLE, location=choice.location, offer_id=self._ids.random_id(),
            request_id=request.request_id, site=request.desk, kind=choice.kind,
            household_size=PEOPLE_AT_MOST[request.size_class], features=tuple(sorted(request.features)),
        )  # fmt: skip
        command_id = offer_command(request.request_id, command.offer_id)
        context = Context(command_id, command.offer_id, command_id)
        handled = await self._handler.handle(choice.location, command, context)
        if handled.rejected is not None:
            log.info("a location that was chosen does not offer", code=handled.rejected.code)
        if handled.events:
            return 0.0
        lasting = handled.rejected is not None and handled.rejected.code in LASTING_REFUSALS
        return PASSED_SECONDS if lasting else REFUSED_SECONDS

    def _not_there(self, now: float) -> Mapping[str, frozenset[str]]:
        return {
            request_id: frozenset(name for name, until in passed.items() if now < until)
            for request_id, passed in self._passed.items()
        }

    def passed_over(self, request_id: str) -> frozenset[str]:
        """The locations that count as passed over for a request now."""
        return self._not_there(self._clock.monotonic()).get(request_id, frozenset())

    def _pass(self, request_id: str, location: str, until: float) -> None:
        self._passed.setdefault(request_id, {})[location] = until

    def _forget(self, waiting: Collection[str], chosen: Mapping[str, Choice]) -> None:
        """Whatever is known of requests that do not wait now, and of locations that are not chosen any more."""
        self._passed = {id_: passed for id_, passed in self._passed.items() if id_ in waiting}
        self._since = {
            (id_, location): since for (id_, location), since in self._since.items()
            if id_ in chosen and chosen[id_].location == location
        }  # fmt: skip


QUESTIONS_KEPT = timedelta(days=30)
"""How long it is listed what an operator was asked: with it goes how many somebody was, and what they needed. The
events of the house stay."""
FORGET_EVERY_SECONDS = 3600.0


async def forget_questions(store: PgStore, clock: Clock) -> None:
    """Takes questions off the list once they are `QUESTIONS_KEPT` old. For ever."""
    while True:
        await forget_questions_before(store, clock.now() - QUESTIONS_KEPT)
        await clock.sleep(FORGET_EVERY_SECONDS)


async def forget_questions_before(store: PgStore, before: datetime) -> None:
    """One that nobody has answered stays. Raises `StoreUnavailable`."""
    await store.query(
        lambda pool: pool.execute("delete from offer_questions where answer_by < $1 and status <> $2", before, ASKED)
    )
