"""Handlers and hooks by themselves: what they are called with, and that they are called as an application does."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import msgspec
import pytest

from heaven import App, BodyTooLarge, Context, HTTPError, NotFound, RegistrationError, Response, ValidationError
from heaven_testing.errors import ApplicationTimeout
from heaven_testing.units import call, make_context, make_request, make_response


class Order(msgspec.Struct):
    quantity: int


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


# make_request


def test_a_request_has_what_a_server_gives_it() -> None:
    """Method, URL, address, and the one header that every request has."""
    app = App()
    req = make_request(app=app)
    assert ("GET", "/", "http://testserver/", "testserver", "127.0.0.1") == (
        req.method, req.path, req.url, req.host, req.ip
    )  # fmt: skip
    assert [(b"host", b"testserver")] == req.scope["headers"]
    assert (app, None, b"", {}, {}) == (req.app, req.route, req.body, req.params, req.queries)
    assert isinstance(make_request().app, App)


def test_all_of_it_can_be_given() -> None:
    """URL with host and query, headers, cookies, parameters, and what the server knows of the client."""
    req = make_request(
        "delete",
        "https://api.shop.test/a%2Fb?page=2&page=3",
        headers=[("X-Tag", "one"), ("X-Tag", "two")],
        cookies={"session": "s7"},
        params={"id": 7},
        client=("10.0.0.1", 9),
        root_path="/shop",
        http_version="2",
        route="/orders/:id:int?page:int",
    )
    assert ("DELETE", "https", "api.shop.test", "api") == (req.method, req.scheme, req.host, req.subdomain)
    assert ("/a/b", "https://api.shop.test/shop/a%2Fb?page=2&page=3") == (req.path, req.url)
    assert ({"page": 3}, {"page": ["2", "3"]}) == (req.queries, req.queries_all)
    assert (["one", "two"], {"session": "s7"}, {"id": 7}) == (req.headers.getall("x-tag"), req.cookies, req.params)
    assert ("10.0.0.1", "2", "/orders/:id:int") == (req.ip, req.scope["http_version"], req.route)
    assert None is make_request(client=None).ip
    assert "other.test" == make_request(headers={"Host": "other.test"}).host


def test_a_body_is_encoded_as_the_client_encodes_it() -> None:
    """JSON, forms, files, text and bytes, each with its length and type."""
    req = make_request("POST", json={"quantity": 2})
    assert ({"quantity": 2}, "application/json", str(len(req.body))) == (
        req.json, req.headers["content-type"], req.headers["content-length"]
    )  # fmt: skip
    assert {"a": "1", "b": "x y"} == dict(make_request("POST", data={"a": "1", "b": "x y"}).form)
    upload = make_request("POST", data={"a": "1"}, files={"file": ("a.txt", io.BytesIO(b"content"), "text/plain")})
    assert ({"a": "1"}, "a.txt", "text/plain") == (
        dict(upload.form), upload.files["file"].filename, upload.files["file"].content_type
    )  # fmt: skip
    text = make_request("PUT", content="über", headers={"content-type": "text/plain"})
    assert ("über", b"\xc3\xbcber", "5") == (text.text, text.body, text.headers["content-length"])
    assert b"\x00" == make_request("PUT", content=b"\x00").body
    assert "0" == make_request("POST").headers["content-length"]


async def test_a_body_can_come_in_chunks() -> None:
    """Whole for a handler that takes it whole, and as they come for one that streams."""
    assert b"onetwo" == make_request("POST", content=[b"one", b"two"]).body
    for content in ([b"one", b"two"], chunks(b"one", b"two")):
        req = make_request("POST", content=content, stream=True)
        assert ("chunked", [b"one", b"two"]) == (
            req.headers["transfer-encoding"],
            [chunk async for chunk in req.stream()],
        )


def test_a_body_to_wait_for_needs_a_stream() -> None:
    """make_request can't wait; the message says what can."""
    with pytest.raises(TypeError, match=r"make_request at .*test_units\.py:\d+ got a body to wait for.*`await call"):
        make_request("POST", content=chunks(b"one"))


