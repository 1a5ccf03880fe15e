"""`python -m shared.contracts.schemas`: are the committed schemas today's contracts? `--write` makes them so."""

from __future__ import annotations

import sys

from shared.contracts.schemas.committed import changes, write


def main(arguments: list[str]) -> int:
    """0: they are. 1: they are not, or cannot be made so without breaking a reader; one line each. 2: a wrong call."""
    if arguments not in ([], ["--write"]):
        sys.stderr.write("usage: python -m shared.contracts.schemas [--write]\n")
        return 2
    found = write() if arguments else changes()
    for change in found:
        sys.stdout.write(f"{change.type_name}: {change.what}\n")
    return int(any(change.breaks or not arguments for change in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
