"""What the application is told of a connection: hosts, addresses, versions, extensions, state, and nothing of the test."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from client_apps import answer, raw, reading
from heaven import STARTUP, App
from heaven_testing import Client, ConformanceError, SyncClient
from heaven_testing.inprocess import scopes as scopes_module

OF_THE_TEST: contextvars.ContextVar[str] = contextvars.ContextVar("OF_THE_TEST", default="nothing")


async def scope_of(url: str = "/", *, method: str = "GET", **options: Any) -> Any:
    scopes: list[Any] = []
    async with Client(reading(scopes), **options) as client:
        await client.request(method, url)
    return scopes[0]


async def test_the_scope_is_that_of_a_server() -> None:
    """Every key that uvicorn gives, and no other; the state is the application's own."""
    scope = await scope_of("/a%20b%2Fc?d=e%20f", method="POST")
    del scope["headers"]
    assert {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "method": "POST",
        "root_path": "",
        "path": "/a b/c",
        "raw_path": b"/a%20b%2Fc",
        "query_string": b"d=e%20f",
        "state": {},
    } == scope


async def test_header_names_arrive_in_lower_case() -> None:
    """Names are lower case and bytes, values are as they were sent, and a name may come twice."""
    scopes: list[Any] = []
    async with Client(reading(scopes)) as client:
        await client.get("/", headers=[("X-Tag", "One"), ("x-tag", "tWo")])
    assert [(b"x-tag", b"One"), (b"x-tag", b"tWo")] == [pair for pair in scopes[0]["headers"] if pair[0] == b"x-tag"]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GE T", {}),
        ("GET", {"x y": "a"}),
        ("GET", {"": "a"}),
        ("GET", {"x": "a\r\nb: c"}),
        ("GET", {"x": " a"}),
        ("GET", {"x": "a\x00"}),
    ],
)
async def test_what_no_client_can_send_never_arrives(method: str, headers: Any) -> None:
    """A method or header field that is none is refused, as by the library's own connections (RFC 9110 5)."""
    scopes: list[Any] = []
    async with Client(reading(scopes)) as client:
        with pytest.raises(httpx.LocalProtocolError, match="can't be sent"):
            await client.request(method, "/", headers=headers)
    assert [] == scopes


async def test_only_http_is_spoken() -> None:
    """A URL of another scheme leads nowhere, as with the library's own connections."""
    scopes: list[Any] = []
    async with Client(reading(scopes)) as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://testserver/")
    assert [] == scopes