def test_limits_are_those_of_a_route() -> None:
    """What the application says, unless the test says otherwise."""
    app = App(max_body_size=3)
    assert b"abc" == make_request("POST", content=b"abc", app=app).body
    with pytest.raises(BodyTooLarge):
        make_request("POST", content=b"abcd", app=app)
    assert b"abcd" == make_request("POST", content=b"abcd", app=app, max_body_size=None).body
    with pytest.raises(BodyTooLarge):
        make_request("POST", content=b"abcd", max_body_size=1)


def test_the_body_is_held_to_its_type() -> None:
    """As with expects= on a route; what no route can have is refused where the test says it."""
    assert Order(2) == make_request("POST", json={"quantity": 2}, expects=Order).data
    with pytest.raises(ValidationError):
        make_request("POST", json={"quantity": "2"}, expects=Order).data
    with pytest.raises(
        RegistrationError, match=r"make_request at .*test_units\.py:\d+ has expects=, and a body of GET"
    ):
        make_request(expects=Order)
    with pytest.raises(RegistrationError, match=r"make_request at .*test_units\.py:\d+: "):
        make_request(route="no/slash")
    with pytest.raises(TypeError, match="unexpected keyword argument 'bodyy'"):
        make_request(bodyy=b"")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def test_the_client_stays_until_it_is_answered() -> None:
    """After its body nothing comes, and it does not leave."""
    req = make_request("POST", content=b"x")
    assert False is await req.is_disconnected()
    assert False is await req.release()


# make_response, make_context


def test_the_other_two_are_as_an_application_makes_them() -> None:
    """A fresh response, and a context with what hooks would have left."""
    assert (200, None, "ok") == (make_response().status, make_response().body, make_response().outcome)
    ctx = make_context(user="ada", order=7)
    assert ("ada", 7) == (ctx.user, ctx.peek("order"))
    with pytest.raises(KeyError, match="'keep' is a method of the context"):
        make_context(keep=1)


# call


@pytest.mark.parametrize(
    ("returned", "body"),
    [({"id": 7}, {"id": 7}), ("text", "text"), (0, 0), ([], []), (None, "as it was")],
)
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_what_a_handler_returns_becomes_the_body(returned, body, kind) -> None:
    """As in an application: None leaves it as it is."""

    def handler(req, res, ctx):
        res.body = "as it was"
        return returned

    async def waiting(req, res, ctx):
        await asyncio.sleep(0)
        return handler(req, res, ctx)

    called = await call(handler if kind == "sync" else waiting)
    assert (body, returned, "ok") == (called.res.body, called.returned, called.res.outcome)


async def test_a_returned_response_is_not_its_own_body() -> None:
    """Handlers may end with `return res.out(...)`."""
    _, res, _, returned = await call(lambda req, res, ctx: res.out(201, "made"))
    assert (201, "made", res) == (res.status, res.body, returned)


async def test_it_is_called_with_what_the_test_gives() -> None:
    """The request, the context and the application."""
    app, ctx = App({"currency": "EUR"}), make_context(user="ada")

    async def create(req, res, ctx):
        ctx.seen = True
        return [req.method, req.path, req.json, req.params["id"], ctx.user, req.app.CONFIG("currency")]

    called = await call(create, "POST", "/orders", json={"quantity": 2}, params={"id": 7}, ctx=ctx, app=app)
    assert ["POST", "/orders", {"quantity": 2}, 7, "ada", "EUR"] == called.returned
    assert (ctx, True, app) == (called.ctx, called.ctx.seen, called.req.app)
    assert isinstance((await call(guard)).ctx, Context)


def guard(req, res, ctx):
    if req.headers.get("authorization") is None:
        res.headers["www-authenticate"] = "Basic"
        res.abort({"error": "who are you?"}, 401)


