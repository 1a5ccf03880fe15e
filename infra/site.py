"""One site's process: its services behind one border, on one port, from start to a clean stop."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from types import FrameType
from typing import Any

import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import metrics, telemetry
from shared.clock import Clock, OffsetClock, SystemClock
from shared.http import Streams, new_app
from shared.http_access import allow, check_routes, open_to_all, session_cookie
from shared.http_border import Border
from shared.http_problems import Problem
from shared.ids import Ids, SystemIds
from shared.repair_origin import Repaired
from shared.roster import Roster
from shared.runtime import settle
from shared.security import Actor, Verifier, load_public_keys
from shared.service import Host, ServiceApp, ask_all
from shared.sessions import Sessions
from shared.settings import SiteSettings
from shared.sourcing import hand_over_remaking, keep_sources
from shared.tracing import own_store

SIGN_IN = "/sign-in"
DRAIN_SECONDS_MAX = 2
"""How long requests under way may take once the process was asked to stop."""
STOP_SECONDS_MAX = 5.0
"""How long one service may take to stop."""
BACKLOG = 512


def _placement(host: Host) -> ServiceApp:
    from services.placement.app import build

    return build(host)


def _intake(host: Host) -> ServiceApp:
    from services.intake.app import build

    return build(host)


def _allowance(host: Host) -> ServiceApp:
    from services.allowance.app import build

    return build(host)


def _notifications(host: Host) -> ServiceApp:
    from services.notifications.app import build

    return build(host)


def _console(host: Host) -> ServiceApp:
    from services.console.app import build

    return build(host)


async def _migrate_placement(dsn: str) -> None:
    from services.placement.app import migrate

    await migrate(dsn)


async def _migrate_intake(dsn: str) -> None:
    from services.intake.app import migrate

    await migrate(dsn)


async def _migrate_allowance(dsn: str) -> None:
    from services.allowance.app import migrate

    await migrate(dsn)


async def _migrate_notifications(dsn: str) -> None:
    from services.notifications.app import migrate

    await migrate(dsn)


async def _migrate_console(dsn: str) -> None:
    from services.console.app import migrate

    await migrate(dsn)


SERVICES: dict[str, Callable[[Host], ServiceApp]] = {
    "intake": _intake,
    "placement": _placement,
    "allowance": _allowance,
    "notifications": _notifications,
    "console": _console,
}
"""Every service a site can run, in the order in which they start."""
MIGRATIONS: dict[str, Callable[[str], Awaitable[None]]] = {
    "intake": _migrate_intake,
    "placement": _migrate_placement,
    "allowance": _migrate_allowance,
    "notifications": _migrate_notifications,
    "console": _migrate_console,
}


async def _repair_placement(settings: SiteSettings, clock: Clock, ids: Ids, dry_run: bool) -> Repaired:
    from services.placement.app_repair import repair_placement

    return await repair_placement(settings, clock, ids, dry_run)


async def _repair_intake(settings: SiteSettings, clock: Clock, ids: Ids, dry_run: bool) -> Repaired:
    from services.intake.app_repair import repair_intake

    return await repair_intake(settings, clock, ids, dry_run)


async def _repair_allowance(settings: SiteSettings, clock: Clock, ids: Ids, dry_run: bool) -> Repaired:
    from services.allowance.app_repair import repair_allowance

    return await repair_allowance(settings, clock, ids, dry_run)


REPAIRS: dict[str, Callable[[SiteSettings, Clock, Ids, bool], Coroutine[Any, Any, Repaired]]] = {
    "intake": _repair_intake,
    "placement": _repair_placement,
    "allowance": _repair_allowance,
}
"""The repair of each service that tells anything: `(settings, clock, ids, dry_run)`."""


def load_everything() -> None:
    """Imports whatever any of a site's processes will need: its services, their pages, and the migrations."""
    import alembic.command

    import services.allowance.app
    import services.console.app
    import services.intake.app
    import services.notifications.app
    import services.placement.app

    _ = (
        alembic.command, services.allowance.app, services.console.app, services.intake.app, services.notifications.app,
        services.placement.app,
    )  # fmt: skip


async def migrate(settings: SiteSettings) -> None:
    """Bring the databases of a site's services up to date, one after the other."""
    for name in SERVICES:
        if name in settings.services:
            await MIGRATIONS[name](settings.databases[name].get_secret_value())


def clock_of(settings: SiteSettings) -> Clock:
    """The site's clock: the machine's, or in an embedded network the one that can be moved ahead."""
    return OffsetClock(settings.clock_file) if settings.clock_file is not None else SystemClock()


def site_app(
    settings: SiteSettings,
    clock: Clock,
    services: Sequence[ServiceApp],
    sign_in: str | None = None,
    sessions: Sessions | None = None,
) -> Border:
    """Everything the site answers, as one ASGI application; starting and stopping the services is the caller's.

    Raises `RouteUndeclared` when any route of any service does not say who may call it.
    """
    app = new_app(f"Plek at {settings.site}")

    @app.get("/healthz")
    @open_to_all
    async def healthz() -> Response:
        health: dict[str, Any] = {"site": settings.site, "services": [service.name for service in services]}
        if isinstance(clock, OffsetClock):
            health["clock_offset_seconds"] = clock.offset_seconds
        return JSONResponse(health)

    @app.get("/readyz")
    @open_to_all
    async def readyz() -> Response:
        checks = [check for service in services for check in service.checks]
        wrong = await ask_all(checks)
        if wrong:
            raise Problem(503, "not-ready", facts=wrong, headers={"Retry-After": "1"})
        return JSONResponse({"ready": True, "checks": [check.name for check in checks]})

    @app.get("/metrics")
    @allow("oncall")
    async def metrics_page(request: Request) -> Response:
        return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    for service in services:
        app.mount(f"/api/{service.name}", service.api)  # declared here, reached by the shorter way of `Site`
    for service in services:
        if service.pages is not None:
            app.mount("/", service.pages)
    check_routes(app.routes)
    verifier = Verifier(load_public_keys(settings.token_keys), settings.site)

    def verify(token: str) -> Actor:
        return verifier(token, clock.now())

    site = Site(app, {service.name: service.api for service in services})
    return Border(site, verify=verify, sign_in=sign_in, cookie=session_cookie(settings.site), session=sessions)


