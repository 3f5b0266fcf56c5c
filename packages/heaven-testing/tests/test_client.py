"""The client is the HTTP client library's: what people know of `httpx.AsyncClient` works, with no network below."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar
from typing import Any

import httpx
import pytest

from heaven import App
from heaven_testing import Client, Response
from heaven_testing.clients.shortcuts import REMEMBERED

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")


async def echo(req, res, ctx):
    """What the application got of a request, as it arrived on the wire."""
    return {
        "method": req.method,
        "path": req.path,
        "query": req.scope["query_string"].decode(),
        "body": (req.body or b"").decode("latin-1"),
        "headers": {name: req.headers[name] for name in req.headers},
        "cookies": dict(req.cookies),
    }


async def form(req, res, ctx):
    file = req.files["file"]
    return {"name": req.data["name"], "file": [file.filename, file.content_type, file.body.decode()]}


async def set_cookie(req, res, ctx):
    res.cookie("seen", req.params["value"], secure=False)
    return "set"


async def bounce(req, res, ctx):
    left = req.params["left"]
    res.redirect(f"/bounce/{left - 1}" if left else "/echo")


async def broken(req, res, ctx):
    res.status = 404
    return "no such thing"


async def pieces(req, res, ctx):
    async def content() -> AsyncIterator[bytes]:
        for piece in (b"one ", b"two ", b"three"):
            yield piece

    res.stream(content(), "text/plain")


@pytest.fixture
def app() -> App:
    """Echoes, forms, cookies, redirects."""
    app = App()
    for method in METHODS:
        if method != "HEAD":
            getattr(app, method)("/echo", echo)
    app.GET("/api/v2/echo", echo)
    app.POST("/form", form)
    app.GET("/cookie/:value", set_cookie)
    app.GET("/bounce/:left:int", bounce)
    app.GET("/broken", broken)
    app.GET("/pieces", pieces)
    return app


@pytest.fixture
async def client(app: App) -> AsyncIterator[Client]:
    """A client of it."""
    async with Client(app) as client:
        yield client


@pytest.mark.parametrize("method", METHODS)
async def test_each_method_of_the_library_sends_its_own(client: Client, method: str) -> None:
    """`client.get` sends GET, and so on; a HEAD has no content."""
    response = await getattr(client, method.lower())("/echo", headers={"x-asked": "yes"})
    assert isinstance(response, Response)
    assert 200 == response.status_code
    assert method == response.request.method
    assert ("" if method == "HEAD" else method) == (response.json()["method"] if response.content else "")


async def test_methods_without_a_name_go_through_request(client: Client) -> None:
    """`request` sends whatever method it is given."""
    assert "DELETE" == (await client.request("DELETE", "/echo", content=b"gone")).json()["method"]


async def test_params_become_the_query(client: Client) -> None:
    """`params` are encoded into the query, lists as repeated names; those of the URL are replaced, as the library does."""
    echoed = (await client.get("/echo", params={"tag": ["a b", "ö"], "page": 2})).json()
    assert "tag=a+b&tag=%C3%B6&page=2" == echoed["query"]
    assert "a=1" == (await client.get("/echo?a=1")).json()["query"]
    assert "b=2" == (await client.get("/echo?a=1", params={"b": 2})).json()["query"]


async def test_params_of_the_client_are_sent_with_every_request(app: App) -> None:
    """`Client(params=)` comes first, those of the request follow."""
    async with Client(app, params={"key": "k"}) as client:
        assert "key=k" == (await client.get("/echo")).json()["query"]
        assert "key=k&page=2" == (await client.get("/echo", params={"page": 2})).json()["query"]


@pytest.mark.parametrize(
    ("options", "body", "content_type"),
    [
        ({"json": {"a": [1, None]}}, '{"a":[1,null]}', "application/json"),
        ({"data": {"a": "b c", "d": "é"}}, "a=b+c&d=%C3%A9", "application/x-www-form-urlencoded"),
        ({"content": b"\x00\xff"}, "\x00\xff", None),
        ({"content": "text"}, "text", None),
        ({}, "", None),
    ],
)
async def test_bodies_are_encoded_by_the_library(
    client: Client, options: dict[str, Any], body: str, content_type: str | None
) -> None:
    """`json`, `data` and `content` arrive as they would from a socket, with their Content-Type and Content-Length."""
    echoed = (await client.post("/echo", **options)).json()
    assert body == echoed["body"]
    assert content_type == echoed["headers"].get("content-type")
    assert str(len(body)) == echoed["headers"]["content-length"]


async def test_a_body_of_unknown_length_has_no_content_length(client: Client) -> None:
    """A generator is sent with Transfer-Encoding, as over a socket."""

    async def content() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    echoed = (await client.post("/echo", content=content())).json()
    assert ("onetwo", "chunked", None) == (
        echoed["body"],
        echoed["headers"].get("transfer-encoding"),
        echoed["headers"].get("content-length"),
    )


async def test_files_are_sent_as_a_form(client: Client) -> None:
    """`files` and `data` make one multipart form, from memory and from open files."""
    for content in (b"hello", io.BytesIO(b"hello")):
        response = await client.post("/form", data={"name": "ada"}, files={"file": ("a.txt", content, "text/x-a")})
        assert {"name": "ada", "file": ["a.txt", "text/x-a", "hello"]} == response.json()


async def test_a_sync_iterator_is_no_body_of_an_async_request(client: Client) -> None:
    """What can only be read with `for` would block the loop; the error says what to give."""
    with pytest.raises(RuntimeError, match="sync request"):
        await client.post("/echo", content=iter([b"one"]))
    request = client.build_request("POST", "/echo", content=iter([b"one"]))
    with pytest.raises(TypeError, match="async for"):
        await client._transport.handle_async_request(request)


async def test_auth_is_the_librarys(client: Client, app: App) -> None:
    """A pair is basic authentication; an `Auth` may send more than one request."""

    class Token(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: httpx.Request) -> Any:
            response = yield request
            request.headers["authorization"] = f"Bearer {response.status_code}"
            yield request

    assert "Basic YWRhOnB3" == (await client.get("/echo", auth=("ada", "pw"))).json()["headers"]["authorization"]
    assert "Bearer 200" == (await client.get("/echo", auth=Token())).json()["headers"]["authorization"]
    async with Client(app, auth=("ada", "pw")) as known:
        assert "Basic YWRhOnB3" == (await known.get("/echo")).json()["headers"]["authorization"]
        assert "authorization" not in (await known.get("/echo", auth=None)).json()["headers"]


async def test_the_jar_keeps_what_responses_set(client: Client) -> None:
    """A cookie that the application sets is sent from then on, and can be read and deleted in the jar."""
    assert {} == (await client.get("/echo")).json()["cookies"]
    response = await client.get("/cookie/first")
    assert "first" == response.cookies["seen"] == client.cookies["seen"]
    assert {"seen": "first"} == (await client.get("/echo")).json()["cookies"]
    client.cookies.delete("seen")
    assert {} == (await client.get("/echo")).json()["cookies"]


async def test_cookies_of_the_client_are_sent_and_may_be_replaced(app: App) -> None:
    """`Client(cookies=)` fills the jar; assigning to `cookies` empties it first."""
    async with Client(app, cookies={"a": "1"}) as client:
        assert {"a": "1"} == (await client.get("/echo")).json()["cookies"]
        client.cookies = {"b": "2"}
        assert {"b": "2"} == (await client.get("/echo")).json()["cookies"]
        await client.get("/cookie/kept")
        assert {"b": "2", "seen": "kept"} == (await client.get("/echo")).json()["cookies"]


async def test_a_jar_of_the_test_is_the_jar(app: App) -> None:
    """A CookieJar that is handed in is filled itself, as the library does."""
    jar = CookieJar()
    async with Client(app, cookies=jar) as client:
        await client.get("/cookie/kept")
    assert ["seen"] == [cookie.name for cookie in jar]


async def test_cookies_belong_to_their_host(client: Client) -> None:
    """A cookie of one host is not sent to another one."""
    await client.get("http://a.test/cookie/a")
    assert {} == (await client.get("http://b.test/echo")).json()["cookies"]
    assert {"seen": "a"} == (await client.get("http://a.test/echo")).json()["cookies"]


async def test_redirects_are_followed_when_asked_to(client: Client) -> None:
    """`follow_redirects` follows, `history` has what was on the way, `next_request` is what would come next."""
    response = await client.get("/bounce/1")
    assert (302, "/bounce/0") == (response.status_code, response.next_request.url.path if response.next_request else "")
    response = await client.get("/bounce/1", follow_redirects=True)
    assert ("/echo", 200) == (response.url.path, response.status_code)
    assert [(302, "/bounce/1"), (302, "/bounce/0")] == [(each.status_code, each.url.path) for each in response.history]
    assert all(isinstance(each, Response) for each in response.history)


async def test_a_client_may_follow_always_and_gives_up_in_time(app: App) -> None:
    """`Client(follow_redirects=, max_redirects=)` hold for all requests."""
    async with Client(app, follow_redirects=True, max_redirects=3) as client:
        assert "/echo" == (await client.get("/bounce/2")).url.path
        with pytest.raises(httpx.TooManyRedirects):
            await client.get("/bounce/3")


async def test_event_hooks_see_requests_and_responses(app: App) -> None:
    """`event_hooks` run as with a socket."""
    seen: list[str] = []

    async def asked(request: httpx.Request) -> None:
        seen.append(f"{request.method} {request.url.path}")
        request.headers["x-hook"] = "there"

    async def answered(response: httpx.Response) -> None:
        await response.aread()
        seen.append(response.json()["headers"]["x-hook"])

    async with Client(app, event_hooks={"request": [asked], "response": [answered]}) as client:
        await client.get("/echo")
    assert ["GET /echo", "there"] == seen


async def test_headers_of_the_client_are_defaults(app: App) -> None:
    """`Client(headers=)` is sent with every request, and a request's own go before."""
    async with Client(app, headers={"x-one": "client", "user-agent": "tests"}) as client:
        first = (await client.get("/echo")).json()["headers"]
        second = (await client.get("/echo", headers={"X-One": "request"})).json()["headers"]
        client.headers["x-one"] = "later"
        third = (await client.get("/echo")).json()["headers"]
    assert ("client", "tests", "testserver") == (first["x-one"], first["user-agent"], first["host"])
    assert ["request", "later"] == [second["x-one"], third["x-one"]]


