from __future__ import annotations

import json
import logging
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from conformance_apps import FOLDER, PEERS, peer, rich, wrong
from conformance_server import alive, asked, talked
from heaven_testing import ConformanceError, ServerProcess, conforming

UVICORN = [sys.executable, "-m", "uvicorn", "conformance_served:app", "--lifespan", "on", "--port", "{port}"]
OFFERED = {"http.response.pathsend": {}}
DENIABLE = {"websocket.http.response": {}}
NOT_SINCE = [(b"if-modified-since", b"Fri, 01 Jan 2100 00:00:00 GMT")]

# What is asked of every peer: what it serves, what it does not, without content and with.
QUESTIONS = [("GET", "/", b""), ("HEAD", "/", b""), ("GET", "/nothing-here", b""), ("POST", "/", b'{"a": 1}')]

# What peers do break, until they mend it: Sanic answers a method that a route does not have with "Allow: GET".
EXCEPTIONS = {("sanic", "HEAD"): "header-lower-case", ("sanic", "POST"): "header-lower-case"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files to be sent, where the applications look for them."""
    path = tmp_path_factory.mktemp("conformance")
    (path / "letters.txt").write_text("abcdefghijklmnopqrstuvwxyz" * 1000)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(FOLDER, str(path))
        yield path


@pytest.fixture(scope="module")
def server(folder):
    """All applications under one uvicorn."""
    with ServerProcess(UVICORN, cwd=Path(__file__).parent) as started:
        yield started


def test_every_peer_is_among_them():
    """An application that is added to the benchmarks is tested here as well."""
    assert {
        "bare",
        "blacksheep",
        "falcon",
        "fastapi",
        "heaven",
        "litestar",
        "muffin",
        "quart",
        "sanic",
        "starlette",
    } <= set(PEERS)


def expected(name: str) -> list[str]:
    return [EXCEPTIONS[name, method] for method, *_ in QUESTIONS if (name, method) in EXCEPTIONS]


@pytest.fixture
def own_logging():
    """Litestar puts a handler of its own on the root logger, and a level; other tests are not to have it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PEERS)
async def test_a_peers_hello_passes(name, own_logging):
    """Its lifespan and its answers break no rule, and hello is what it says."""
    violations: list[ConformanceError] = []
    app = conforming(peer(name), on_violation=violations.append)
    async with alive(app):
        answers = [await asked(app, path, method=method, body=[content]) for method, path, content in QUESTIONS]
    assert 200 == answers[0][0]["status"]
    assert b"Hello, world" in b"".join(message.get("body", b"") for message in answers[0])
    assert expected(name) == [violation.rule.id for violation in violations]


def fetched(url: str, method: str, path: str, name: str, content: bytes = b"", headers=()) -> tuple[int, bytes]:
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        connection.request(method, path, content, {"x-peer": name, **dict(headers)} if name else {})
        response = connection.getresponse()
        return response.status, response.read()


def found(server: ServerProcess) -> dict[str, list[str]]:
    return json.loads(fetched(server.url, "GET", "/", "")[1])


@pytest.mark.parametrize("name", PEERS)
def test_a_peers_hello_passes_under_uvicorn(name, server):
    """So do the scopes and the messages of a real server, and what a peer makes of them."""
    answers = [fetched(server.url, method, path, name, content) for method, path, content in QUESTIONS]
    assert 200 == answers[0][0]
    assert b"Hello, world" in answers[0][1]
    assert expected(name) == found(server)[name]


def test_a_wrong_application_is_found_under_uvicorn(server):
    """The same way of looking does see what uvicorn lets pass."""
    assert (200, b"ok") == fetched(server.url, "GET", "/", "wrong")
    assert {"header-lower-case"} == set(found(server)["wrong"])


async def test_a_wrong_application_is_found():
    """And so it does without a socket."""
    with pytest.raises(ConformanceError, match="header-lower-case"):
        await asked(conforming(wrong), "/")


