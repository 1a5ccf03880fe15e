"""One seed from its first event to its rest.

`.venv/bin/python -m tests.simulation.run SEED` replays one and prints what happened.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from services.allowance.decider_handout import VOUCHER_DAYS
from services.placement.views_waiting import WAITING
from shared import aggregate, handling, schema
from shared.envelope import LOGS, stream_name
from shared.schema import DOUBT
from tests.simulation.allowance import AllowanceDesks
from tests.simulation.faults import Trouble
from tests.simulation.guests import Houses
from tests.simulation.intake import IntakeDesks
from tests.simulation.logbook import every_processing_has_its_line, unsent
from tests.simulation.loop import VirtualLoop
from tests.simulation.oncall import Engineer
from tests.simulation.oracle import CONSOLE, PLACEMENT, left_aside
from tests.simulation.oracle_allowance import ALLOWANCE
from tests.simulation.oracle_house import Violation
from tests.simulation.oracle_intake import INTAKE
from tests.simulation.plan import A_WEEKS_STEPS, SECONDS_A_STEP, Plan, moving, plan, yearly
from tests.simulation.process import Parts
from tests.simulation.workload import Desks
from tests.simulation.world import Site, World

REST_SECONDS_MAX = 90.0
"""Virtual time after which a healed network has to be at rest."""

SETTLING_HOURS_MAX = 18
"""After which owners have been asked once more whether somebody lives there still, and every message has ended: it may
wait for the morning."""

CALL_HOURS_MAX = 12
"""After which every call has to be settled, however often it was asked before."""

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
"""After which desks have counted what belongs to this one. After three, nobody may fetch a payment any more."""
LAPSES = timedelta(hours=5)
"""Longer than any hold: afterwards every one of them has ended."""


@dataclass(frozen=True)
class Outcome:
    """failure: what was violated, or None. trace_hash: the same for every run of one seed. checks: how often the judge
    looked. done: what desks of placement brought about, by command. files: answers at intakes' desks. offers: what
    became of those desks heard of, by their owners' last word. moves: clients who were transferred. handed_over: files
    that went to another desk. seats: answers about allowances. flows: households that were elsewhere at the end of a
    week than when it began. orders: those of a bank or of cards' issuers that were answered.
    """

    seed: int
    failure: str | None
    trace_hash: str
    steps: int
    checks: int
    answered: dict[str, int]
    done: dict[str, int]
    faults: dict[str, int]
    repairs: dict[str, int]
    files: int
    offers: dict[str, int]
    moves: int
    handed_over: int
    seats: int
    flows: int
    orders: int
    trace: tuple[str, ...] = ()


def run_seed(
    seed: int, parts: Parts | None = None, *, keep_trace: bool = False, movers: bool = False,
    replays: bool = False, guests: bool = False, weeks: int = 0, look: Callable[[World], None] | None = None,
) -> Outcome:  # fmt: skip
    """Lives one seed. Nothing outside the seed matters: no clock, no randomness, no hash seed. movers: of a world in
    which clients are housed and move often. replays: in which origins are replayed. guests: in which houses
    ask for aliases. weeks: of one in which nothing
    breaks and so many of them pass. look: at what is left when it has ended well."""
    chance = random.Random(seed)
    loop = VirtualLoop()
    with _quiet():
        try:
            drawn = plan(chance)
            drawn = yearly(drawn, weeks) if weeks else moving(drawn) if movers else drawn
            planned = replace(drawn, replays=replays, guests=guests)
            living = _live(seed, loop, chance, planned, parts or Parts(), keep_trace=keep_trace, look=look)
            return loop.run_until_complete(living)
        finally:
            loop.close()


def run_seeds(first: int, last: int) -> list[Outcome]:
    """Lives the seeds from `first` to `last`, one after the other."""
    return [run_seed(seed) for seed in range(first, last + 1)]


def replay_command(seed: int) -> str:
    """What to type to live this seed again and read every step of it."""
    return f".venv/bin/python -m tests.simulation.run {seed}"


async def _live(
    seed: int, loop: VirtualLoop, chance: random.Random, planned: Plan, parts: Parts, *, keep_trace: bool,
    look: Callable[[World], None] | None,
) -> Outcome:  # fmt: skip
    aggregate.SNAPSHOT_EVERY, handling.STATES_MAX = planned.snapshot_every, planned.states_max
    world = World(loop, chance, planned, parts)
    trouble, desks, engineer, intakes = Trouble(world), Desks(world), Engineer(world), IntakeDesks(world)
    seats = AllowanceDesks(world)
    world.spawn(engineer.work())
    story = world.spawn(_story(world, trouble, desks, intakes, seats))
    failed = world.spawn(_wait(world.failed))
    await asyncio.wait([story, failed], return_when=asyncio.FIRST_COMPLETED)
    failure = world.failure
    await world.end()
    if look is not None and failure is None:
        look(world)
    text = "\n".join(world.trace)
    return Outcome(
        seed, None if failure is None else str(failure), hashlib.blake2b(text.encode(), digest_size=12).hexdigest(),
        world.steps, world.oracle.checks, dict(sorted(desks.answered.items())), dict(sorted(desks.done.items())),
        dict(sorted(trouble.made.items())),
        dict(sorted(engineer.did.items())), intakes.done,
        world.oracle.intake.offers(), world.oracle.intake.moves(), world.oracle.intake.handed_over(), seats.done,
        world.oracle.intake.flows(),
        world.oracle.allowance.answered(),
        tuple(world.trace) if keep_trace else (),
    )  # fmt: skip


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _story(
    world: World, trouble: Trouble, desks: Desks, intakes: IntakeDesks, seats: AllowanceDesks
) -> None:  # fmt: skip
    """Everybody works, everything breaks, all of it heals, and then every figure has to be right."""
    houses = Houses(world)
    for site in world.sites:
        site.start()
    world.spawn(world.operate())
    making = world.spawn(trouble.run())
    people = [world.spawn(desks.set_up(site)) for site in world.sites]
    people += [world.spawn(desks.work()) for _ in range(world.plan.desks)]
    people += [world.spawn(intakes.work(site)) for site in world.sites if site.intake is not None]
    people += [world.spawn(houses.look(site)) for site in world.sites if site.intake and world.plan.guests]
    people += [world.spawn(seats.work(site)) for site in world.sites if site.allowance is not None]
    people += [world.spawn(seats.pay(site)) for site in world.sites[:1] if site.allowance is not None]
    people += [world.spawn(_join(world, desks)), world.spawn(_leave(world, trouble)), world.spawn(_weeks(world))]
    await asyncio.sleep(world.plan.seconds)
    making.cancel()
    trouble.heal()
    world.note("world", "healed")
    desks.open = intakes.open = seats.open = houses.open = False
    await asyncio.wait(people)
    await _rest(world)
    if world.plan.weeks:  # who waits, who hears of what, and when, is judged in lives that days do not fly past
        return
    world.offering = False
    world.passed += LAPSES
    await _rest(world)
    for hour in range(SETTLING_HOURS_MAX):  # a letter that a restored site has forgotten is asked for again in time
        open_calls = [
            call for site in world.sites for call in world.oracle.calls(site.name).items() if not call[1].settled
        ]
        if hour == CALL_HOURS_MAX and open_calls:
            world.fail(Violation(f"calls are not settled after {hour} hours: {open_calls}"))
        waiting = any(world.oracle.post.waiting(site.name) for site in world.sites)
        settled = not open_calls and world.oracle.allowance.settled() and not waiting
        if settled and not world.oracle.offers_differ():
            break
        world.passed += timedelta(hours=1)
        await _rest(world)
    # Whom nothing was found for is known after a day, and counted with the week.
    for ahead in (A_DAY, *[A_WEEK] * (VOUCHER_DAYS // 7)):
        world.passed += ahead
        await _rest(world)
    if world.plan.guests:
        for site in world.sites:
            if site.intake is not None:
                await houses.look_at_rest(site)
    world.judge(lambda oracle: oracle.rest({site.name: site.disks for site in world.sites}))
    world.judge(lambda _: _lines(world))


def _lines(world: World) -> None:
    """Every processing of people's data has its line."""
    for site in world.sites:
        every_processing_has_its_line(site.name, site.known, site.logbook)