async def test_a_base_url_may_have_a_path(app: App) -> None:
    """Relative URLs are put below the path of `base_url`."""
    async with Client(app, base_url="http://shop.test/api/v2") as client:
        for url in ("/echo", "echo", "/echo"):
            echoed = (await client.get(url)).json()
            assert ("/api/v2/echo", "shop.test") == (echoed["path"], echoed["headers"]["host"])


async def test_a_base_url_may_be_changed(client: Client) -> None:
    """From then on the same relative URL leads elsewhere, though it was asked for before."""
    assert "testserver" == (await client.get("/echo")).json()["headers"]["host"]
    client.base_url = httpx.URL("http://other.test:81")
    assert "other.test:81" == (await client.get("/echo")).json()["headers"]["host"]
    client.base_url = httpx.URL("http://other.test/api/v2")
    assert "/api/v2/echo" == (await client.get("/echo")).json()["path"]


async def test_no_number_of_urls_changes_the_answer(client: Client) -> None:
    """More URLs than a client remembers are asked for as well as the first ones."""
    await client.get("/echo")
    client._urls.update({f"/{number}": httpx.URL("http://testserver/") for number in range(REMEMBERED - 2)})
    for query in ("a=1", "b=2", "a=1", "b=2"):
        assert query == (await client.get(f"/echo?{query}")).json()["query"]
    assert REMEMBERED == len(client._urls)


