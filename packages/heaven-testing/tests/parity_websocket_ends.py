"""More scenarios of WebSockets: ends that are none of the usual, and ends that don't keep up with each other."""

from __future__ import annotations

import asyncio
from typing import Any

from parity_agents import Closed
from parity_notes import DEADLINE, noted, notes, open_gate
from parity_raw import FLOOD
from parity_scenarios import scenario, until_closed

MEBIBYTE = 1024 * 1024


@scenario(
    "heaven",
    '{"host":"api.heaven.test","subdomain":"api","url":"ws://api.heaven.test/ws/where?a=%20b&c","queries":{"a":" b","c":""}}',
)
async def ws_subdomain(agent: Any) -> Any:
    """A WebSocket has a host, and with it a subdomain."""
    async with agent.ws("http://api.heaven.test/ws/where?a=%20b&c") as ws:
        return await ws.receive()


@scenario("raw", ("TimeoutError", ["websocket.connect", "websocket.disconnect"]))
async def ws_left_before_it_was_accepted(agent: Any) -> Any:
    """A client that doesn't wait for the handshake has left, and the application is told."""
    try:
        async with agent.ws(f"/waits?{agent.key}", timeout=0.2):
            pass
    except TimeoutError:
        return "TimeoutError", await noted(agent.key, 2)


@scenario("heaven", ("'mine'", ["one", "left 1011 "]))
async def ws_block_left_with_an_exception(agent: Any) -> Any:
    """An exception inside the block gets out of it as it is, and the connection is closed all the same."""
    try:
        async with agent.ws(f"/ws/listens?key={agent.key}&code") as ws:
            await ws.send("one")
            raise KeyError("mine")
    except KeyError as error:
        return str(error), await noted(agent.key, 2)


@scenario("heaven", ([(4000, "mine")], (4000, "mine")))
async def ws_after_the_clients_own_close(agent: Any) -> Any:
    """Who closed gets nothing more, and sends nothing more."""
    async with agent.ws("/ws/echo") as ws:
        await ws.send("unread")
        await ws.close(4000, "mine")
        ends = await until_closed(ws)
        try:
            await ws.send("more")
        except Closed as closed:
            return [end for end in ends if end != "unread"], (closed.code, closed.reason)


@scenario("heaven", (["last words", (4321, "enough, für heute")], [(4321, "enough, für heute")]))
async def ws_closed_twice(agent: Any) -> Any:
    """Closing what is closed does nothing, whoever closed it."""
    async with agent.ws("/ws/closes") as ws:
        ends = await until_closed(ws)
        await ws.close(4000, "too late")
        await ws.close()
        return ends, await until_closed(ws)


@scenario("raw", (True, "67108867"))
async def ws_slow_application(agent: Any) -> Any:
    """A client that sends to an application that doesn't read has to wait."""
    sent = 0
    async with agent.ws(f"/reads-late?{agent.key}") as ws:

        async def send() -> None:
            nonlocal sent
            for _ in range(FLOOD):
                await ws.send(bytes(MEBIBYTE))
                sent += 1
            await ws.send(b"end")

        sending = asyncio.create_task(send())
        held_up = await still(lambda: sent) < FLOOD
        open_gate(agent.key)
        await asyncio.wait_for(sending, DEADLINE)
        return held_up, await ws.receive()


@scenario("raw", (True, 67108864, (1000, "")))
async def ws_slow_client(agent: Any) -> Any:
    """An application that sends to a client that doesn't read has to wait, and nothing is lost."""
    async with agent.ws(f"/floods?{agent.key}") as ws:
        held_up = await still(lambda: len(notes(agent.key))) < FLOOD
        received = await until_closed(ws)
    return held_up, sum(len(message) for message in received[:-1]), received[-1]


async def still(count: Any) -> int:
    """A count, once it has not moved for a while."""
    unmoved = 0
    while unmoved < 20:
        before = count()
        await asyncio.sleep(0.01)
        unmoved = unmoved + 1 if count() == before else 0
    return before
