"""The same scenarios through `Client`, through `SyncClient` and over the socket of a real uvicorn give the same answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any

import pytest

import parity_asgi  # noqa: F401 - this and the next ones enter their scenarios when they are imported
import parity_bodies  # noqa: F401
import parity_edges  # noqa: F401
import parity_errors  # noqa: F401
import parity_headers  # noqa: F401
import parity_routing  # noqa: F401
import parity_streams  # noqa: F401
import parity_websocket_ends  # noqa: F401
import parity_websockets  # noqa: F401
from heaven import App
from heaven_testing import ServerProcess
from parity_agents import Agent, OverClient, OverSocket, OverSyncClient
from parity_app import APPLICATIONS
from parity_lifespan import LIFESPANS, UVICORN, Launch
from parity_notes import FOLDER
from parity_scenarios import SCENARIOS, Scenario

SERVERS = {
    "uvicorn": [],
    "uvicorn-h11": ["--http", "h11", "--ws", "wsproto"],
}
"""One process of each serves all applications to all scenarios."""
SPOKEN_OF = (0, 54)
"""The uvicorn that the table is of, or a later one; earlier ones tell less in scopes and of closed WebSockets."""
WAYS = ["Client", "SyncClient", *SERVERS]
PLAIN = ["Client", "SyncClient", "uvicorn"]
"""The ways of a scenario that only asks and is answered: in these the two parsers hardly differ."""
CASES = [
    (name, way)
    for name, each in SCENARIOS.items()
    for way in (PLAIN if each.plain else WAYS)
    if way not in each.without
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The folder of notes and files that applications know from their environment."""
    path = tmp_path_factory.mktemp("parity")
    (path / "letters.txt").write_text("abcdefghijklmnopqrstuvwxyz")
    os.utime(path / "letters.txt", (1_700_000_000, 1_700_000_000))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(FOLDER, str(path))
        yield


@pytest.fixture(scope="module")
def server(folder: None) -> Iterator[Callable[[str], ServerProcess]]:
    """Gives the server of a kind, started when it is first asked for."""
    running: dict[str, ServerProcess] = {}
    with ExitStack() as stack:

        def give(kind: str) -> ServerProcess:
            if tuple(map(int, version("uvicorn").split(".")[:2])) < SPOKEN_OF:
                pytest.skip("the table is of a later uvicorn")
            if kind not in running:
                command = [*UVICORN, "parity_app:app", "--lifespan", "on", *SERVERS[kind]]
                running[kind] = stack.enter_context(ServerProcess(command))
            return running[kind]

        yield give


@asynccontextmanager
async def opened(agent: Agent) -> AsyncIterator[Agent]:
    await agent.begin()
    try:
        yield agent
    finally:
        await agent.end()


def agent_for(way: str, scenario: Scenario, server: Callable[[str], ServerProcess]) -> Agent:
    name = scenario.application
    if way in SERVERS:
        return OverSocket(name, server(way))
    return (OverClient if way == "Client" else OverSyncClient)(name, APPLICATIONS[name])


@pytest.mark.parametrize(("name", "way"), CASES)
async def test_a_scenario_is_seen_the_same_every_way(
    name: str, way: str, server: Callable[[str], ServerProcess]
) -> None:
    """What a client sees of an application is what the table says, in process as over a socket."""
    scenario = SCENARIOS[name]
    async with opened(agent_for(way, scenario, server)) as agent:
        observed = await scenario.run(agent)
    assert scenario.expected == observed


@pytest.mark.parametrize("way", ["Client", "SyncClient"])
@pytest.mark.parametrize("name", LIFESPANS)
async def test_a_life_is_seen_in_process_as_the_table_says(name: str, way: str, folder: None) -> None:
    """How an application starts, stops, and fails to, is what a server makes of it."""
    assert LIFESPANS[name].expected == await LIFESPANS[name].run(Launch(way))


@pytest.fixture(scope="module")
def lives(folder: None) -> dict[str, Any]:
    """What was seen of every life under uvicorn: a process for each, beside each other, as each takes a while to start."""

    async def all_lives() -> list[Any]:
        return await asyncio.gather(
            *[life.run(Launch("uvicorn")) for life in LIFESPANS.values()], return_exceptions=True
        )

    with ThreadPoolExecutor(1) as thread:
        return dict(zip(LIFESPANS, thread.submit(asyncio.run, all_lives()).result(), strict=True))


@pytest.mark.parametrize("name", LIFESPANS)
def test_a_life_is_seen_under_a_server_as_the_table_says(name: str, lives: dict[str, Any]) -> None:
    """What the table says of lives is what a server makes of them."""
    observed = lives[name]
    if isinstance(observed, BaseException):
        raise observed
    assert LIFESPANS[name].expected == observed


@pytest.mark.parametrize("way", WAYS)
async def test_what_differs_is_seen(way: str, server: Callable[[str], ServerProcess]) -> None:
    """Control: a scenario that meets another application than its table speaks of is not as expected, whichever way."""
    elsewhere = Scenario("root", "redirecting", SCENARIOS["root"].run, SCENARIOS["root"].expected)
    async with opened(agent_for(way, elsewhere, server)) as agent:
        assert elsewhere.expected != await elsewhere.run(agent)


async def test_a_difference_of_one_header_is_seen(folder: None) -> None:
    """Control: a single header more is enough."""
    app = App()
    app.GET("/", lambda req, res, ctx: res.header("x-more", "1") and "hello")
    async with opened(OverClient("heaven", app)) as agent:
        assert SCENARIOS["root"].expected != await SCENARIOS["root"].run(agent)


def test_there_are_enough_scenarios() -> None:
    """The table does not shrink: what its modules enter when they are imported is a hundred scenarios and more."""
    assert len(SCENARIOS) + len(LIFESPANS) >= 140
