"""Scenarios of what an ASGI application is told, and of applications that are not Heaven's."""

from __future__ import annotations

from typing import Any

from parity_notes import noted
from parity_scenarios import as_json, exchange, exchanges, parts, scenario

# What an application is told


@scenario(
    "raw",
    {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "headers": [
            ["host", "raw.test"],
            ["connection", "keep-alive"],
            ["user-agent", "parity"],
            ["x-b", "1"],
            ["accept", "a/b"],
            ["x-a", "2"],
            ["x-b", "3"],
            ["accept-encoding", "x"],
            ["content-length", "4"],
        ],
        "state": {},
        "method": "POST",
        "path": "/scöpe/a/b c",
        "raw_path": "/sc%C3%B6pe/a%2Fb%20c",
        "query_string": "x=%20y&z=a+b&%C3%A4",
        "client": ["127.0.0.1", "int"],
        "server": ["str", "int"],
        "extensions": [],
        "types": "asgi dict, client tuple, headers list, http_version str, method str, path str, query_string bytes, raw_path bytes, root_path str, scheme str, server tuple, state dict, type str",
    },
)
async def scope_of_a_request(agent: Any) -> Any:
    """Path, query and headers are told as they were sent, decoded as ASGI says."""
    headers = [
        ("User-Agent", "parity"),
        ("X-B", "1"),
        ("Accept", "a/b"),
        ("x-a", "2"),
        ("X-b", "3"),
        ("accept-encoding", "x"),
    ]
    answer = await agent.request("POST", "/sc%C3%B6pe/a%2Fb%20c?x=%20y&z=a+b&ä", content=b"body", headers=headers)
    return answer.json()


@scenario(
    "raw",
    {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "headers": [
            ["host", "raw.test"],
            ["accept", "*/*"],
            ["connection", "keep-alive"],
            ["user-agent", "parity"],
            ["accept-encoding", "x"],
        ],
        "state": {},
        "method": "GET",
        "path": "/",
        "raw_path": "/",
        "query_string": "",
        "client": ["127.0.0.1", "int"],
        "server": ["str", "int"],
        "extensions": [],
        "types": "asgi dict, client tuple, headers list, http_version str, method str, path str, query_string bytes, raw_path bytes, root_path str, scheme str, server tuple, state dict, type str",
    },
)
async def scope_of_the_smallest_request(agent: Any) -> Any:
    """What a request has that nothing was said about."""
    return (await agent.request("GET", "", headers={"user-agent": "parity", "accept-encoding": "x"})).json()


@scenario(
    "raw",
    (
        [
            '[["body", "more_body", "type"], 0]',
            '[["body", "more_body", "type"], 100000]',
            '[["body", "more_body", "type"], 2]',
        ],
        ["http.disconnect", "http.disconnect", "http.disconnect"],
    ),
)
async def messages_of_a_request(agent: Any) -> Any:
    """One without a body is one message, and once the response is complete all that comes is http.disconnect."""
    answers = [
        await agent.request("GET", f"/messages?{agent.key}"),
        await agent.request("POST", f"/messages?{agent.key}", content=b"x" * 100_000),
        await agent.request("POST", f"/messages?{agent.key}", content=parts(b"a", b"b")),
    ]
    return [answer.text for answer in answers], await noted(agent.key, 3)


exchange("defaults_of_messages", "raw", "GET", "/silent", (200, [], "ab"))
exchanges(
    "head_is_the_servers_business",
    "raw",
    [("HEAD", "/head"), ("GET", "/head")],
    [(200, ["content-length: 7"], ""), (200, ["content-length: 7"], "content")],
)


# Applications that are not Heaven's

exchanges(
    "starlette",
    "starlette",
    [
        ("GET", "/"),
        ("HEAD", "/"),
        ("POST", "/items/7?q=1&q=ä", {"data": {"name": "thing"}}),
        ("GET", "/items/7"),
        ("GET", "/streamed"),
        ("GET", "/nothing"),
        ("GET", "/broken"),
    ],
    [
        (200, ["content-length: 26", "content-type: application/json"], '{"message":"Hello, world"}'),
        (200, ["content-length: 26", "content-type: application/json"], ""),
        (200, ["content-length: 19", "content-type: text/plain; charset=utf-8"], "7 thing ['1', 'ä']"),
        (405, ["allow: POST", "content-length: 18", "content-type: text/plain; charset=utf-8"], "Method Not Allowed"),
        (200, ["content-type: text/plain; charset=utf-8"], "0\n1\n2\n3\n4\n"),
        (404, ["content-length: 9", "content-type: text/plain; charset=utf-8"], "Not Found"),
        (500, ["content-length: 21", "content-type: text/plain; charset=utf-8"], "Internal Server Error"),
    ],
)
exchanges(
    "fastapi",
    "fastapi",
    [
        ("GET", "/"),
        ("POST", "/items/7", {"json": {"name": "thing", "price": 1.5}}),
        ("POST", "/items/x", {"json": {"name": "thing", "price": 1.5}}),
        ("DELETE", "/items/7"),
    ],
    [
        (200, ["content-length: 26", "content-type: application/json"], '{"message":"Hello, world"}'),
        (201, ["content-length: 27", "content-type: application/json"], '{"number":7,"name":"thing"}'),
        (
            422,
            ["content-length: 149", "content-type: application/json"],
            '{"detail":[{"type":"int_parsing","loc":["path","number"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"x"}]}',
        ),
        (
            405,
            ["allow: POST", "content-length: 31", "content-type: application/json"],
            '{"detail":"Method Not Allowed"}',
        ),
    ],
)
exchanges(
    "falcon",
    "falcon",
    [
        ("GET", "/"),
        ("PUT", "/things/7", {"json": [1]}),
        ("PUT", "/things/7", {"content": b"{"}),
        ("OPTIONS", "/things/7"),
    ],
    [
        as_json('{"message": "Hello, world"}'),
        as_json('{"number": 7, "given": [1]}', 202),
        (
            400,
            ["content-type: application/json", "vary: Accept", "content-length: 147"],
            '{"title": "Invalid JSON", "description": "Could not parse JSON body - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"}',
        ),
        (200, ["allow: PUT", "content-length: 0", "content-type: application/json"], ""),
    ],
)