class Site:
    """What stands behind the border: each service's API by its name, and the site's own application for all else.

    A mounted application answers the same, but through two stacks of layers instead of one, and that takes as long as a
    command.
    """

    def __init__(self, app: ASGIApp, apis: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._apis = {f"/api/{name}": api for name, api in apis.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = "/".join(scope.get("path", "").split("/", 3)[:3])
        api = self._apis.get(prefix)
        if api is None:
            await self._app(scope, receive, send)
            return
        root = scope.get("root_path", "")
        scope.update({"app_root_path": root, "root_path": root + prefix, "path_params": {}})
        await api(scope, receive, send)


class _Server(uvicorn.Server):
    """uvicorn that ends open event streams at once, and leaves the rest of the process's end to us."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._streams.close)

    def end(self) -> None:
        """Ends as a signal would have it."""
        self.should_exit = True
        self._streams.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """uvicorn raises the signal again when it has drained; our services still have to stop then."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(settings: SiteSettings, services: Sequence[str] = ()) -> int:
    """Run the named services of a site (none named: all of its settings') until SIGINT or SIGTERM; call from the main
    thread.

    Returns the exit code: 0 after a clean stop, 1 after one line on standard error that says what was wrong.
    """
    names = [name for name in SERVICES if name in (services or settings.services)]
    if unknown := set(services or settings.services) - set(names):
        return _one_line(f"no such service: {', '.join(sorted(unknown))}")
    telemetry.configure_logs(site=settings.site, style=settings.log_format, level=settings.log_level)
    telemetry.setup(
        service=names[0] if len(names) == 1 else settings.site,
        site=settings.site,
        otlp_endpoint=settings.otlp_endpoint,
        own_store=own_store(settings, clock_of(settings)),
        sample_ratio=settings.trace_sample_ratio,
    )
    try:
        with (
            listen(settings.host, settings.port) as listener,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return runner.run(_serve(settings, names, listener))
    except OSError as error:
        return _one_line(f"cannot listen on {settings.host}:{settings.port}: {(error.strerror or 'unknown').lower()}")
    finally:
        telemetry.shutdown()


def listen(host: str, port: int) -> socket.socket:
    """The socket the site answers on, bound before anything else starts. Raises OSError when the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def _serve(settings: SiteSettings, names: Sequence[str], listener: socket.socket) -> int:
    log = telemetry.logger("site")
    ending = asyncio.get_running_loop().create_future()
    clock = clock_of(settings)
    sessions = _sessions(settings, clock)
    host = Host(settings, clock, SystemIds(), Streams(), ending, Roster(settings), sessions=sessions)
    started: list[ServiceApp] = []
    try:
        built = [SERVICES[name](host) for name in names]
        sign_in = SIGN_IN if any(service.pages is not None for service in built) else None
        app = site_app(settings, clock, built, sign_in, sessions)
        for service in built:
            started.append(service)
            await service.start()
        server = _Server(_uvicorn(app), host.streams)
        ending.add_done_callback(lambda _: server.end())
        metrics.CLOCK_SECONDS.set_function(lambda: host.clock.now().timestamp())
        metrics.DISK_FREE_BYTES.set_function(lambda: shutil.disk_usage(settings.seal_keys.parent).free)
        settle()
        log.info("serving", services=list(names), host=settings.host, port=settings.port)
        # One process of the site watches its sources: the one with the site's first service.
        async with (
            keep_sources(settings, host.roster, host.remake_city)
            if settings.services[0] in names
            else hand_over_remaking(settings, host.remake_city)
        ):
            await server.serve(sockets=[listener])
        return _one_line(ending.result()) if ending.done() else 0
    except Exception as error:
        log.error("the site cannot run", exc_info=error)
        return _one_line(telemetry.describe(error))
    finally:
        await stop_all(started)
        if sessions is not None:
            sessions.close()


def _sessions(settings: SiteSettings, clock: Clock) -> Sessions | None:
    """The sessions of a site's people, which its console keeps; every process of the site asks them."""
    dsn = settings.databases.get("console")
    return None if dsn is None else Sessions(dsn.get_secret_value(), settings.site, clock, demo=settings.demo)


def _uvicorn(app: Border) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        backlog=BACKLOG,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
        h11_max_incomplete_event_size=64 * 1024,
    )


async def stop_all(started: Sequence[ServiceApp]) -> None:
    """Stop services in the reverse of the order in which they started; one that hangs or fails does not keep the
    others."""
    log = telemetry.logger("site")
    for service in reversed(started):
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                await service.stop()
        except Exception as error:
            log.error("a service did not stop cleanly", service=service.name, exc_info=error)


def _one_line(text: str) -> int:
    print(f"plek: {text}", file=sys.stderr, flush=True)
    return 1