RICH = [
    ("GET", "/json", b"", (), 200),
    ("HEAD", "/json", b"", (), 200),
    ("POST", "/echo", b"x" * 100_000, (), 200),
    ("GET", "/nothing", b"", (), 204),
    ("GET", "/see", b"", (), 302),
    ("GET", "/crash", b"", (), 500),
    ("GET", "/file", b"", (), 200),
    ("HEAD", "/file", b"", (), 200),
    ("GET", "/file", b"", NOT_SINCE, 304),
    ("GET", "/file", b"", [(b"range", b"bytes=5-9")], 206),
    ("GET", "/file", b"", [(b"range", b"bytes=0-1,5-9")], 206),
    ("GET", "/file", b"", [(b"range", b"bytes=99999-")], 416),
    ("GET", "/assets/letters.txt", b"", (), 200),
    ("GET", "/stream", b"", (), 200),
    ("HEAD", "/stream", b"", (), 200),
    ("GET", "/events", b"", (), 200),
    ("GET", "/cookies", b"", (), 200),
    ("GET", "/missing", b"", (), 404),
    ("DELETE", "/json", b"", (), 405),
    ("OPTIONS", "/json", b"", (), None),
]


@pytest.mark.parametrize(("method", "path", "content", "headers", "status"), RICH)
@pytest.mark.parametrize("extensions", [{}, OFFERED], ids=["plain", "pathsend"])
async def test_every_kind_of_heavens_answers_passes(method, path, content, headers, status, extensions, folder):
    """Files, streams, events, conditions, ranges and errors, with and without the server's help."""
    violations: list[ConformanceError] = []
    app = conforming(rich(), on_violation=violations.append)
    async with alive(app):
        got = await asked(
            app, path, method=method, body=[content[:5], content[5:]], headers=headers, extensions=extensions
        )
    assert (status or got[0]["status"], []) == (got[0]["status"], violations)


@pytest.mark.parametrize(("method", "path", "content", "headers", "status"), RICH)
def test_every_kind_of_heavens_answers_passes_under_uvicorn(method, path, content, headers, status, server):
    """The same over a socket."""
    plain = [(name.decode(), value.decode()) for name, value in headers]
    got, _ = fetched(server.url, method, path, "rich", content, plain)
    assert (status or got, []) == (got, found(server)["rich"])


@pytest.mark.parametrize("extensions", [{}, DENIABLE], ids=["plain", "deniable"])
@pytest.mark.parametrize("path", ["/chat", "/closed", "/denied", "/missing"])
async def test_heavens_websockets_pass(path, extensions, folder):
    """Accepted, closed, refused by a response where a server has that, and a route that is not there."""
    violations: list[ConformanceError] = []
    app = conforming(rich(), on_violation=violations.append)
    async with alive(app):
        for messages in ([], [{"text": "a"}, {"bytes": b"b"}], [{"text": "bye"}, {"text": "c"}]):
            got = await talked(app, path, *messages, extensions=extensions)
            assert ("websocket.accept" == got[0]["type"]) == (path == "/chat")
    assert [] == violations


def test_heavens_websockets_pass_under_uvicorn(server):
    """The same over a socket, where the close handshake is a real one."""
    base, named = server.url.replace("http", "ws"), {"x-peer": "rich"}
    with connect(f"{base}/chat", additional_headers=named, subprotocols=["chat"]) as socket:  # type: ignore[list-item]
        for message in ("a", b"b"):
            socket.send(message)
            assert message == socket.recv(timeout=30)
        socket.send("bye")
        with pytest.raises(ConnectionClosed, match="as you like"):
            socket.recv(timeout=30)
    with connect(f"{base}/chat", additional_headers=named) as socket:
        assert None is socket.subprotocol
    for path, status in (("/closed", 403), ("/denied", 401), ("/missing", 404)):
        with pytest.raises(InvalidStatus, match=str(status)):
            connect(base + path, additional_headers=named).__enter__()
    assert [] == found(server)["rich"]
