"""Scenarios of WebSockets: handshakes, messages both ways, and every way a connection ends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from parity_agents import Closed
from parity_notes import noted, open_gate
from parity_scenarios import (
    FROM_THE_HANDSHAKE,
    FROM_THE_SOCKET,
    as_problem,
    headers_of,
    refused,
    scenario,
    until_closed,
)

NOT_COMPARED = frozenset({"sec-websocket-key", "accept", "accept-encoding", "connection", "sec-websocket-protocol"})
"""Headers of a handshake's request that are random, or a client library's own taste; and the offered subprotocols,
which some servers take out, since the scope has them."""


@scenario("heaven", ["text", b"bytes\x00\xff", "", b"", "grüße 😀"])
async def ws_echo(agent: Any) -> Any:
    """Text and bytes come back as what they were, empty ones as well."""
    async with agent.ws("/ws/echo") as ws:
        echoed = []
        for message in ("text", b"bytes\x00\xff", "", b"", "grüße \U0001f600"):
            await ws.send(message)
            echoed.append(await ws.receive())
        return echoed


@scenario("heaven", ['{"name":"a/b ä","page":3,"got":{"n":[1,null]}}', (1000, "")])
async def ws_json_and_parameters(agent: Any) -> Any:
    """Path and query are as those of requests; JSON goes both ways, and the end of the handler closes with 1000."""
    async with agent.ws("/ws/json/a%2Fb%20%C3%A4?page=3") as ws:
        await ws.send(json.dumps({"n": [1, None]}))
        return await until_closed(ws)


@scenario(
    "heaven",
    ([(1007, "JSON is malformed: it ends too early (byte 1)")], [(1003, "text was expected, and binary data came")]),
)
async def ws_json_that_is_none(agent: Any) -> Any:
    """A message that is no JSON closes with 1007 where JSON was expected, one of the wrong kind with 1003."""
    async with agent.ws("/ws/json/a") as ws:
        await ws.send("{")
        malformed = await until_closed(ws)
    async with agent.ws(f"/ws/listens?key={agent.key}") as ws:
        await ws.send(b"bytes")
        return malformed, await until_closed(ws)


@scenario(
    "heaven",
    as_problem(
        422,
        "Unprocessable Content",
        ',"detail":"1 value can\'t be accepted.","errors":[{"loc":["query","page"],"msg":"Expected `int`"}]',
    ),
)
async def ws_query_that_does_not_convert(agent: Any) -> Any:
    """Hints of a query are checked before the handshake is accepted."""
    return await refused(agent, "/ws/json/a?page=x")


@scenario(
    "heaven",
    [
        (None, ["x-many: 1", "x-many: 2", "x-offered: "], [(1000, "")]),
        ("chat", ["sec-websocket-protocol: chat", "x-many: 1", "x-many: 2", "x-offered: chat"], [(1000, "")]),
        ("v2", ["sec-websocket-protocol: v2", "x-many: 1", "x-many: 2", "x-offered: chat super.chat v2"], [(1000, "")]),
    ],
)
async def ws_subprotocols(agent: Any) -> Any:
    """The application chooses from what the client offers, and its headers come with the handshake."""
    observed = []
    for offered in ((), ("chat",), ("chat", "super.chat", "v2")):
        async with agent.ws("/ws/choose", subprotocols=offered) as ws:
            headers = headers_of(ws.headers, without=FROM_THE_SOCKET | FROM_THE_HANDSHAKE)
            observed.append((ws.subprotocol, sorted(headers), await until_closed(ws)))
    return observed


@scenario("heaven", (["set-cookie: given=1; Path=/"], '{"a":"1","b":"2"}'))
async def ws_cookies(agent: Any) -> Any:
    """Cookies come with the handshake, and can be set by it."""
    async with agent.ws("/ws/cookies", headers=[("cookie", "a=1; b=2")]) as ws:
        given = [line for line in headers_of(ws.headers) if line.startswith("set-cookie")]
        return given, await ws.receive()


@scenario(
    "heaven",
    (
        401,
        [
            "www-authenticate: Bearer",
            "set-cookie: a=1",
            "set-cookie: b=2",
            "content-type: application/json",
            "content-length: 18",
        ],
        '{"why":"no token"}',
    ),
)
async def ws_denied(agent: Any) -> Any:
    """A refusal is a whole response: status, headers and body."""
    return await refused(agent, "/ws/deny")


@scenario("heaven", (403, ""))
async def ws_refused(agent: Any) -> Any:
    """A close before the handshake is a 403 without content, whatever its code."""
    status, _, body = await refused(agent, "/ws/refuse")
    return status, body


@scenario(
    "heaven",
    [
        as_problem(429, "Too Many Requests", ',"detail":"Slower, please."', "retry-after: 9"),
        as_problem(500, "Internal Server Error"),
        as_problem(404, "Not Found"),
        as_problem(404, "Not Found"),
    ],
)
async def ws_errors_before_the_handshake(agent: Any) -> Any:
    """Errors before the handshake are answered as those of requests; so is a path that no WebSocket has."""
    paths = ("/ws/error", "/ws/crash-before", "/ws/nowhere", "/orders/7")
    return [await refused(agent, path) for path in paths]


@scenario("heaven", 404)
async def ws_path_asked_for_with_get(agent: Any) -> Any:
    """A WebSocket's path is none of requests."""
    return (await agent.request("GET", "/ws/echo")).status_code