@pytest.mark.parametrize(
    ("length", "message"),
    [("4", "Too much data"), ("6", "Too little data"), ("five", "no number of bytes")],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_a_client_that_counts_wrong_sends_nothing(length: str, message: str, whole: bool) -> None:
    """A Content-Length that the body does not have is refused, as by the library's own connections (RFC 9112 6.2)."""

    async def read(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request" and message["more_body"]:
            pass
        await answer(send)

    async def content() -> AsyncIterator[bytes]:
        yield b"hel"
        yield b"lo"

    async with Client(raw(read)) as client:
        with pytest.raises(httpx.LocalProtocolError, match=message):
            await client.post("/", content=b"hello" if whole else content(), headers={"content-length": length})
        response = await client.post("/", content=b"hello" if whole else content(), headers={"content-length": "5"})
        assert 200 == response.status_code


async def test_any_number_of_header_fields_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields that are remembered as good ones are no more than a bounded number, and the others are as good."""
    monkeypatch.setattr(scopes_module, "_REMEMBERED", 0)
    scopes: list[Any] = []
    async with Client(reading(scopes)) as client:
        for _ in range(2):
            await client.get("/", headers={"x-never-seen-before": "1"})
    assert 2 * [b"1"] == [dict(scope["headers"])[b"x-never-seen-before"] for scope in scopes]


@pytest.mark.parametrize(
    ("url", "server", "host", "scheme"),
    [
        ("http://api.shop.test/", ("api.shop.test", 80), b"api.shop.test", "http"),
        ("https://shop.test/", ("shop.test", 443), b"shop.test", "https"),
        ("https://shop.test:8443/", ("shop.test", 8443), b"shop.test:8443", "https"),
        ("http://[::1]:81/", ("::1", 81), b"[::1]:81", "http"),
    ],
)
async def test_any_host_is_reached_without_a_look_up(
    url: str, server: tuple[str, int], host: bytes, scheme: str
) -> None:
    """The host of the URL is the server's name, in whatever domain."""
    scope = await scope_of(url)
    assert (server, host, scheme) == (scope["server"], dict(scope["headers"])[b"host"], scope["scheme"])


async def test_a_host_header_may_be_another_one() -> None:
    """What the test says in Host goes, as from a client that lies."""
    scopes: list[Any] = []
    async with Client(reading(scopes)) as client:
        await client.get("/", headers={"host": "liar.test"})
    assert b"liar.test" == dict(scopes[0]["headers"])[b"host"]


async def test_subdomains_choose_routes() -> None:
    """An application with subdomains is asked for each of them by its URL."""
    app = App()
    app.subdomain("api")
    app.GET("/", lambda req, res, ctx: "api", subdomain="api")
    app.GET("/", lambda req, res, ctx: "www")
    async with Client(app, base_url="http://shop.test") as client:
        assert ["www", "api"] == [(await client.get("/")).text, (await client.get("http://api.shop.test/")).text]


async def test_a_base_url_with_https_is_https() -> None:
    """Relative URLs inherit scheme and port."""
    scope = await scope_of("/", base_url="https://shop.test")
    assert ("https", ("shop.test", 443)) == (scope["scheme"], scope["server"])


@pytest.mark.parametrize("client", [("10.1.2.3", 4711), ("::1", 0), None])
async def test_the_client_has_the_address_it_is_given(client: tuple[str, int] | None) -> None:
    """Address and port of who connects; None for who has none."""
    assert client == (await scope_of(client=client))["client"]


async def test_a_root_path_goes_before_every_path() -> None:
    """Where the application is mounted stands in `root_path` and begins every path (ASGI HTTP, Connection Scope)."""
    scope = await scope_of("/a%20b", root_path="/shop")
    assert ("/shop", "/shop/a b", b"/shop/a%20b") == (scope["root_path"], scope["path"], scope["raw_path"])


async def test_an_application_answers_below_its_root_path() -> None:
    """Routes are written without the prefix, and the URLs that are made have it."""
    app = App()
    app.GET("/orders", lambda req, res, ctx: req.url_for("orders"), name="orders")
    async with Client(app, root_path="/shop") as client:
        response = await client.get("/orders")
    assert (200, "/shop/orders") == (response.status_code, response.text)


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
async def test_the_version_of_http_is_what_it_is_said_to_be(version: str) -> None:
    """The scope has the version, and so has the response."""
    scopes: list[Any] = []
    async with Client(reading(scopes), http_version=version) as client:
        response = await client.get("/")
    assert (version, f"HTTP/{version}") == (scopes[0]["http_version"], response.http_version)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"http_version": "2.0"}, r"http_version='2.0'; give \"1.0\""),
        ({"root_path": "shop"}, "root_path='shop'; it begins with a slash"),
        ({"root_path": "/shop/"}, "root_path='/shop/'; it begins with a slash and ends without"),
        (
            {"extensions": {"http.response.push": {}}},
            r"extensions=\['http.response.push'\] can't be offered; there are",
        ),
        ({"lifespan": "maybe"}, "lifespan='maybe'; give one of 'auto', 'on', 'off'$"),
        ({"after_disconnect": "loud"}, "after_disconnect='loud'; give one of 'quiet', 'raise', None$"),
    ],
)
def test_what_no_server_says_is_refused(options: dict[str, Any], message: str) -> None:
    """Arguments that can't be are refused when the client is made."""
    with pytest.raises(ValueError, match=message):
        Client(App(), **options)


@pytest.mark.parametrize("client", [Client, SyncClient])
@pytest.mark.parametrize("base_url", ["", "foo", "/api", "testserver:8000", "//testserver", httpx.URL("http:///api")])
def test_a_base_url_is_a_whole_one(client: Any, base_url: Any) -> None:
    """One without scheme or host is refused when the client is made, and not with the first request."""
    with pytest.raises(
        ValueError, match=rf"base_url='{base_url}' lacks a scheme or a host; give both, as base_url='http:"
    ):
        client(App(), base_url=base_url)


def test_leaks_are_a_set() -> None:
    """One text would be a set of its letters."""
    with pytest.raises(TypeError, match="leaks='tasks' is one text; give a set, as in leaks={'tasks'}"):
        Client(App(), leaks="tasks")  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", ["5", httpx.Timeout("5")])
def test_seconds_are_a_number(timeout: Any) -> None:
    """A text from a configuration is refused when the client is made, and not where the time is added to another."""
    with pytest.raises(TypeError, match="timeout='5'; give seconds as a number, or None for no limit"):
        Client(App(), timeout=timeout)