async def _weeks(world: World) -> None:
    """Weeks pass while people work; what falls due meanwhile is done at once."""
    for passes in A_WEEKS_STEPS * world.plan.weeks:
        await asyncio.sleep(SECONDS_A_STEP)
        world.passed += passes


async def _join(world: World, desks: Desks) -> None:
    """A site joins while the others work."""
    if world.plan.late is not None:
        await asyncio.sleep(world.plan.seconds * world.chance.uniform(0.1, 0.6))
        site = world.join(world.plan.late)
        world.note(site.name, "joins")
        site.start()
        await desks.set_up(site)


async def _leave(world: World, trouble: Trouble) -> None:
    """A site leaves, as soon as the others have heard its last word; if that is never while they work, it stays."""
    name = world.plan.leaves
    if name is None or name == world.plan.late:
        return
    site = next(site for site in world.sites if site.name == name)
    await asyncio.sleep(world.plan.seconds * world.chance.uniform(0.2, 0.9))
    while not world.calm:
        if _is_sure(site) and not trouble.lost and world.heard_everywhere(site):
            world.leave(site)
            return
        await asyncio.sleep(0.1)


def _is_sure(site: Site) -> bool:
    """Whether a site knows that others have heard what it has, as `plek site remove` asks: that they have heard as many
    messages means nothing while its store may be an older backup."""
    process = site.process
    if process is None or not process.ready.is_set() or process.store.halted is not None or site.repairing:
        return False
    return not any(key[0] == DOUBT for key in site.disks[PLACEMENT].tables.get(schema.cursors.name, {}))


