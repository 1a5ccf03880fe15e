"""`plek trace`: how something came about and what came of it, over every site that answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from infra.processes import PlatformError
from infra.verbs.asking import NoAnswer, Unknown, get_json, post_json, running, site_client
from infra.verbs.common import DATA, Data, Json, No, print_json
from infra.verbs.waterfall import drawn, spans_of

if TYPE_CHECKING:
    from infra.running import RunningNetwork
    from services.console.spans import Kept
    from shared.causes import Branch, Step

ROUNDS_MAX = 32
"""How often a chain may cross from site to site before it is cut short."""
ALSO_MAX = 100
TRACE_ID = re.compile("[0-9a-f]{32}")


def trace(
    asked: Annotated[
        str,
        typer.Argument(metavar="ID", help="Of an event, command, hold, stay, place, request, or a trace."),
    ],
    site: Annotated[str | None, typer.Option(help="Only what this site knows; default: every site is asked.")] = None,
    purpose: Annotated[
        str | None,
        typer.Option(help="Follow it through clients' files at --site, as auditor; each records that, and this word."),
    ] = None,
    waterfall: Annotated[
        bool, typer.Option("--waterfall", help="Also where the time went: the spans that are kept of its traces.")
    ] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """The tree of causes: who (by role), what, when, where, how long it waited, what was refused or is parked.

    Of a trace of which nothing was stored, say of a request that was refused, the spans are shown, if they are kept.
    """
    from shared.causes import trees

    if purpose is not None and site is None:
        raise PlatformError("a file is opened at the client's own site only: name it with --site")
    network, _ = running(data, site)
    found = _Story(network, [site] if site else list(network.sites), asked, purpose)
    found.collect()
    if waterfall or not found.steps:
        found.look_at_spans()
    if as_json:
        print_json(found.document())
    if not found.steps and not found.spans:
        traced = f"; no span of it is kept, either{found.share()}" if TRACE_ID.fullmatch(asked) else ""
        raise No(f"nobody knows anything of {asked}{traced}" + found.unheard())
    if not as_json:
        between = [""] if found.steps and found.spans else []
        _show([*text(trees(found.steps.values()), asked), *between, *drawn(found.spans)])
        if waterfall and not found.spans:
            typer.echo(f"no span of it is kept{found.share()}", err=True)
        if found.silent or found.left_off:
            typer.echo(f"not all of it{found.unheard()}", err=True)


class _Story:
    """What the sites know, asked again until nobody knows more."""

    def __init__(self, network: RunningNetwork, sites: Sequence[str], asked: str, purpose: str | None) -> None:
        self._network, self._sites, self._asked, self._purpose = network, sites, asked, purpose
        self.steps: dict[str, Step] = {}
        self.silent: dict[str, str] = {}
        self.left_off = False
        self.spans: list[Kept] = []
        self._kept_at_all = ""

    def look_at_spans(self) -> None:
        """Asks every site for the spans of the traces it went through; of the trace that was asked about, at least."""
        named = [step.trace_id for step in sorted(self.steps.values(), key=lambda step: (step.at, step.id))]
        traces = [trace_id for trace_id in named if trace_id]
        traces += [self._asked] if TRACE_ID.fullmatch(self._asked) else []
        found = spans_of(self._network, self._sites, list(dict.fromkeys(traces)))
        self.spans, self._kept_at_all = found.kept, found.kept_at_all()

    def share(self) -> str:
        """How many of all traces are kept, as far as the sites that answered say so."""
        return f" ({self._kept_at_all} of traces are)" if self._kept_at_all else ""

    def collect(self) -> None:
        """Asks every site; then, with what others told meanwhile, those that did not tell of it themselves."""
        from shared.causes import merged

        knows: dict[str, set[str]] = {site: set() for site in self._sites}
        for turn in range(ROUNDS_MAX):
            told = [step.id for step in self.steps.values() if step.kind == "message"]
            found: list[list[Step]] = []
            for site in self._sites:
                also = [id_ for id_ in told if id_ not in knows[site]][:ALSO_MAX]
                if site not in self.silent and (turn == 0 or also):
                    knows[site] |= set(also)
                    found.append(steps := self._ask(site, also))
                    knows[site] |= {step.id for step in steps}
            if not found:
                return
            self.steps = {step.id: step for step in merged(self.steps.values(), *found)}
        self.left_off = True

    def _ask(self, site: str, also: list[str]) -> list[Step]:
        import msgspec

        from shared.causes import Step

        path = f"/api/console/journal/{quote(self._asked, safe='')}/trace"
        try:
            with site_client(self._network, site, "oncall" if self._purpose is None else "auditor") as client:
                if self._purpose is None:
                    answer = get_json(client, site, path, also=also)
                else:
                    answer = post_json(client, site, path, {"purpose": self._purpose, "also": also})
        except Unknown:
            return []
        except NoAnswer as silent:
            if len(self._sites) == 1:
                raise
            self.silent[site] = str(silent)
            return []
        self.left_off |= answer["left_off"]
        for service in answer["silent"]:
            self.silent[f"{site}/{service}"] = f"{site}/{service} does not answer"
        return msgspec.convert(answer["steps"], list[Step])

    def unheard(self) -> str:
        """Whose part is missing, as the end of a sentence."""
        more = ["there are more steps than are shown"] if self.left_off else []
        return "".join(f"; {why}" for why in [*self.silent.values(), *more])

    def document(self) -> dict[str, Any]:
        """Everything as JSON: the steps as the sites tell them, in time, and whose part is missing."""
        import msgspec

        steps = sorted(self.steps.values(), key=lambda step: (step.at, step.id))
        return {
            "asked": self._asked,
            "steps": msgspec.to_builtins(steps),
            "spans": msgspec.to_builtins(self.spans),
            "silent": sorted(self.silent),
            "left_off": self.left_off,
        }


def _show(lines: Sequence[str]) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    for line in lines:
        console.print(line)


def text(branches: Sequence[Branch], asked: str) -> Iterable[str]:
    """The trees, a line a step. What was asked about is marked with a star."""
    from shared.causes import lines

    for depth, branch in lines(branches):
        step = branch.step
        mark = "*" if asked in (step.id, step.id.partition("@")[0]) else " "
        waited = "" if branch.waited_seconds is None else f"  +{_duration(branch.waited_seconds)}"
        when = _when(step.at) if depth == 0 else step.at.strftime("%H:%M:%S.%f")[:-3]
        yield f"{mark}{when}  {'  ' * depth}{_what(step)}{waited}"


def _what(step: Step) -> str:
    home = f"{step.site}/{step.service}"
    if step.withheld:
        return f"in a client's file, {home}: --site {step.site} --purpose WHY shows it"
    if step.kind == "command":
        came = f"{step.where} by {step.role}" if step.role else step.where
        refused = {None: "", "": "  nothing to do"}.get(step.refused, f"  refused: {step.refused}")
        trace_id = f"  trace {step.trace_id}" if step.trace_id and step.cause is None else ""
        return f"{came}, {home}{refused}{trace_id}"
    if step.kind == "event":
        return f"{step.name}  {home} {step.where}  {step.id}"
    name = ".".join(step.name.split(".")[3:])
    cut = "  because of a client's file" if step.cut and step.cause is None else ""
    parked = "".join(f"  PARKED at {at.site}/{at.service} {at.reader}: {at.code}, retried {at.retries}x"
                     for at in step.parked)  # fmt: skip
    return f"told {name}  {home} {step.where}  about {step.subject}  {step.id}{cut}{parked}"


def _when(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def register(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(trace)
