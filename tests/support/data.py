"""Where the real records are that some tests run on: beside the repository, or where PLEK_DATA_DIR says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the overnight reports (see CONTRIBUTING.md, "Data").

    Not everybody has them, and nothing else depends on them: without them such a test is skipped and says so. Where
    everything has to be proved (CI=true) it fails.
    """
    folder = Path(os.environ.get("PLEK_DATA_DIR") or BESIDE)
    if not (folder / "toronto-overnight-2021.csv.gz").is_file():
        missing = (
            "the overnight reports are not there: set PLEK_DATA_DIR to the folder with toronto-overnight-2021.csv.gz"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return folder