async def _rest(world: World) -> None:
    """Until nothing is under way. What takes too long will never come."""
    until = world.loop.time() + REST_SECONDS_MAX
    while waiting := [what for site in world.sites for what in _under_way(world, site)] + _on_the_way(world):
        if world.loop.time() > until:
            raise Violation(f"the network does not come to rest: {'; '.join(waiting)}")
        await asyncio.sleep(0.3)


def _under_way(world: World, site: Site) -> Iterator[str]:
    """What a site has still to do."""
    process = site.process
    if process is None:
        yield f"{site.name} is down"
        return
    if process.store.halted is not None:
        yield f"{site.name} is halted: {process.store.halted}"
    disk = site.disks[PLACEMENT]
    yield from _at_intake(world, site)
    yield from _at_allowance(world, site)
    yield from (f"{site.name}/{what}" for what in unsent(site.known))
    for log in LOGS:
        rows = disk.outbox.get((disk.epoch, log), ())
        stream = world.bus.stream(site.name, stream_name(log, site.name, PLACEMENT)).messages
        if len(rows) != len(stream) or (rows and rows[-1].id != stream[-1].tail[0]):
            yield f"{site.name} has told {len(rows)} on {log} and relayed {len(stream)}"
    for teller in world.sites:
        if teller is not site:
            told = len(teller.disks[PLACEMENT].outbox.get((teller.disks[PLACEMENT].epoch, "pub"), ()))
            opened = process.letters.checkpoint(f"{teller.name}/{PLACEMENT}")
            if told and opened != (teller.disks[PLACEMENT].epoch, told):
                yield f"{site.name} has opened the letters up to {opened} of {told} of {teller.name}"
    for service, kept in site.disks.items():
        for table in (schema.parked, schema.discarded):
            if left_aside(kept, table):
                yield f"{site.name}/{service} has {table.name} messages"
        checkpoints = kept.tables.get(schema.checkpoints.name, {})
        for teller in world.sites:
            epoch = teller.disks[PLACEMENT].epoch
            for reader, log in (("capacity", "pub"), ("heard", "loc")):
                told = len(teller.disks[PLACEMENT].outbox.get((epoch, log), ()))
                hears = log == "pub" or (service == CONSOLE and teller is site)
                at = checkpoints.get((reader, f"{teller.name}/{PLACEMENT}", log))
                if hears and told and (at is None or at[3:] != (epoch, told)):
                    yield f"{site.name}/{service} {reader} has read {at} of {told} of {teller.name} in epoch {epoch}"
    if any(timer[1] <= site.clock.now() for timer in disk.tables.get(schema.timers.name, {}).values()):
        yield f"{site.name} has timers due"


