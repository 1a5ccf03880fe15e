"""`plek`: one small file per family of verbs in `infra/verbs`, each added by one line below.

Exit codes: 0 success, 1 the answer is no, 2 a wrong call or a platform that cannot do it, with one line on stderr.
"""

from __future__ import annotations

import sys

import typer

from infra.verbs import (
    accounts,
    demo,
    doctor,
    exports,
    figures,
    imports,
    journal,
    membership,
    network,
    parked,
    pauses,
    rehearsal,
    repair,
    simulate,
    site,
    trace,
)
from infra.verbs.common import No

app = typer.Typer(
    name="plek",
    help="A city's shelter and placement network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# One line per family of verbs.
network.register(app)
site.register(app)
membership.register(app)
rehearsal.register(app)
figures.register(app)
journal.register(app)
trace.register(app)
parked.register(app)
pauses.register(app)
imports.register(app)
exports.register(app)
simulate.register(app)
repair.register(app)
doctor.register(app)
demo.register(app)
accounts.register(app)


def main() -> None:
    """Run one verb and exit."""
    try:
        app()
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        for line in str(error).splitlines() or [type(error).__name__]:
            sys.stderr.write(f"plek: {line}\n")
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    """1 for a no, 2 for trouble a person can mend, None for what we did not expect."""
    # Imported late: most verbs, and `--help`, need none of these.
    from infra.network import NetworkError
    from infra.processes import PlatformError
    from shared.settings import SettingsError
    from shared.streams import StreamsError

    if isinstance(error, No):
        return 1
    return 2 if isinstance(error, (PlatformError, NetworkError, SettingsError, StreamsError)) else None


if __name__ == "__main__":
    main()