async def test_state_is_copied_for_each_request() -> None:
    """What startup leaves in the state reaches every request, in a dict of its own, the values shared."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["pool"] = pool
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(scope["state"])
        assert "mine" not in scope["state"]
        scope["state"]["mine"] = True
        await answer(send)

    pool: list[int] = []
    async with Client(app) as client:
        await client.get("/")
        await client.get("/")
    assert seen[0] is not seen[1]
    assert pool is seen[0]["pool"] is seen[1]["pool"]


async def test_the_application_sees_no_context_of_the_test() -> None:
    """A server knows nothing of the test's context variables, nor does one request of another's."""
    seen: list[str] = []

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        seen.append(OF_THE_TEST.get())
        OF_THE_TEST.set("of a request")
        await answer(send)

    OF_THE_TEST.set("of the test")
    async with Client(raw(serve)) as client:
        await client.get("/")
        await client.get("/")
    assert ["nothing", "nothing"] == seen
    assert "of the test" == OF_THE_TEST.get()


async def test_startup_sees_no_context_of_the_test() -> None:
    """Nor does startup, and what it sets it has to itself."""
    seen: list[str] = []

    def start(app: App) -> None:
        seen.append(OF_THE_TEST.get())
        OF_THE_TEST.set("of startup")

    app = App()
    app.ON(STARTUP, start)
    app.GET("/", lambda req, res, ctx: OF_THE_TEST.get())
    OF_THE_TEST.set("of the test")
    async with Client(app) as client:
        assert "nothing" == (await client.get("/")).text
    assert ["nothing"] == seen


# Extensions


async def test_extensions_are_offered_to_each_request_anew() -> None:
    """`scope["extensions"]` has what the client was given, and no request changes it for another one."""
    offered = {"http.response.pathsend": {}, "http.response.trailers": {}}
    scopes: list[Any] = []
    async with Client(reading(scopes), extensions=offered) as client:
        await client.get("/")
        scopes[0]["extensions"]["http.response.pathsend"]["mine"] = True
        await client.get("/")
    assert offered == scopes[1]["extensions"] == {"http.response.pathsend": {}, "http.response.trailers": {}}
    assert "extensions" not in await scope_of()


async def test_a_file_that_is_sent_by_path_arrives(tmp_path: Path) -> None:
    """http.response.pathsend: the server reads the file, and it may be larger than what fits on the way."""
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 1024)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": str(path)})

    async with Client(raw(serve), extensions={"http.response.pathsend": {}}) as client:
        assert path.read_bytes() == (await client.get("/")).content


async def test_trailers_come_with_the_response() -> None:
    """http.response.trailers: the response ends with them, and they stand in its extensions."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"sum"})
        await send({"type": "http.response.trailers", "headers": [(b"x-one", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-two", b"2")]})

    async with Client(raw(serve), extensions={"http.response.trailers": {}}) as client:
        response = await client.get("/")
    assert b"sum" == response.content
    assert [(b"x-one", b"1"), (b"x-two", b"2")] == response.extensions["trailers"]


async def test_trailers_of_a_stream_are_there_when_it_is_read() -> None:
    """What comes after the content is there once the content was read to its end."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        for _ in range(8):
            await send({"type": "http.response.body", "body": bytes(64 * 1024), "more_body": True})
        await send({"type": "http.response.body"})
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"8")]})

    async with Client(raw(serve), extensions={"http.response.trailers": {}}) as client:
        async with client.stream("GET", "/") as response:
            assert "trailers" not in response.extensions
            assert 8 * 64 * 1024 == len(await response.aread())
            assert [(b"x-sum", b"8")] == response.extensions["trailers"]


async def test_a_path_may_be_followed_by_trailers(tmp_path: Path) -> None:
    """A file that was announced with trailers is complete when they came."""
    path = tmp_path / "small"
    path.write_bytes(b"small")

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.pathsend", "path": str(path)})
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"5")]})

    offered: Any = {"http.response.trailers": {}, "http.response.pathsend": {}}
    async with Client(raw(serve), extensions=offered) as client:
        response = await client.get("/")
    assert (b"small", [(b"x-sum", b"5")]) == (response.content, response.extensions["trailers"])


async def test_early_hints_and_debug_information_are_kept() -> None:
    """http.response.early_hint and http.response.debug: what came before the response stands in its extensions."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
        await send({"type": "http.response.early_hint", "links": [b"</b.css>; rel=preload"]})
        await send({"type": "http.response.debug", "info": {"template": "a.html"}})
        await answer(send, b"page")

    offered: Any = {"http.response.early_hint": {}, "http.response.debug": {}}
    async with Client(raw(serve), extensions=offered) as client:
        response = await client.get("/")
    assert [b"</a.css>; rel=preload", b"</b.css>; rel=preload"] == response.extensions["early_hints"]
    assert {"template": "a.html"} == response.extensions["http.response.debug"]


async def test_an_extension_that_was_not_offered_is_a_violation(tmp_path: Path) -> None:
    """The control: without the offer the same message fails the test."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.early_hint", "links": [b"</a.css>"]})

    async with Client(raw(serve)) as client:
        with pytest.raises(ConformanceError, match="http-extension"):
            await client.get("/")