async def test_a_url_object_is_taken_as_it_is(client: Client) -> None:
    """The library's `URL` goes wherever a string does."""
    assert "a=1" == (await client.get(httpx.URL("/echo", params={"a": "1"}))).json()["query"]


async def test_requests_can_be_built_and_sent(client: Client) -> None:
    """`build_request` and `send` are there, also for a response that is read later."""
    request = client.build_request("POST", "/echo", content=b"later")
    response = await client.send(request, stream=True)
    assert not response.is_closed
    assert b'"later"' in await response.aread()
    await response.aclose()


async def test_stream_reads_piece_by_piece(client: Client) -> None:
    """`stream` gives pieces, lines or text, and `aread` reads what there is."""
    async with client.stream("GET", "/pieces") as response:
        assert [b"one ", b"two ", b"three"] == [piece async for piece in response.aiter_raw()]
    async with client.stream("GET", "/pieces") as response:
        assert ["one two three"] == [line async for line in response.aiter_lines()]
    async with client.stream("GET", "/pieces", headers={"x": "y"}) as response:
        assert b"one two three" == await response.aread()
    assert response.is_closed


async def test_raise_for_status_is_the_librarys(client: Client) -> None:
    """A 404 is no exception until it is asked to be one."""
    response = await client.get("/broken")
    assert (404, "no such thing") == (response.status_code, response.text)
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        response.raise_for_status()


async def test_responses_know_how_long_they_took_and_their_version(client: Client) -> None:
    """`elapsed`, `http_version` and `reason_phrase` are those of the library."""
    response = await client.get("/echo")
    assert response.elapsed.total_seconds() > 0
    assert ("HTTP/1.1", "OK") == (response.http_version, response.reason_phrase)


async def test_the_environment_is_not_asked(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and netrc of whoever runs the tests have no say, unless `trust_env` says so."""
    assert not Client(app).trust_env
    assert Client(app, trust_env=True).trust_env
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:1")
    async with Client(app) as client:
        assert 200 == (await client.get("/echo")).status_code


async def test_many_requests_are_served_at_once(client: Client, app: App) -> None:
    """Requests on one client run side by side, as on a server."""
    both = asyncio.Barrier(2)

    async def meet(req, res, ctx):
        await both.wait()
        return "met"

    app.GET("/meet", meet)
    responses = await asyncio.gather(client.get("/meet"), client.get("/meet"))
    assert ["met", "met"] == [each.text for each in responses]
