"""Where the servers of tests keep their data: in memory, where there is enough of it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES_MIN = 6 * 1024**3
"""Several times what two workers' servers were seen to hold at once."""

ON_DISK = os.environ.get("PLEK_TEST_DISK") or tempfile.gettempdir()
"""Where temporary files are otherwise: for tests that are about a disk."""


def keep_in_memory() -> None:
    """From now on this process and all it starts keep temporary files in memory; not when TMPDIR names a place.

    Nothing that is tested here outlives the machine, so nothing has to be on a disk; and a database or a bus is
    hundreds of files, which a disk takes five times as long to make and remove.
    """
    if "TMPDIR" in os.environ or not _enough():
        return
    os.environ |= {"TMPDIR": str(MEMORY), "PLEK_TEST_DISK": ON_DISK}
    tempfile.tempdir = str(MEMORY)


def _enough() -> bool:
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return False
    available = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text("ascii"), re.MULTILINE)
    memory_bytes = int(available[1]) * 1024 if available is not None else 0
    return min(memory_bytes, shutil.disk_usage(MEMORY).free) >= ROOM_BYTES_MIN
