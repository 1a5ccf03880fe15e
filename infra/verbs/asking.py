"""How a verb asks the sites of a running network: over HTTP, with a token of its own; one line when that fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.processes import PlatformError
from infra.verbs.common import No

if TYPE_CHECKING:
    import httpx

    from infra.running import RunningNetwork

ANSWER_SECONDS_MAX = 20.0


class NoAnswer(PlatformError):
    """A site that does not answer, or not with what was asked for."""


def running(data: Path, site: str | None) -> tuple[RunningNetwork, str]:
    """The network running in `data`, and the site asked: `site`, or the municipality's when none is named."""
    from infra.running import RunningNetwork

    network = RunningNetwork.load(data)
    name = site or network.hub
    network.site(name)
    return network, name


class Unknown(NoAnswer):
    """The site answers that there is no such thing (404)."""


@contextmanager
def site_client(network: RunningNetwork, site: str, role: str) -> Iterator[httpx.Client]:
    """A client of one site, signed in as `role`."""
    import httpx

    headers = {"Authorization": f"Bearer {network.token(site, role)}"}
    with httpx.Client(
        base_url=network.site(site).url, headers=headers, timeout=ANSWER_SECONDS_MAX, trust_env=False
    ) as client:
        yield client


def get_json(client: httpx.Client, asked: str, path: str, **query: str | int | list[str] | None) -> Any:
    """The JSON of one question to the site `asked`. Raises `No` when it is refused as things stand (409), `NoAnswer`
    (`Unknown`: there is no such thing) with one line for a person.
    """
    import httpx

    try:
        answer = client.get(path, params={name: value for name, value in query.items() if value is not None})
    except httpx.HTTPError as error:
        raise NoAnswer(f"{asked} does not answer: {type(error).__name__}") from None
    if answer.status_code == 409:
        raise No(f"{asked} says no: {told(answer)}")
    if answer.status_code != 200:
        raise (Unknown if answer.status_code == 404 else NoAnswer)(f"{asked} says no: {told(answer)}")
    return answer.json()


def post_json(client: httpx.Client, asked: str, path: str, body: Mapping[str, object] | None = None) -> Any:
    """The JSON of the answer to one request of the site `asked`. Raises `No` when it is refused as things stand (409),
    else `NoAnswer` (`Unknown`: there is no such thing).
    """
    import httpx

    try:
        answer = client.post(path, json=body) if body is not None else client.post(path)
    except httpx.HTTPError as error:
        raise NoAnswer(f"{asked} does not answer: {type(error).__name__}") from None
    if answer.status_code == 409:
        raise No(f"{asked} says no: {told(answer)}")
    if not answer.is_success:
        raise (Unknown if answer.status_code == 404 else NoAnswer)(f"{asked} says no: {told(answer)}")
    return answer.json()


def told(answer: httpx.Response) -> str:
    """What an error answer says, in a few words: its title, code and which field is wrong."""
    try:
        problem = answer.json()
        wrong = ", ".join(f"{error['field']}: {error['code']}" for error in problem["errors"])
        return f"{problem['title'].lower()} ({wrong or problem['code']})"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
