"""What a device keeps so that the board opens without a connection: the worker that shows it, and its version.

The worker is `static/worker.js` with what it has to know written above it. It keeps files of ours, and the board of
whoever is signed in: places and what they are, no name and no alias (`docs/decisions/0062-a-board-offline.md`).
"""

from __future__ import annotations

import json
from functools import cache

from services.console.api_screens import HERE, asset, version

KEPT_HOURS = 12
"""How long a board that nobody could show anew is opened: a shift, as long as a session."""

STYLES = ("tokens.css", "plek.css", "icon.svg")
SCRIPTS = ("clock.js", "kept.js", "live.js", "morph.js", "queue.js", "send.js", "taps.js", "taps_here.js")
"""What the board loads. A script names the others without their version: those are asked for anew when it can be."""


@cache
def worker() -> str:
    """The worker's source as browsers get it."""
    files = ["/offline", *(asset(name) for name in (*STYLES, "taps.js")), *(f"/static/{name}" for name in SCRIPTS)]
    known = {"VERSION": version(), "FILES": files, "HOURS": KEPT_HOURS}
    told = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in known.items())
    return told + (HERE / "static" / "worker.js").read_text("utf-8")