def _at_intake(world: World, site: Site) -> Iterator[str]:
    """What its intake has still to do, and who waits anywhere that it does not list yet."""
    if site.intake is not None:
        logs = {log: world.bus.stream(site.name, stream_name(log, site.name, INTAKE)).messages for log in LOGS}
        if left_aside(site.intake, schema.parked):
            yield f"{site.name}/intake has letters put aside"
        yield from world.oracle.intake.under_way(site.name, {log: len(sent) for log, sent in logs.items()})
        if any(timer[1] <= site.clock.now() for timer in site.intake.tables.get(schema.timers.name, {}).values()):
            yield f"{site.name}/intake has timers due"
        if any(timer[1] <= site.clock.now() for timer in site.post.tables.get(schema.timers.name, {}).values()):
            yield f"{site.name}/notifications has messages due"
        if site.process is not None and site.process.post is not None:
            yield from world.oracle.post.unheard(site.name, site.process.post.heard())
    process = site.process
    for teller in world.sites:
        desks, places = f"{teller.name}/{INTAKE}", f"{teller.name}/{PLACEMENT}"
        said = teller.disks[PLACEMENT]
        last = (said.epoch, len(said.outbox.get((said.epoch, "pub"), ())))
        if process is not None and process.intake is not None and last[1]:
            opened = process.intake.letters.checkpoint(places)
            if opened != last:
                yield f"{site.name}/intake has opened {opened} of {last} of {places}"
        wrote = 0 if teller.intake is None else len(teller.intake.outbox.get((1, "pub"), ()))
        if process is not None and process.intake is not None and wrote and teller is not site:
            heard = process.intake.letters.checkpoint(desks)
            if heard != (1, wrote):
                yield f"{site.name}/intake has opened {heard} of {wrote} of {desks}"
        if process is not None and wrote and process.letters.checkpoint(desks) != (1, wrote):
            yield f"{site.name} has opened {process.letters.checkpoint(desks)} of {wrote} of {desks}"
    for teller in world.sites:
        told = 0 if teller.intake is None else len(teller.intake.outbox.get((1, "pub"), ()))
        at = (
            site.disks[PLACEMENT]
            .tables.get(schema.checkpoints.name, {})
            .get((WAITING.name, f"{teller.name}/{INTAKE}", "pub"))
        )
        if told and (at is None or at[4] != told):
            yield f"{site.name} lists {at} of {told} notices of {teller.name}"


def _at_allowance(world: World, site: Site) -> Iterator[str]:
    """What its allowance service has still to do, and what its views have not heard of others'."""
    if site.allowance is not None:
        logs = {log: world.bus.stream(site.name, stream_name(log, site.name, ALLOWANCE)).messages for log in LOGS}
        yield from world.oracle.allowance.under_way(site.name, {log: len(sent) for log, sent in logs.items()})
        if any(timer[1] <= site.clock.now() for timer in site.allowance.tables.get(schema.timers.name, {}).values()):
            yield f"{site.name}/allowance has timers due"
        told = len(site.allowance.outbox.get((1, "loc"), ()))
        if site.process is not None and site.process.intake is not None and told:
            at = site.process.intake.seats.checkpoint(f"{site.name}/{ALLOWANCE}", "loc")
            if at != (1, told):
                yield f"{site.name}/intake has heard {at} of {told} of its allowance service"
        if site.process is not None and site.process.allowance is not None:
            yield from world.oracle.allowance.unheard(site.name, site.process.allowance.heard)
    for service, disk in site.disks.items():
        yield from world.oracle.allowance.behind(site.name, service, disk)


def _on_the_way(world: World) -> list[str]:
    return [
        f"{flow.name} has carried {flow.cursor}"
        for flow in world.bus.flows
        if flow.cursor < len(world.bus.stream(*flow.source).messages)
        and {flow.source[0], flow.target[0]} <= {site.name for site in world.sites}
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Halts, gaps and pauses are what a simulation is about: nobody reads them in a log. No garbage is collected
    half-way, and the limits that a seed changes are put back.
    """
    log = logging.getLogger("plek")
    level, collecting = log.level, gc.isenabled()
    limits = aggregate.SNAPSHOT_EVERY, handling.STATES_MAX
    log.setLevel(logging.CRITICAL + 1)
    gc.disable()
    try:
        yield
    finally:
        log.setLevel(level)
        aggregate.SNAPSHOT_EVERY, handling.STATES_MAX = limits
        if collecting:
            gc.enable()


def main() -> None:
    for argument in sys.argv[1:]:
        outcome = run_seed(int(argument), keep_trace=True)
        sys.stdout.write("\n".join(outcome.trace) + "\n")
        sys.stdout.write(f"\nseed {outcome.seed}: {outcome.failure or 'holds'}\n{outcome.answered}\n")
        sys.stdout.write(f"{outcome.faults}\n{outcome.repairs}\n")
        sys.stdout.write(f"{outcome.steps} steps, {outcome.checks} checks, trace {outcome.trace_hash}\n")


if __name__ == "__main__":
    main()
