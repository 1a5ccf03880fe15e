"""Keys for letters, for sites that live in this process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from joserfc.jwk import KeySet

from infra.keys import new_seal_key
from shared.letters import Seals


@cache
def site_seals(sites: Sequence[str]) -> dict[str, Seals]:
    """A key for each site, known to all of them."""
    keys = {site: new_seal_key() for site in sites}
    return {site: Seals(site, KeySet([key]), keys) for site, key in keys.items()}