async def test_abort_ends_it_as_it_ends_a_request() -> None:
    """What was set stays, and the outcome tells."""
    _, res, _, returned = await call(guard)
    assert ("aborted", 401, {"error": "who are you?"}, None) == (res.outcome, res.status, res.body, returned)
    assert "Basic" == res.headers["www-authenticate"]
    assert "ok" == (await call(guard, headers={"authorization": "Basic x"})).res.outcome


@pytest.mark.parametrize(
    "error", [NotFound("no such order"), HTTPError(418), ValueError("broken"), asyncio.CancelledError()]
)
async def test_other_exceptions_are_the_tests(error) -> None:
    """Nothing answers them, so that pytest.raises sees them."""

    async def handler(req, res, ctx):
        raise error

    with pytest.raises(type(error)):
        await call(handler)


async def test_what_the_route_would_declare_is_converted_first() -> None:
    """A handler meets only what is valid; all errors are told at once."""

    def handler(req, res, ctx):
        return [req.data.quantity, req.queries["page"]]

    shape = {"expects": Order, "route": "/orders?page:int"}
    assert [2, 7] == (await call(handler, "POST", "/orders?page=7", json={"quantity": 2}, **shape)).returned
    with pytest.raises(ValidationError) as raised:
        await call(handler, "POST", "/orders?page=x", json={"quantity": "2"}, **shape)
    assert 2 == len(raised.value.errors)


async def test_a_body_to_wait_for_is_read_to_its_end() -> None:
    """Unless the handler streams it."""
    whole = await call(lambda req, res, ctx: req.body, "POST", content=chunks(b"one", b"two"))
    assert b"onetwo" == whole.returned

    async def stream(req, res, ctx):
        return [chunk async for chunk in req.stream()]

    assert [b"one", b"two"] == (await call(stream, "POST", content=chunks(b"one", b"two"), stream=True)).returned


async def test_a_dotted_name_and_a_wrong_shape_are_as_in_an_application() -> None:
    """Held to what registering them would be held to."""
    assert "aborted" == (await call(f"{__name__}.guard")).res.outcome
    with pytest.raises(
        RegistrationError, match=r"call at .*test_units\.py:\d+ got .*<lambda>\(req\); it is called with"
    ):
        await call(lambda req: None)
    with pytest.raises(RegistrationError, match=r"call at .*test_units\.py:\d+ got 'nowhere\.at_all', and it can't be"):
        await call("nowhere.at_all")


async def test_what_was_deferred_is_not_called() -> None:
    """It can be looked at."""
    called = await call(lambda req, res, ctx: res.defer(print, "mail") and None)
    assert [(print, ("mail",), {})] == called.res.take_deferred()


async def test_a_handler_that_looks_for_its_client_leaves_nothing_behind() -> None:
    """The watch over the client ends with the call."""

    async def handler(req, res, ctx):
        return await req.is_disconnected()

    tasks = asyncio.all_tasks()
    assert False is (await call(handler)).returned
    assert tasks == asyncio.all_tasks()


async def test_a_handler_that_hangs_is_told_with_its_place() -> None:
    """After `timeout` seconds; what it raises when it is cancelled hides nothing."""

    async def hang(req, res, ctx):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("in the end") from None

    with pytest.raises(
        ApplicationTimeout, match=r"hang did not finish in 0\.01 s: it waits in hang at .*test_units\.py"
    ):
        await call(hang, timeout=0.01)
    assert "in time" == (await call(lambda req, res, ctx: "in time", timeout=None)).returned


async def test_a_test_that_is_cancelled_cancels_its_call() -> None:
    """Nothing goes on behind its back."""
    ended: list[Response] = []

    async def hang(req, res, ctx):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(res)

    task = asyncio.create_task(call(hang, timeout=None))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    assert (1, True) == (len(ended), task.cancelled())
