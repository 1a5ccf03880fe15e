"""Every operation of intake's API, called with what its own document allows and forbids, and the paths pages name."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from schemathesis import GenerationMode

from tests.architecture.source import ROOT, text
from tests.support.network import Network, network_of, running_network
from tests.system.test_api_schema import call_all


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    file = tmp_path_factory.mktemp("network") / "network.toml"
    file.write_text(network_of("west", services=("intake", "placement", "console")))
    with running_network(network=file) as started:
        yield started


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_no_input_breaks_the_intake_api(network: Network, mode: GenerationMode) -> None:
    async with network.client("west", "caseworker") as client:
        document = (await client.get("/api/intake/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=f"{network.urls['west']}/api/intake")
    called = call_all(schema, document, network, mode, {})
    assert len(called) >= 10
    assert all(called.values())


@pytest.mark.parametrize("page", ["docs/oncall.md", "docs/caseworkers.md"])
def test_every_path_of_intake_a_page_names_is_there(network: Network, page: str) -> None:
    named = set(re.findall(r"`(?:\$\w+)?(/api/intake/[\w/.-]*)`", text(ROOT / page)))
    headers = {"Authorization": f"Bearer {network.token('west', 'oncall')}"}
    for path in sorted(named):
        assert httpx.get(network.urls["west"] + path, headers=headers, timeout=60).status_code in (200, 403), path