@scenario(
    "heaven",
    (as_problem(403, "Forbidden", ',"detail":"Pages of this origin may not connect."'), "accepted", "accepted"),
)
async def ws_origins(agent: Any) -> Any:
    """Pages of other sites are refused; those of ours, and clients that are no browsers, are not."""
    foreign = await refused(agent, "/ws/guarded", headers=[("origin", "https://evil.test")])
    own = await refused(agent, "/ws/guarded", headers=[("origin", "https://heaven.test")])
    return foreign, own, await refused(agent, "/ws/guarded")


@scenario(
    "heaven",
    (
        (403, ["x-why: hook", "content-type: text/plain; charset=utf-8", "content-length: 7"], "not you"),
        ["said by a hook", (1000, "")],
        ["after aborted", "after ok"],
    ),
)
async def ws_hooks(agent: Any) -> Any:
    """BEFORE runs ahead of the handshake and can refuse it; AFTER runs when the connection has ended."""
    aborted = await refused(agent, f"/ws/hooked?key={agent.key}&abort")
    async with agent.ws(f"/ws/hooked?key={agent.key}") as ws:
        messages = await until_closed(ws)
    return aborted, messages, await noted(agent.key, 2)


@scenario(
    "heaven", (["last words", (4321, "enough, für heute")], (4321, "enough, für heute"), [(4321, "enough, für heute")])
)
async def ws_closed_by_the_application(agent: Any) -> Any:
    """What was sent before arrives; then the code and the reason; then there is nobody to send to."""
    async with agent.ws("/ws/closes") as ws:
        received = await until_closed(ws)
        try:
            await ws.send("anyone?")
        except Closed as closed:
            return received, (closed.code, closed.reason), await until_closed(ws)


@scenario("heaven", ["one", "two", "left 4444 genug für heute"])
async def ws_closed_by_the_client(agent: Any) -> Any:
    """The application hears code and reason, once it has read what was sent before."""
    async with agent.ws(f"/ws/listens?key={agent.key}&code") as ws:
        await ws.send("one")
        await ws.send("two")
        await ws.close(4444, "genug für heute")
    return await noted(agent.key, 3)


@scenario("heaven", ["one", "left 1000 "])
async def ws_closed_by_leaving_the_block(agent: Any) -> Any:
    """Leaving the block closes with 1000."""
    async with agent.ws(f"/ws/listens?key={agent.key}&code") as ws:
        await ws.send("one")
    return await noted(agent.key, 2)


@scenario("heaven", (["one", "left"], ["left"]))
async def ws_client_vanishes(agent: Any) -> Any:
    """A client that is gone without a word has left too, whether it is listened or spoken to."""
    async with agent.ws(f"/ws/listens?key={agent.key}") as ws:
        await ws.send("one")
        await noted(agent.key, 1)
        await ws.vanish()
    async with agent.ws(f"/ws/pushes-forever?key={agent.key}-pushed") as ws:
        await ws.receive()
        await ws.vanish()
    return await noted(agent.key, 2), await noted(f"{agent.key}-pushed", 1)


@scenario("heaven", ["before", (1011, "")])
async def ws_exception(agent: Any) -> Any:
    """An exception after the handshake closes with 1011, and tells nothing."""
    async with agent.ws("/ws/crash-after") as ws:
        return await until_closed(ws)


@scenario("heaven", True)
async def ws_many_messages(agent: Any) -> Any:
    """A thousand messages each way, sent without waiting for an answer, keep their order."""
    async with agent.ws("/ws/echo") as ws:

        async def send() -> None:
            for number in range(1000):
                await ws.send(str(number))

        sending = asyncio.create_task(send())
        received = [await ws.receive() for _ in range(1000)]
        await sending
    return received == [str(number) for number in range(1000)]


@scenario("heaven", [True, True])
async def ws_large_messages(agent: Any) -> Any:
    """A message of 2 MiB is one message, in both directions."""
    async with agent.ws("/ws/echo") as ws:
        sizes = []
        for message in ("x" * 2_097_152, b"y" * 2_097_152):
            await ws.send(message)
            sizes.append(await ws.receive() == message)
        return sizes


@scenario("heaven", (201, "push 0", ["push 199", (1000, "done")]))
async def ws_server_push(agent: Any) -> Any:
    """What the application sends is there although the client sent nothing, and the close comes last."""
    async with agent.ws("/ws/pushes?count=200") as ws:
        received = await until_closed(ws)
    return len(received), received[0], received[-2:]


