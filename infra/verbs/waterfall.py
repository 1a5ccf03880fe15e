"""Where the time went: the spans of traces, as the sites keep them, drawn as a waterfall of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infra.verbs.asking import NoAnswer, Unknown, get_json, site_client

if TYPE_CHECKING:
    from infra.running import RunningNetwork
    from services.console.spans import Kept

TRACES_MAX = 50
"""Asked about at once, as a console takes them."""
WIDE = 24
"""Characters of a bar."""


class Spans(NamedTuple):
    """What sites keep of some traces. shares: of those begun there are kept, of each site that answered, 0 to 1."""

    kept: list[Kept]
    shares: list[float]

    def kept_at_all(self) -> str:
        """Which part of all traces is kept, in words: why there may be nothing of one. Empty when no site has said."""
        if not self.shares:
            return ""
        least, most = (f"{share * 100:g}" for share in (min(self.shares), max(self.shares)))
        return f"{least}%" if least == most else f"{least} to {most}%"


def spans_of(network: RunningNetwork, sites: Sequence[str], traces: Sequence[str]) -> Spans:
    """What the sites that answer keep of these traces, the first `TRACES_MAX` of them."""
    import msgspec

    from services.console.spans import Kept

    found, shares = list[Kept](), list[float]()
    for site in sites if traces else ():
        try:
            with site_client(network, site, "oncall") as client:
                answer = get_json(client, site, "/api/console/spans", trace=list(traces[:TRACES_MAX]))
        except (NoAnswer, Unknown):  # what is missing is named with the story; spans are of use, not of need
            continue
        found += msgspec.convert(answer["spans"], list[Kept])
        shares.append(float(answer["sample_ratio"]))
    return Spans(found, shares)


def drawn(spans: Sequence[Kept]) -> Iterable[str]:
    """A line a span: when it began after the first of all, how long it took, and where that lies in the whole."""
    from services.console.spans import waterfall

    lines = waterfall(spans)
    whole = max((line.after + line.span.seconds for line in lines), default=0.0) or 1.0
    for span, depth, after in lines:
        first = min(WIDE - 1, int(after / whole * WIDE))
        length = max(1, min(WIDE - first, round(span.seconds / whole * WIDE)))
        bar = f"{' ' * first}{'=' * length}".ljust(WIDE)
        failed = f"  failed: {span.failed}" if span.failed else ""
        took = f"{after * 1000:9,.1f} ms  |{bar}| {span.seconds * 1000:9,.1f} ms"
        yield f"{took}  {'  ' * depth}{span.name}  {span.service}{failed}"
