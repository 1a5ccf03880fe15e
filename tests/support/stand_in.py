"""Small programs for tests of the supervisor: a site that answers health questions, and a network of such sites.

python -m tests.support.stand_in network DATA PORT_BASE    the real supervisor, real servers, stand-in sites
python -m tests.support.stand_in site DATA SITE            one stand-in site
python -m tests.support.stand_in broken DATA SITE          a site that ends at once, saying why
"""

from __future__ import annotations

import http.server
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path


def site(data: Path, name: str) -> None:
    """Answer every GET with the clock's offset, as a real site's /healthz does."""
    settings = json.loads((data / "sites" / f"{name}.json").read_text("utf-8"))
    clock = Path(settings["clock_file"])

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            offset = json.loads(clock.read_text("utf-8"))["offset_seconds"] if clock.exists() else 0.0
            body = json.dumps({"clock_offset_seconds": offset}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
            """Nothing to tell."""

    http.server.ThreadingHTTPServer((settings["host"], settings["port"]), Health).serve_forever()


def network(data: Path, port_base: int, kind: str = "site") -> None:
    """Run a network until a signal; one JSON line when it is ready. `kind` is site, broken or unmigrated."""
    import asyncio

    # Here, because a stand-in site needs none of it and starts twice as fast without.
    from infra.network import load_network
    from infra.parts import environment
    from infra.processes import Child, PlatformError, start_child
    from infra.supervisor import Supervisor, run_until_signalled

    def begin(words: Sequence[str], log: Path) -> Child:
        match words:
            case ["serve", name, *_]:
                command = [sys.executable, "-m", "tests.support.stand_in", kind, str(data.absolute()), name]
            case _:
                say = "raise SystemExit('no such table')" if kind == "unmigrated" else ""
                command = [sys.executable, "-S", "-c", say]
        return start_child(command, log, death_signal=signal.SIGKILL, env=environment())

    pair = load_network(Path(__file__).with_name("pair.toml"))
    supervisor = Supervisor(pair, data, port_base=port_base, fsync=False, begin=begin)
    try:
        asyncio.run(run_until_signalled(supervisor, lambda urls: print(json.dumps(urls), flush=True)))
    except PlatformError as error:
        print(f"plek: {error}", file=sys.stderr)
        sys.exit(2)


def main() -> None:
    """Dispatch on the first argument."""
    match sys.argv[1:]:
        case ["network", data, port_base]:
            network(Path(data), int(port_base))
        case ["network", data, port_base, kind]:
            network(Path(data), int(port_base), kind)
        case ["site", data, name]:
            site(Path(data), name)
        case ["broken", _, name]:
            sys.exit(f"{name} has no kitchen")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