@scenario("heaven", (True, "accepted"))
async def ws_handshake_waits(agent: Any) -> Any:
    """Entering waits for the application to accept."""
    key = agent.key

    async def enter() -> Any:
        async with agent.ws(f"/ws/waits-before?key={key}") as ws:
            return await ws.receive()

    entering = asyncio.create_task(enter())
    await agent.request("GET", "/")
    waited = not entering.done()
    open_gate(key)
    return waited, await entering


@scenario("heaven", ["I am 0", "I am 1", "I am 2", "I am 3", "I am 4", "I am 5", "I am 6", "I am 7"])
async def ws_several_at_once(agent: Any) -> Any:
    """Connections keep apart."""

    async def talk(number: int) -> Any:
        async with agent.ws("/ws/echo") as ws:
            await ws.send(f"I am {number}")
            return await ws.receive()

    return await asyncio.gather(*[talk(number) for number in range(8)])


@scenario(
    "raw",
    (
        {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "root_path": "",
            "path": "/scope",
            "raw_path": "/scope",
            "query_string": "x=%20y",
            "subprotocols": ["chat", "v2"],
            "state": {},
            "client": ["127.0.0.1", "int"],
            "server": ["str", "int"],
            "extensions": ["websocket.http.response"],
            "types": "asgi dict, client tuple, extensions dict, headers list, http_version str, path str, query_string bytes, raw_path bytes, root_path str, scheme str, server tuple, state dict, subprotocols list, type str",
        },
        ["host: raw.test", "sec-websocket-version: 13", "upgrade: websocket", "x-a: 2", "x-b: 1", "x-b: 3"],
        b'["type"]',
        [(1000, "")],
    ),
)
async def ws_scope(agent: Any) -> Any:
    """What a WebSocket's application is told."""
    headers = [("x-b", "1"), ("X-A", "2"), ("x-b", "3")]
    async with agent.ws("/scope?x=%20y", subprotocols=["chat", "v2"], headers=headers) as ws:
        scope = json.loads(await ws.receive())
        connect = await ws.receive()
        end = await until_closed(ws)
    fields = [f"{name}: {value}" for name, value in scope.pop("headers") if name not in NOT_COMPARED | {"user-agent"}]
    return scope, sorted(fields, key=lambda field: field.partition(":")[0]), connect, end


@scenario("raw", ['["text", "type"]', '["bytes", "type"]', '["text", "type"]', '["code", "reason", "type"]'])
async def ws_raw_messages(agent: Any) -> Any:
    """Which keys of a message have a value."""
    async with agent.ws(f"/hears?{agent.key}") as ws:
        await ws.send("text")
        await ws.send(b"bytes")
        await ws.send("")
        await ws.close(3000, "reason")
    return await noted(agent.key, 4)


@scenario("raw", (500, [[(1006, "")], [(1006, "")]]))
async def ws_raw_exceptions(agent: Any) -> Any:
    """An application that fails before the handshake is a 500; one that fails, or returns, after it cuts the connection."""
    status, _, _ = await refused(agent, "/fails-before")
    ends = []
    for path in ("/fails-after", "/returns"):
        async with agent.ws(path) as ws:
            ends.append(await until_closed(ws))
    return status, ends


@scenario("raw", ((418, ["content-type: text/x-tea", "x-pot: 1", "content-length: 6"], "teapot"), 403, ""))
async def ws_raw_refusals(agent: Any) -> Any:
    """A refusal in pieces is put together; a close before the handshake is a 403."""
    denied = await refused(agent, "/denies")
    status, _, body = await refused(agent, "/closes-first")
    return denied, status, body


@scenario("raw", ["websocket.disconnect", "OSError"])
async def ws_raw_sending_to_nobody(agent: Any) -> Any:
    """After the client has left, sending raises an OSError."""
    async with agent.ws(f"/sends-to-nobody?{agent.key}"):
        pass
    return await noted(agent.key, 2)


@scenario("starlette", (("chat", "cba"), 403))
async def ws_starlette(agent: Any) -> Any:
    """Starlette chooses a subprotocol, and echoes backwards."""
    async with agent.ws("/chat", subprotocols=["chat"]) as ws:
        await ws.send("abc")
        observed = ws.subprotocol, await ws.receive()
    return observed, (await refused(agent, "/nowhere"))[0]


@scenario("fastapi", ['{"got":{"a":1}}', (4000, "done")])
async def ws_fastapi(agent: Any) -> Any:
    """FastAPI takes JSON, and closes with a code of its own."""
    async with agent.ws("/ws") as ws:
        await ws.send('{"a": 1}')
        return await until_closed(ws)


@scenario("falcon", ["7 text", (1000, "Normal Closure")])
async def ws_falcon(agent: Any) -> Any:
    """Falcon converts what the path says, and closes when its responder returns."""
    async with agent.ws("/things/7") as ws:
        await ws.send("text")
        return await until_closed(ws)
